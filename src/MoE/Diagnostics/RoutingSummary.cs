namespace MoE.Diagnostics;

/// <summary>What the routings of one layer said about balance, added up. Loads are counted before drops, as in <see cref="RoutingStatistics"/>.</summary>
public sealed record RoutingSummary
{
    /// <summary>E.</summary>
    public required int Experts { get; init; }

    /// <summary>Routings added.</summary>
    public required long Batches { get; init; }

    /// <summary>Tokens with at least one expert; padding has none.</summary>
    public required long Tokens { get; init; }

    /// <summary>Routes asked for, kept and dropped alike.</summary>
    public required long Routes { get; init; }

    /// <summary>Routes that a capacity dropped.</summary>
    public required long Dropped { get; init; }

    /// <summary>[E]: routes that each expert was asked to take.</summary>
    public required IReadOnlyList<long> Load { get; init; }

    /// <summary>[E, E]: tokens that chose both experts; null where pairs were not counted.</summary>
    public required long[,]? CoActivation { get; init; }

    /// <summary>The margins; null where no selection scores were given, or no margin was finite.</summary>
    public required MarginSummary? Margin { get; init; }

    /// <summary>max(load) / mean(load) - 1: 0 when balanced, E - 1 when one expert takes all; 0 without routes.</summary>
    public double MaxViolation => RoutingStatistics.MaxViolation(Loads());

    /// <summary>Standard deviation of the load over its mean: 0 when balanced.</summary>
    public double LoadVariation => RoutingStatistics.LoadVariation(Loads());

    /// <summary>Entropy of the load in nats: ln E when balanced.</summary>
    public double LoadEntropy => RoutingStatistics.LoadEntropy(Loads());

    /// <summary>Dropped over asked for, 0..1; 0 without routes.</summary>
    public double DropRate => Routes == 0 ? 0 : (double)Dropped / Routes;

    /// <summary>The experts that no token chose, ascending.</summary>
    public IReadOnlyList<int> DeadExperts => [.. Enumerable.Range(0, Experts).Where(e => Load[e] == 0)];

    private long[] Loads() => [.. Load];
}
