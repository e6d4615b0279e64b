using MoE.Conformance.Runner;
using MoE.Torch;
using static TorchSharp.torch;

namespace MoE.Conformance.Engines;

/// <summary>A layer made from a spec, whose routing and losses a case records beside the output.</summary>
internal sealed record LayerRun
{
    public required CaseReader Case { get; init; }

    public required RoutingCase Call { get; init; }

    public required MoELayerSpec Spec { get; init; }

    public string Input { get; init; } = "x";

    public string Output { get; init; } = "output";

    /// <summary>The peer's weights and the library's names.</summary>
    public required IReadOnlyList<Link> Weights { get; init; }

    public Action<TorchRun, MoEResult>? More { get; init; }

    public Action<NamedValues, TopKRouting>? ManagedMore { get; init; }

    /// <summary>Outputs that are differentiated by themselves, and what the names of their gradients end in.</summary>
    public IReadOnlyList<(string Output, string Suffix)> Losses { get; init; } = [];

    /// <summary>Scalars that were added to the output's before differentiating.</summary>
    public IReadOnlyList<string> Also { get; init; } = [];

    /// <summary>What the names of the output's gradients end in.</summary>
    public string Suffix { get; init; } = "";

    public string? ExpertsOutput { get; init; }

    public NamedTorchPlan Plan()
    {
        var x = Case.Input(Input);
        var weights = new Dictionary<string, GoldenTensor>();
        foreach (var link in Weights)
        {
            foreach (var (name, tensor) in link.LibraryNames.Zip(link.Layout.ToLibrary([.. link.PeerNames.Select(Case.Weight)]))) weights.Add(name, tensor);
        }

        var cotangent = Case.InputOrNull($"cotangent_{Output}");
        Link[] variables = [Link.Of(Input, "x"), .. Weights];
        return new NamedTorchPlan
        {
            Outputs = NamedPlan.None,
            LayerOutputs = new HashSet<string> { Output },
            Managed = (values, replay) => Managed(values, x, weights, replay),
            Torch = (run, replay) => Torch(run, x, weights, replay),
            Derivatives = [new(Output, cotangent, Ending(variables, Suffix)) { Also = Also }, .. Losses.Select(l => new Derivative(l.Output, null, Ending(variables, l.Suffix)))],
        };
    }

    public static Link[] Ending(IReadOnlyList<Link> links, string suffix) => [.. links.Select(l => l with { PeerNames = [.. l.PeerNames.Select(n => $"{n}{suffix}")] })];

    private void Torch(TorchRun run, GoldenTensor x, Dictionary<string, GoldenTensor> weights, GoldenTensor? replay)
    {
        var tokens = run.Leaf("x", x);
        var layer = new MoELayer(Spec, tokens.dtype);
        run.Load(layer, "", weights);
        layer.train(Call.Training);
        var result = layer.route(tokens, Call.Context(replay));
        run[Output] = result.Output;
        More?.Invoke(run, result);
    }

    private void Managed(NamedValues values, GoldenTensor x, Dictionary<string, GoldenTensor> weights, GoldenTensor? replay)
    {
        var source = new WeightDictionary();
        foreach (var (name, tensor) in weights) source.Add(name, HostValues.Floats(tensor), [.. tensor.Shape]);
        using var layer = new ReferenceLayer(Spec, source);
        var output = new float[x.Count];
        float[] tokens = HostValues.Floats(x);
        var input = new GateInput(tokens, Spec.Width)
        {
            Padding = HostValues.Bools(Call.Padding),
            GivenExperts = HostValues.Ints(replay),
            Noise = Call.Noise,
            Training = Call.Training,
            SequenceLength = Call.SequenceLength,
        };
        layer.Forward(input, output);
        values[Output] = HostValues.Singles([.. x.Shape], output);
        if (ManagedMore is null) return;
        var gate = new LinearGate(Spec.Router, HostValues.Floats(weights[WeightNames.Router]), HostValues.Floats(weights.GetValueOrDefault(WeightNames.RouterBias)));
        float[] logits = gate.Logits(input);
        values["~logits"] = HostValues.Singles([input.TokenCount, Spec.Router.Experts], logits);
        ManagedMore(values, Call.Managed(logits, replay));
    }

    /// <summary>Experts relu(x w1) w2 with weights [E, D, F] and [E, F, D], and a linear router.</summary>
    public static IReadOnlyList<Link> TwoMatrices { get; } =
    [
        Link.Of("router.weight", WeightNames.Router),
        Link.Of("experts.w1", WeightNames.ExpertUp, Layout.Transposed),
        Link.Of("experts.w2", WeightNames.ExpertDown, Layout.Transposed),
    ];

    /// <summary>The layer of <see cref="TwoMatrices"/>.</summary>
    public static MoELayerSpec TwoMatrixSpec(CaseReader c, RouterSpec router) => new()
    {
        Width = c.Weight("experts.w1").Size(1),
        Router = router,
        Expert = new ExpertSpec { Width = c.Weight("experts.w1").Size(2), Form = ExpertForm.FeedForward, Activation = Activation.Relu },
    };
}
