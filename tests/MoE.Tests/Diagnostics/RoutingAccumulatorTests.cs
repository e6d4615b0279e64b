using CsCheck;
using MoE.Diagnostics;

namespace MoE.Tests.Diagnostics;

/// <summary>Batches added up are one batch; margins, pairs and entropy in closed form.</summary>
public sealed class RoutingAccumulatorTests
{
    [Fact]
    public void Entropy_of_the_load_has_known_values()
    {
        Assert.Equal(Math.Log(4), RoutingStatistics.LoadEntropy([3, 3, 3, 3]), 1e-12);
        Assert.Equal(1.5 * Math.Log(2), RoutingStatistics.LoadEntropy([4L, 2, 2, 0]), 1e-12);
        Assert.Equal(0, RoutingStatistics.LoadEntropy([0, 7, 0]));
        Assert.Equal(0, RoutingStatistics.LoadEntropy([0, 0]));
    }

    [Fact]
    public void Pairs_are_counted_per_token()
    {
        // Token 0: 0 and 1. Token 1: 1 and 2. Token 2: padding. Token 3: 1, named twice.
        var routing = new TopKRouting(4, 3, 2, [0, 1, 2, 1, -1, -1, 1, 1], new float[8]);
        Assert.Equal(new long[,] { { 1, 1, 0 }, { 1, 3, 1 }, { 0, 1, 1 } }, RoutingStatistics.CoActivation(routing));
        Assert.Equal(new long[,] { { 1, 1 }, { 1, 2 } }, RoutingStatistics.CoActivation(new DenseRouting(2, 2, 1, [1, 2, 0, 3])));
        Assert.Equal(new long[,] { { 1, 1 }, { 1, 1 } }, RoutingStatistics.CoActivation(new RaggedRouting(2, [0, 2, 2], [0, 1], new float[2])));
    }

    [Fact]
    public void A_margin_is_the_gap_between_the_last_taken_and_the_next()
    {
        float none = float.NegativeInfinity;
        float[] scores = [5, 3, 2, 1, 9, none, 8, none, 1, 2, 3, 4, 7, 7, 7, 7];
        var routing = new TopKRouting(4, 4, 2, [0, 1, 0, 2, -1, -1, 3, 0], new float[8]);
        Assert.Equal([1, float.PositiveInfinity, float.NaN, 0], RoutingStatistics.Margins(routing, scores));
        var given = new RaggedRouting(4, [0, 1, 4, 4, 8], [3, 0, 1, 2, 0, 1, 2, 3], new float[8]);
        Assert.Equal([-4, float.PositiveInfinity, float.NaN, float.PositiveInfinity], RoutingStatistics.Margins(given, scores));
        Assert.Contains("selectionScores has 3 values; must be tokens x experts (4 x 4)", Assert.Throws<ArgumentException>(() => RoutingStatistics.Margins(routing, new float[3])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_margin_of_a_top_k_choice_is_what_sorting_gives() => Gen.Select(Gen.Int[1, 9], Gen.Int[0, 6], Draw.Seed).Sample(static (experts, tokens, seed) =>
    {
        var spec = RouterProfiles.Olmoe(experts, 1 + seed % experts);
        float[] logits = Draw.Coarse(tokens * experts, seed), scores = new float[logits.Length];
        ReferenceRouter.SelectionScores(logits, spec, default, scores);
        float[] margins = RoutingStatistics.Margins(ReferenceRouter.Route(logits, spec), scores);
        for (int t = 0; t < tokens; t++)
        {
            float[] row = [.. scores.AsSpan(t * experts, experts).ToArray().OrderDescending()];
            Assert.Equal(spec.TopK == experts ? float.PositiveInfinity : row[spec.TopK - 1] - row[spec.TopK], margins[t]);
        }
    }, iter: 300);

    [Fact]
    public void Batches_add_up_to_the_whole() => Gen.Select(Gen.Int[2, 6], Gen.Int[1, 20], Gen.Int[0, 20], Draw.Seed).Sample(static (experts, tokens, cut, seed) =>
    {
        var spec = RouterProfiles.Olmoe(experts, 1 + seed % experts);
        float[] logits = Draw.Normal(tokens * experts, seed), scores = new float[logits.Length];
        ReferenceRouter.SelectionScores(logits, spec, default, scores);
        cut = Math.Min(cut, tokens) * experts;
        RoutingAccumulator whole = new(experts), parts = new(experts);
        whole.Add(ReferenceRouter.Route(logits, spec), scores);
        parts.Add(ReferenceRouter.Route(logits.AsSpan(0, cut), spec), scores.AsSpan(0, cut));
        parts.Add(ReferenceRouter.Route(logits.AsSpan(cut), spec), scores.AsSpan(cut));
        RoutingSummary a = whole.Summary(), b = parts.Summary();
        Assert.Equal(2, b.Batches);
        Assert.Equal((a.Tokens, a.Routes, a.Dropped, a.MaxViolation, a.LoadEntropy), (b.Tokens, b.Routes, b.Dropped, b.MaxViolation, b.LoadEntropy));
        Assert.Equal(a.Load, b.Load);
        Assert.Equal(a.CoActivation, b.CoActivation);
        Assert.Equal(a.Margin?.Count, b.Margin?.Count);
        Assert.Equal(a.Margin?.Median, b.Margin?.Median);
        Assert.Equal(RoutingStatistics.Demand(ReferenceRouter.Route(logits, spec)).Select(static c => (long)c), a.Load);
    }, iter: 300);

    [Fact]
    public void Drops_padding_and_dead_experts_are_seen()
    {
        var accumulator = new RoutingAccumulator(3, countPairs: false);
        var plan = ExpertPlan.Build([0, 0, -1, 1], new float[4], 1, 3, new DispatchSpec { Capacity = new CapacitySpec { Fixed = 1 } });
        accumulator.Add(new TopKRouting(4, 3, 1, [0, 0, -1, 1], new float[4], plan));
        accumulator.Add(new DenseRouting(2, 3, 1, [1, 1, 0, 0, 0, 0]));
        var summary = accumulator.Summary();
        Assert.Equal((2L, 4L, 5L, 1L), (summary.Batches, summary.Tokens, summary.Routes, summary.Dropped));
        Assert.Equal([3, 2, 0], summary.Load);
        Assert.Equal([2], summary.DeadExperts);
        Assert.Equal(0.2, summary.DropRate, 1e-12);
        Assert.Equal(3 / (5 / 3.0) - 1, summary.MaxViolation, 1e-12);
        Assert.Null(summary.CoActivation);
        Assert.Null(summary.Margin);
    }

    [Fact]
    public void Reset_forgets()
    {
        var accumulator = new RoutingAccumulator(2);
        accumulator.Add(new TopKRouting(1, 2, 1, [0], [1]), [1, 0]);
        accumulator.Reset();
        var summary = accumulator.Summary();
        Assert.Equal((0L, 0L, 0L, 0.0, 0.0, 0.0), (summary.Batches, summary.Tokens, summary.Routes, summary.MaxViolation, summary.LoadVariation, summary.DropRate));
        Assert.Equal(new long[2, 2], summary.CoActivation);
        Assert.Null(summary.Margin);
    }

    [Fact]
    public void Another_number_of_experts_is_refused_and_nothing_added()
    {
        var accumulator = new RoutingAccumulator(2);
        Assert.Contains("the routing has 3 experts; must have 2", Assert.Throws<ArgumentException>(() => accumulator.Add(new TopKRouting(1, 3, 1, [0], [1]))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => accumulator.Add(new TopKRouting(1, 2, 1, [0], [1]), [1]));
        Assert.Equal(0, accumulator.Summary().Batches);
        Assert.Throws<ArgumentOutOfRangeException>(static () => new RoutingAccumulator(0));
    }

    [Fact]
    public void Percentiles_are_close_below_the_true_ones() => Gen.Select(Gen.Int[1, 400], Draw.Seed).Sample(static (count, seed) =>
    {
        float[] first = Draw.Normal(count, seed);
        var scores = new float[2 * count];
        for (int t = 0; t < count; t++) scores[2 * t] = first[t];
        var accumulator = new RoutingAccumulator(2);
        accumulator.Add(new TopKRouting(count, 2, 1, new int[count], new float[count]), scores);
        var margin = accumulator.Summary().Margin!;
        float[] sorted = [.. first.Order()];
        Assert.Equal(sorted[0], margin.Least);
        Assert.Equal(first.Average(static v => (double)v), margin.Mean, 1e-9);
        foreach (var (share, found) in new[] { (0.01, margin.P01), (0.1, margin.P10), (0.5, margin.Median), (0.9, margin.P90) })
        {
            float exact = sorted[Math.Max(1, (int)Math.Ceiling(share * count)) - 1];
            Assert.InRange(found, exact - Math.Abs(exact) / 8, exact);
        }
    }, iter: 200);
}
