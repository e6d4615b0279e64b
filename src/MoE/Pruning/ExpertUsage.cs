using MoE.Diagnostics;

namespace MoE;

/// <summary>How much each expert of a layer was used.</summary>
public sealed class ExpertUsage
{
    private readonly long[] _tokens;
    private readonly double[] _weight;

    private ExpertUsage(int experts) => (_tokens, _weight) = (new long[experts], new double[experts]);

    /// <summary>Experts E.</summary>
    public int ExpertCount => _tokens.Length;

    /// <summary>[E]: tokens that chose each expert; routes that a capacity dropped are counted.</summary>
    public IReadOnlyList<long> Tokens => _tokens;

    /// <summary>[E]: sums of the weights.</summary>
    public IReadOnlyList<double> Weight => _weight;

    /// <summary>The weights were known in all of the routings; otherwise experts can only be compared by tokens.</summary>
    public bool HasWeights { get; private set; } = true;

    /// <summary>Of routings of one layer.</summary>
    /// <param name="routings">At least one, all over the same experts.</param>
    /// <exception cref="ArgumentException">There is none, or they differ in experts.</exception>
    public static ExpertUsage Of(IEnumerable<Routing> routings)
    {
        ArgumentNullException.ThrowIfNull(routings);
        return Of(routings.Select(static r => (r, true)), nameof(routings));
    }

    /// <summary>Of the records of a layer in a routing log.</summary>
    /// <param name="log">The log.</param>
    /// <param name="layer">Name of the layer.</param>
    /// <exception cref="ArgumentException">The log has no record of the layer, or records over different experts.</exception>
    public static ExpertUsage Of(RoutingLog log, string layer)
    {
        ArgumentNullException.ThrowIfNull(log);
        ArgumentNullException.ThrowIfNull(layer);
        if (!log.Layers.Contains(layer)) throw new ArgumentException($"layer = {layer}: the log has records of {string.Join(", ", log.Layers)}", nameof(layer));
        return Of(log.Records.Where(r => r.Layer == layer).Select(static r => (r.Routing, r.HasWeights)), nameof(log));
    }

    /// <summary>The experts that were chosen at all.</summary>
    /// <returns>Indices, ascending.</returns>
    public int[] Used() => [.. Enumerable.Range(0, ExpertCount).Where(e => _tokens[e] > 0)];

    /// <summary>The most used experts; of equal ones, those of the lowest index.</summary>
    /// <param name="count">How many, 1..E.</param>
    /// <param name="by">What is compared.</param>
    /// <returns>Indices, ascending.</returns>
    /// <exception cref="InvalidOperationException">Weights are compared and were not known.</exception>
    public int[] Most(int count, PruneBy by = PruneBy.Tokens)
    {
        if (count < 1 || count > ExpertCount) throw new ArgumentOutOfRangeException(nameof(count), count, $"must be in 1..{ExpertCount}");
        return [.. Ranked(by).Take(count).Order()];
    }

    /// <summary>The fewest experts that have a share of all tokens or weight, at least one.</summary>
    /// <param name="share">0..1.</param>
    /// <param name="by">What is compared.</param>
    /// <returns>Indices, ascending.</returns>
    /// <exception cref="InvalidOperationException">Weights are compared and were not known.</exception>
    public int[] Share(double share, PruneBy by = PruneBy.Weight)
    {
        if (!(share >= 0 && share <= 1)) throw new ArgumentOutOfRangeException(nameof(share), share, "must be in 0..1");
        int[] ranked = Ranked(by);
        // Added up in the order of the test, so that a share of one is reached by the experts that have anything.
        double total = 0, held = 0;
        foreach (int e in ranked) total += Value(e, by);
        int count = 0;
        do held += Value(ranked[count++], by);
        while (held < share * total && count < ranked.Length);
        return [.. ranked.Take(count).Order()];
    }

    /// <summary>The share of all tokens or weight that some experts have.</summary>
    /// <param name="experts">Indices, each once.</param>
    /// <param name="by">What is added up.</param>
    /// <returns>0..1; 0 where nothing was routed.</returns>
    /// <exception cref="InvalidOperationException">Weights are added up and were not known.</exception>
    public double ShareOf(IEnumerable<int> experts, PruneBy by = PruneBy.Weight)
    {
        ArgumentNullException.ThrowIfNull(experts);
        double total = Ranked(by).Sum(e => Value(e, by));
        return total == 0 ? 0 : experts.Distinct().Sum(e => Value(e, by)) / total;
    }

    private int[] Ranked(PruneBy by)
    {
        if (!Enum.IsDefined(by)) throw new ArgumentOutOfRangeException(nameof(by), by, "must be a defined measure");
        if (by == PruneBy.Weight && !HasWeights) throw new InvalidOperationException("Some of the routings have no weights; experts can only be compared by tokens.");
        return [.. Enumerable.Range(0, ExpertCount).OrderByDescending(e => Value(e, by)).ThenBy(static e => e)];
    }

    private double Value(int expert, PruneBy by) => by == PruneBy.Tokens ? _tokens[expert] : _weight[expert];

    private static ExpertUsage Of(IEnumerable<(Routing Routing, bool HasWeights)> routings, string argument)
    {
        ExpertUsage? usage = null;
        foreach (var (routing, hasWeights) in routings)
        {
            usage ??= new ExpertUsage(routing.ExpertCount);
            if (routing.ExpertCount != usage.ExpertCount) throw new ArgumentException($"routings are over {usage.ExpertCount} and over {routing.ExpertCount} experts; must be of one layer", argument);
            usage.HasWeights &= hasWeights;
            var chosen = new TokenExperts(routing);
            for (int t = 0; t < routing.TokenCount; t++)
            {
                foreach (var route in chosen.Of(t))
                {
                    usage._tokens[route.Expert]++;
                    usage._weight[route.Expert] += route.Weight;
                }
            }
        }

        return usage ?? throw new ArgumentException("there is no routing", argument);
    }
}
