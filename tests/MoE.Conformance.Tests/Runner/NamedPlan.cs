namespace MoE.Conformance.Runner;

/// <summary>
/// A case whose outputs are no fixed quantities: the adapter itself calls public API on each engine that runs it and names what comes out as the file does. With a torch part: <c>Engines.NamedTorchPlan</c>.
/// </summary>
internal record NamedPlan : CasePlan
{
    /// <summary>Runs the case on the managed engine, or null. The second argument is the recorded choice to replay, or null.</summary>
    public Action<NamedValues, GoldenTensor?>? Managed { get; init; }

    /// <summary>What was differentiated, one after the other.</summary>
    public IReadOnlyList<Derivative> Derivatives { get; init; } = [];

    /// <summary>Outputs that are sums over experts, held to the tolerance of layer outputs; all others are routing values.</summary>
    public IReadOnlySet<string> LayerOutputs { get; init; } = new HashSet<string>();

    /// <summary>The output that holds the chosen experts [T, K], where a recorded choice may be replayed among equal scores.</summary>
    public string? ExpertsOutput { get; init; }

    /// <summary>The router of <see cref="ExpertsOutput"/>, whose selection scores say whether a recorded choice is one that only a tie decides.</summary>
    public RouterSpec? Router { get; init; }

    /// <summary>Logits [T, E] of <see cref="Router"/>.</summary>
    public GoldenTensor? RouterLogits { get; init; }

    /// <summary>A plan without fixed quantities.</summary>
    public static IReadOnlyDictionary<string, Quantity> None { get; } = new Dictionary<string, Quantity>();
}

/// <summary>One backward pass: an output, its cotangent (null: a scalar by itself), and the gradients it gives. Gradient keys of the file are peer names of the links.</summary>
internal sealed record Derivative(string Output, GoldenTensor? Cotangent, IReadOnlyList<Link> Variables)
{
    /// <summary>Scalars that were added before differentiating.</summary>
    public IReadOnlyList<string> Also { get; init; } = [];
}
