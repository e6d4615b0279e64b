using System.Diagnostics.Metrics;

namespace MoE.Diagnostics;

/// <summary>
/// Instruments of <see cref="System.Diagnostics.Metrics"/> under the meter <c>MoE</c>, each with the tag <c>layer</c>. Computes nothing that no one listens to. Thread-safe.
/// <list type="table">
/// <item><term>moe.router.tokens</term><description>counter: tokens with an expert</description></item>
/// <item><term>moe.router.routes</term><description>counter, also tagged <c>expert</c>: routes asked for, before drops</description></item>
/// <item><term>moe.router.dropped</term><description>counter: routes that a capacity dropped</description></item>
/// <item><term>moe.router.max_violation</term><description>histogram over calls: <see cref="RoutingStatistics.MaxViolation(Routing)"/></description></item>
/// <item><term>moe.router.load_variation</term><description>histogram over calls: <see cref="RoutingStatistics.LoadVariation(Routing)"/></description></item>
/// <item><term>moe.router.load_entropy</term><description>histogram over calls, nats: <see cref="RoutingStatistics.LoadEntropy(Routing)"/></description></item>
/// <item><term>moe.router.dead_experts</term><description>gauge: experts that no token of the last call chose</description></item>
/// <item><term>moe.router.margin</term><description>histogram over tokens: <see cref="RoutingStatistics.Margins"/>, finite ones</description></item>
/// </list>
/// </summary>
/// <example><code>
/// using var meter = new RoutingMeter();
/// meter.Record("layers.3", result.Routing.Snapshot());
/// </code></example>
public sealed class RoutingMeter : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "MoE";

    private readonly Meter _meter;
    private readonly bool _ownsMeter;
    private readonly Counter<long> _tokens, _routes, _dropped;
    private readonly Histogram<double> _violation, _variation, _entropy, _margin;
    private readonly Gauge<int> _dead;

    /// <summary>Makes the instruments.</summary>
    /// <param name="factory">Makes the meter, and owns it; null: a meter of its own.</param>
    public RoutingMeter(IMeterFactory? factory = null)
    {
        _ownsMeter = factory is null;
        _meter = factory?.Create(new MeterOptions(MeterName)) ?? new Meter(MeterName);
        _tokens = _meter.CreateCounter<long>("moe.router.tokens", "{token}", "Tokens with an expert");
        _routes = _meter.CreateCounter<long>("moe.router.routes", "{route}", "Routes asked for, before drops");
        _dropped = _meter.CreateCounter<long>("moe.router.dropped", "{route}", "Routes that a capacity dropped");
        _violation = _meter.CreateHistogram<double>("moe.router.max_violation", "1", "max(load) / mean(load) - 1 of a call");
        _variation = _meter.CreateHistogram<double>("moe.router.load_variation", "1", "Standard deviation of the load of a call over its mean");
        _entropy = _meter.CreateHistogram<double>("moe.router.load_entropy", "nat", "Entropy of the load of a call");
        _dead = _meter.CreateGauge<int>("moe.router.dead_experts", "{expert}", "Experts that no token of the last call chose");
        _margin = _meter.CreateHistogram<double>("moe.router.margin", "1", "Gap between the last chosen and the next selection score of a token");
    }

    /// <summary>Records one routing.</summary>
    /// <param name="layer">Name of the layer.</param>
    /// <param name="routing">Any routing. Of one without tokens only the counters move, by nothing.</param>
    /// <param name="selectionScores">[T, E] of <see cref="ReferenceRouter.SelectionScores"/> for the margins, or empty.</param>
    /// <exception cref="ArgumentException">The scores have another length; nothing was recorded.</exception>
    public void Record(string layer, Routing routing, ReadOnlySpan<float> selectionScores = default)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(routing);
        if (!selectionScores.IsEmpty && selectionScores.Length != (long)routing.TokenCount * routing.ExpertCount)
            throw new ArgumentException($"selectionScores has {selectionScores.Length} values; must be tokens x experts ({routing.TokenCount} x {routing.ExpertCount})", nameof(selectionScores));
        var tag = new KeyValuePair<string, object?>("layer", layer);
        if (!selectionScores.IsEmpty && _margin.Enabled)
        {
            foreach (float margin in RoutingStatistics.Margins(routing, selectionScores))
            {
                if (float.IsFinite(margin)) _margin.Record(margin, tag);
            }
        }

        if (_tokens.Enabled) _tokens.Add(RoutingStatistics.CountedTokens(routing), tag);
        if (_dropped.Enabled) _dropped.Add((routing as SparseRouting)?.Plan.DroppedCount ?? 0, tag);
        if (!(_routes.Enabled || _violation.Enabled || _variation.Enabled || _entropy.Enabled || _dead.Enabled)) return;
        int[] load = RoutingStatistics.Demand(routing);
        for (int e = 0; e < load.Length && _routes.Enabled; e++)
        {
            if (load[e] > 0) _routes.Add(load[e], tag, new KeyValuePair<string, object?>("expert", e));
        }

        if (!load.AsSpan().ContainsAnyExcept(0)) return;
        _violation.Record(RoutingStatistics.MaxViolation(load), tag);
        _variation.Record(RoutingStatistics.LoadVariation(load), tag);
        _entropy.Record(RoutingStatistics.LoadEntropy(load), tag);
        _dead.Record(load.AsSpan().Count(0), tag);
    }

    /// <summary>Ends the meter, unless a factory owns it.</summary>
    public void Dispose()
    {
        if (_ownsMeter) _meter.Dispose();
    }
}
