using MoE.Conformance.Runner;

namespace MoE.Conformance.Adapters;

/// <summary>Widths of a recorded layer, from its tensors.</summary>
/// <param name="Model">D.</param>
/// <param name="Expert">F.</param>
/// <param name="Shared">Fs, or 0.</param>
internal readonly record struct Widths(int Model, int Expert, int Shared);

/// <summary>Gathers the tensors of a recorded layer under the library's names, and makes the plan from them.</summary>
/// <param name="c">The case.</param>
/// <param name="input">The tokens, [..., D].</param>
internal sealed class LayerCase(CaseReader c, string input = "hidden_states")
{
    private readonly Dictionary<string, GoldenTensor> _weights = new(StringComparer.Ordinal);
    private readonly List<Link> _links = [Link.Of(input, "tokens")];

    /// <summary>The layer, once its widths are known; a profile wherever there is one.</summary>
    public required Func<Widths, MoELayerSpec> Layer { get; init; }

    /// <summary>The peer's activation, where an option names it.</summary>
    public string? Activation { get; init; }

    /// <summary>Recorded outputs beside <c>output</c>.</summary>
    public required IReadOnlyDictionary<string, Quantity> Outputs { get; init; }

    /// <summary>Takes weights of the peer.</summary>
    public LayerCase With(Link link)
    {
        var peers = link.PeerNames.Select(c.Weight).ToArray();
        foreach (var (name, tensor) in link.LibraryNames.Zip(link.Layout.ToLibrary(peers))) _weights.Add(name, tensor);
        _links.Add(link);
        return this;
    }

    /// <summary>Takes a weight that not every case has.</summary>
    public LayerCase WithOptional(string peer, string library, Layout? layout = null) =>
        c.HasWeight(peer) ? With(Link.Of(peer, library, layout)) : this;

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
        var tokens = c.Input(input).Rows();
        int shared = _weights.TryGetValue(WeightNames.SharedUp, out var up) ? up.Size(0) : 0;
        var layer = Layer(new Widths(tokens.Size(1), _weights[WeightNames.ExpertUp].Size(1), shared));
        layer = layer with
        {
            Router = layer.Router with { Ties = TieRule.Native },
            Expert = Activation is null ? layer.Expert : layer.Expert with { Activation = Specs.Activation(Activation) },
        };
        return new LayerPlan
        {
            Router = layer.Router,
            SelectionBias = _weights.GetValueOrDefault(WeightNames.SelectionBias),
            Layer = layer,
            Tokens = tokens,
            Weights = _weights,
            Outputs = new Dictionary<string, Quantity>(Outputs) { ["output"] = Quantity.Output },
            Variables = _links,
            Differentiated = Quantity.Output,
            Cotangent = c.InputOrNull("cotangent_output"),
        };
    }
}
