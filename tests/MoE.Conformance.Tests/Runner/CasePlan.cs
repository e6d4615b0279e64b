namespace MoE.Conformance.Runner;

/// <summary>The quantities of a routing, a layer or a loss that a peer records. [T, K] ones are in the order of a token's choices.</summary>
internal enum Quantity
{
    /// <summary>Layer output, [T, D].</summary>
    Output,

    /// <summary>Logits, [T, E].</summary>
    Logits,

    /// <summary>Scores of all experts before bias and groups, [T, E].</summary>
    Scores,

    /// <summary>Routing weights, [T, K].</summary>
    Weights,

    /// <summary>Logits of the chosen experts, [T, K].</summary>
    ChosenLogits,

    /// <summary>Chosen experts, [T, K].</summary>
    Experts,

    /// <summary>Routing weights, [T, E].</summary>
    DenseWeights,

    /// <summary>Routing weights, [E, T].</summary>
    WeightsByExpert,

    /// <summary>Which routes are carried out, [T, E].</summary>
    Map,

    /// <summary>Routes per expert, [E].</summary>
    Load,

    /// <summary>An auxiliary loss, [].</summary>
    Loss,

    /// <summary>Capacities, one per call.</summary>
    Capacities,
}

/// <summary>A case in the library's terms: what to run, and which recorded key is which quantity. Made by an adapter, run by an engine.</summary>
internal abstract record CasePlan
{
    /// <summary>Output key of the file to quantity; every key of the file must be here, and every key here in the file.</summary>
    public required IReadOnlyDictionary<string, Quantity> Outputs { get; init; }

    /// <summary>Gradient keys of the file to variables of the library. A file may record fewer.</summary>
    public IReadOnlyList<Link> Variables { get; init; } = [];

    /// <summary>What was differentiated.</summary>
    public Quantity Differentiated { get; init; }

    /// <summary>The recorded cotangent of <see cref="Differentiated"/>, in the file's shape; null: a scalar differentiated by itself.</summary>
    public GoldenTensor? Cotangent { get; init; }

    /// <summary>The router, where the case has a choice of experts that can be replayed.</summary>
    public virtual RouterSpec? Choice => null;
}

/// <summary>A case with a choice of experts.</summary>
internal abstract record RoutedPlan : CasePlan
{
    public required RouterSpec Router { get; init; }

    /// <summary>[E], where the router uses one.</summary>
    public GoldenTensor? SelectionBias { get; init; }

    /// <summary>[T], true for padding, or null.</summary>
    public GoldenTensor? Padding { get; init; }

    /// <summary>[T, K] where the peer is given the experts, or null.</summary>
    public GoldenTensor? Given { get; init; }

    public override RouterSpec? Choice => Given is null ? Router : null;
}

/// <summary>A router on recorded logits, [T, E].</summary>
internal sealed record LogitsPlan : RoutedPlan
{
    public required GoldenTensor Logits { get; init; }
}

/// <summary>A gate with a linear scorer on tokens [T, D].</summary>
internal sealed record GatePlan : RoutedPlan
{
    public required GoldenTensor Tokens { get; init; }

    /// <summary>[E, D].</summary>
    public required GoldenTensor Weight { get; init; }

    /// <summary>[E] or null.</summary>
    public GoldenTensor? Bias { get; init; }
}

/// <summary>A layer on tokens [T, D].</summary>
internal sealed record LayerPlan : RoutedPlan
{
    public required MoELayerSpec Layer { get; init; }

    public required GoldenTensor Tokens { get; init; }

    /// <summary>By the names of <see cref="WeightNames"/>.</summary>
    public required IReadOnlyDictionary<string, GoldenTensor> Weights { get; init; }
}

/// <summary>Normalised scores of all experts and the top-k of them, as load-balancing losses want them. The router chooses among the scores as they are.</summary>
internal sealed record AuxiliaryRoutingPlan : RoutedPlan
{
    public required GoldenTensor Logits { get; init; }

    public required ScoreFunction Function { get; init; }
}

/// <summary>The pooled load-balancing loss on logits [L, T, E].</summary>
internal sealed record PooledLossPlan : CasePlan
{
    public required GoldenTensor Logits { get; init; }

    public required int Choices { get; init; }

    /// <summary>[T] or null.</summary>
    public GoldenTensor? Padding { get; init; }
}

/// <summary>The Switch load-balancing loss on normalised scores [T, E] and loads [E]; its gradient goes through the scores to the logits.</summary>
internal sealed record SwitchLossPlan : CasePlan
{
    public required GoldenTensor Logits { get; init; }

    public required GoldenTensor Scores { get; init; }

    public required ScoreFunction Function { get; init; }

    public required GoldenTensor Load { get; init; }

    public required int Choices { get; init; }

    public required int Tokens { get; init; }

    public required double Coefficient { get; init; }

    /// <summary>[T] or null.</summary>
    public GoldenTensor? Padding { get; init; }
}

/// <summary>The router z-loss on logits [T, E].</summary>
internal sealed record ZLossPlan : CasePlan
{
    public required GoldenTensor Logits { get; init; }

    public required double Coefficient { get; init; }

    /// <summary>[T] or null.</summary>
    public GoldenTensor? Padding { get; init; }
}

/// <summary>Capacities of a list of calls.</summary>
internal sealed record CapacityPlan : CasePlan
{
    public required IReadOnlyList<(CapacitySpec Rule, int Tokens, int Experts, int Choices)> Calls { get; init; }
}
