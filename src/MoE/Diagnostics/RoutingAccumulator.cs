namespace MoE.Diagnostics;

/// <summary>Adds up the routings of one layer over batches. Memory is O(E), and O(E^2) with pairs, however many batches. Not thread-safe.</summary>
/// <example><code>
/// var layer3 = new RoutingAccumulator(experts: 64);
/// layer3.Add(result.Routing.Snapshot());
/// double violation = layer3.Summary().MaxViolation;
/// </code></example>
public sealed class RoutingAccumulator
{
    private readonly long[] _load;
    private readonly long[,]? _pairs;
    private readonly MarginBins _margins = new();
    private long _batches, _tokens, _dropped;

    /// <summary>Starts with nothing.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="countPairs">Count co-activations, which takes [E, E] counters.</param>
    public RoutingAccumulator(int experts, bool countPairs = true)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        _load = new long[experts];
        _pairs = countPairs ? new long[experts, experts] : null;
    }

    /// <summary>Adds a batch.</summary>
    /// <param name="routing">A routing over E experts.</param>
    /// <param name="selectionScores">[T, E] of <see cref="ReferenceRouter.SelectionScores"/> for the margins, or empty.</param>
    /// <exception cref="ArgumentException">The routing has another number of experts, or the scores another length; nothing was added.</exception>
    public void Add(Routing routing, ReadOnlySpan<float> selectionScores = default)
    {
        ArgumentNullException.ThrowIfNull(routing);
        float[] margins = selectionScores.IsEmpty ? [] : RoutingStatistics.Margins(routing, selectionScores);
        AddMargins(routing, margins);
    }

    /// <summary>Adds a record of a log, with its margins where it has them.</summary>
    /// <param name="record">A routing over E experts.</param>
    /// <exception cref="ArgumentException">The routing has another number of experts; nothing was added.</exception>
    public void Add(RoutingRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        AddMargins(record.Routing, [.. record.Margins]);
    }

    /// <summary>What was added since the start or the last <see cref="Reset"/>.</summary>
    public RoutingSummary Summary() => new()
    {
        Experts = _load.Length,
        Batches = _batches,
        Tokens = _tokens,
        Routes = _load.Sum(),
        Dropped = _dropped,
        Load = [.. _load],
        CoActivation = (long[,]?)_pairs?.Clone(),
        Margin = _margins.Summary(),
    };

    /// <summary>Forgets everything.</summary>
    public void Reset()
    {
        Array.Clear(_load);
        if (_pairs is not null) Array.Clear(_pairs);
        _margins.Clear();
        _batches = _tokens = _dropped = 0;
    }

    private void AddMargins(Routing routing, ReadOnlySpan<float> margins)
    {
        if (routing.ExpertCount != _load.Length)
            throw new ArgumentException($"the routing has {routing.ExpertCount} experts; must have {_load.Length}", nameof(routing));
        int[] demand = RoutingStatistics.Demand(routing);
        for (int e = 0; e < demand.Length; e++) _load[e] += demand[e];
        if (_pairs is not null) RoutingStatistics.AddPairs(routing, _pairs);
        _margins.Add(margins);
        _batches++;
        _tokens += RoutingStatistics.CountedTokens(routing);
        if (routing is SparseRouting sparse) _dropped += sparse.Plan.DroppedCount;
    }
}
