using MoE.Conformance.Runner;

namespace MoE.Conformance.Adapters;

/// <summary>Gathers the tensors of a recorded layer under the library's names, and makes the plan from them.</summary>
internal sealed class LayerCase
{
    private readonly CaseReader _case;
    private readonly Dictionary<string, GoldenTensor> _weights = new(StringComparer.Ordinal);
    private readonly List<Link> _links = [];
    private readonly string _input;

    /// <summary>A layer whose tokens are an input.</summary>
    /// <param name="c">The case.</param>
    /// <param name="input">The tokens, [..., D].</param>
    public LayerCase(CaseReader c, string input = "hidden_states")
    {
        _case = c;
        _input = input;
        _links.Add(Link.Of(input, "tokens"));
    }

    /// <summary>The router's rule; the number of experts and choices are in it.</summary>
    public required RouterSpec Router { get; init; }

    /// <summary>Form and activation; the width comes from the weights.</summary>
    public ExpertSpec Expert { get; init; } = new() { Width = 1 };

    public WeightedSide Weighted { get; init; } = WeightedSide.Output;

    /// <summary>Recorded outputs beside <c>output</c>.</summary>
    public required IReadOnlyDictionary<string, Quantity> Outputs { get; init; }

    /// <summary>Takes weights of the peer.</summary>
    public LayerCase With(Link link)
    {
        var peers = link.PeerNames.Select(_case.Weight).ToArray();
        foreach (var (name, tensor) in link.LibraryNames.Zip(link.Layout.ToLibrary(peers))) _weights.Add(name, tensor);
        _links.Add(link);
        return this;
    }

    /// <summary>Takes a weight that not every case has.</summary>
    public LayerCase WithOptional(string peer, string library, Layout? layout = null) =>
        _case.HasWeight(peer) ? With(Link.Of(peer, library, layout)) : this;

    /// <summary><c>router.weight</c>, and <c>experts.gate</c>, <c>up</c> and <c>down</c>.</summary>
    public LayerCase WithGluExperts() => With(Link.Of("router.weight", WeightNames.Router))
        .With(Link.Of("experts.gate", WeightNames.ExpertGate))
        .With(Link.Of("experts.up", WeightNames.ExpertUp))
        .With(Link.Of("experts.down", WeightNames.ExpertDown));

    /// <summary><c>router.weight</c>, one tensor for gate and up, and one for down.</summary>
    public LayerCase WithFusedExperts(string gateUp, Layout gateUpLayout, string down, Layout downLayout) => With(Link.Of("router.weight", WeightNames.Router))
        .With(Link.Of(gateUp, WeightNames.ExpertGate, WeightNames.ExpertUp, gateUpLayout))
        .With(Link.Of(down, WeightNames.ExpertDown, downLayout));

    /// <summary><c>shared.gate</c>, <c>up</c> and <c>down</c>, where the case has them.</summary>
    public LayerCase WithSharedExpert() => WithOptional("shared.gate", WeightNames.SharedGate)
        .WithOptional("shared.up", WeightNames.SharedUp)
        .WithOptional("shared.down", WeightNames.SharedDown);

    public LayerPlan Plan()
    {
        var tokens = _case.Input(_input).Rows();
        var router = Router with { Ties = TieRule.Native };
        var bias = _weights.GetValueOrDefault(WeightNames.SelectionBias);
        var layer = new MoELayerSpec
        {
            Width = tokens.Size(1),
            Router = router,
            RouterBias = _weights.ContainsKey(WeightNames.RouterBias),
            Expert = Expert with { Width = _weights[WeightNames.ExpertUp].Size(1), Biases = _weights.ContainsKey(WeightNames.ExpertUpBias) },
            Shared = _weights.TryGetValue(WeightNames.SharedUp, out var shared)
                ? new SharedExpertSpec { Width = shared.Size(0), SigmoidGate = _weights.ContainsKey(WeightNames.SharedScalarGate) }
                : null,
            Weighted = Weighted,
        };
        return new LayerPlan
        {
            Router = router,
            SelectionBias = bias,
            Layer = layer,
            Tokens = tokens,
            Weights = _weights,
            Outputs = new Dictionary<string, Quantity>(Outputs) { ["output"] = Quantity.Output },
            Variables = _links,
            Differentiated = Quantity.Output,
            Cotangent = _case.InputOrNull("cotangent_output"),
        };
    }
}
