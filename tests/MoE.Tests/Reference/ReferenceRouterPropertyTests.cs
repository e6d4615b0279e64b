using CsCheck;
using MoE.Tests.Specs;

namespace MoE.Tests.Reference;

/// <summary>What holds for every router and every batch.</summary>
public sealed class ReferenceRouterPropertyTests
{
    private static readonly Gen<(RouterSpec Spec, int Tokens, int Seed)> s_any =
        RandomSpecs.Router.SelectMany(static spec => Gen.Select(Gen.Int[0, 12], Draw.Seed, (tokens, seed) => (spec, tokens, seed)));

    [Fact]
    public void It_agrees_with_a_second_implementation() => s_any.Sample(static (spec, tokens, seed) => Agrees(spec, Draw.Normal(tokens * spec.Experts, seed, 2), tokens, seed), iter: 1000);

    [Fact]
    public void It_agrees_with_a_second_implementation_on_ties() => s_any.Sample(static (spec, tokens, seed) => Agrees(spec, Draw.Coarse(tokens * spec.Experts, seed), tokens, seed), iter: 1000);

    [Fact]
    public void A_capacity_is_never_exceeded_and_never_wasted() => s_any.Sample(static (spec, tokens, seed) =>
    {
        var routing = Route(spec, Draw.Normal(tokens * spec.Experts, seed));
        if (spec.Dispatch.Capacity is not { } capacity)
        {
            Assert.Null(routing.Plan.Capacity);
            Assert.Equal(0, routing.Plan.DroppedCount);
            return;
        }

        int[] asked = MoE.Diagnostics.RoutingStatistics.Demand(routing), load = routing.Load();
        int c = capacity.Of(tokens, spec.Experts, spec.TopK, training: false, asked.Max());
        Assert.Equal(c, routing.Plan.Capacity);
        Assert.Equal(asked.Sum(), load.Sum() + routing.Plan.DroppedCount);
        for (int e = 0; e < load.Length; e++)
        {
            if (spec.Dispatch.Drop is DropPolicy.HeaviestWeight or DropPolicy.Random || spec.Dispatch.Offset == ChoiceOffset.AllEarlierChoices || spec.Dispatch.Arrival == ArrivalOrder.TokenMajor)
                Assert.Equal(Math.Min(asked[e], c), load[e]);
            else
                Assert.InRange(load[e], 0, Math.Min(asked[e], c));
        }
    }, iter: 1000);

    [Fact]
    public void Renamed_experts_are_renamed_in_the_routing() => s_any.Sample(static (spec, tokens, seed) =>
    {
        if (spec.Ties == TieRule.HighestIndex || tokens == 0 || spec.Weigh.WeightlessExperts > 0) return;
        // Groups move as wholes, and experts within them.
        int e = spec.Experts, groups = spec.Select is TopKSelection { Groups: { } limit } ? limit.Count : 1, size = e / groups;
        int[] outer = Draw.Permutation(groups, seed);
        int[] rename = [.. outer.SelectMany((g, i) => Draw.Permutation(size, seed + i).Select(j => g * size + j))];
        float[] logits = Draw.Normal(tokens * e, seed), bias = Bias(spec, seed);
        float[] renamed = [.. Enumerable.Range(0, tokens * e).Select(i => logits[i / e * e + rename[i % e]])];
        float[] renamedBias = bias.Length == 0 ? [] : [.. rename.Select(r => bias[r])];
        var free = spec with { Dispatch = DispatchSpec.Dropless };
        // A tie is broken by the index: then there is nothing to compare. Also one between groups, of which the mask leaves one only: clipped scores with an offset are equal, and not zero.
        var ungrouped = free.Select is TopKSelection grouped ? free with { Select = grouped with { Groups = null } } : free;
        var compared = new float[tokens * e];
        ReferenceRouter.SelectionScores(logits, ungrouped, new RouteOptions { SelectionBias = bias }, compared);
        if (compared.Where(static s => float.IsFinite(s) && s != 0).GroupBy(static s => s).Any(static g => g.Count() > 1)) return;
        if (spec.Select is TopKSelection { Groups.Mask: GroupMask.Zero }) return;
        float[] before = ReferenceRouter.Route(logits, free, new RouteOptions { SelectionBias = bias }).ToDenseWeights();
        float[] after = ReferenceRouter.Route(renamed, free, new RouteOptions { SelectionBias = renamedBias }).ToDenseWeights();
        // The sums of a softmax are taken in another order.
        for (int i = 0; i < after.Length; i++) Assert.Equal(before[i / e * e + rename[i % e]], after[i], 1e-5 * Math.Max(1, Math.Abs(after[i])));
    }, iter: 1000);

    [Fact]
    public void Without_drops_a_token_does_not_see_the_others() => s_any.Sample(static (spec, tokens, seed) =>
    {
        var free = spec with { Dispatch = DispatchSpec.Dropless };
        int e = spec.Experts, k = spec.TopK;
        float[] logits = Draw.Normal(tokens * e, seed), bias = Bias(spec, seed);
        var whole = Route(free, logits, bias);
        int[] order = Draw.Permutation(tokens, seed);
        var shuffled = Route(free, [.. order.SelectMany(t => logits[(t * e)..((t + 1) * e)])], bias);
        for (int i = 0; i < tokens; i++)
        {
            int t = order[i];
            Assert.Equal(whole.ExpertIds[(t * k)..((t + 1) * k)], shuffled.ExpertIds[(i * k)..((i + 1) * k)]);
            Assert.Equal(whole.Weights[(t * k)..((t + 1) * k)], shuffled.Weights[(i * k)..((i + 1) * k)]);
        }

        int cut = tokens == 0 ? 0 : seed % tokens;
        var (head, tail) = (Route(free, logits[..(cut * e)], bias), Route(free, logits[(cut * e)..], bias));
        Assert.Equal(whole.ExpertIds, [.. head.ExpertIds, .. tail.ExpertIds]);
        Assert.Equal(whole.Weights, [.. head.Weights, .. tail.Weights]);
    }, iter: 1000);

    [Fact]
    public void Normalised_weights_sum_to_the_scale() => s_any.Sample(static (spec, tokens, seed) =>
    {
        // Rectified scores can all be zero, and stay so.
        if (spec.Score.Function is ScoreFunction.Identity or ScoreFunction.Relu) return;
        var exact = spec with { Dispatch = DispatchSpec.Dropless, Weigh = new WeighSpec { Normalization = WeightNormalization.Sum, Scale = spec.Weigh.Scale } };
        var routing = Route(exact, Draw.Normal(tokens * spec.Experts, seed), Bias(spec, seed));
        for (int t = 0; t < tokens; t++)
            Assert.Equal(spec.Weigh.Scale, routing.Weights.Slice(t * spec.TopK, spec.TopK).ToArray().Sum(static w => (double)w), 1e-5);
    }, iter: 500);

    [Fact]
    public void A_token_never_takes_an_expert_twice_and_takes_the_best() => s_any.Sample(static (spec, tokens, seed) =>
    {
        float[] logits = Draw.Coarse(tokens * spec.Experts, seed), bias = Bias(spec, seed);
        var routing = Route(spec, logits, bias);
        var compared = new float[logits.Length];
        ReferenceRouter.SelectionScores(logits, spec, new RouteOptions { SelectionBias = bias }, compared);
        for (int t = 0; t < tokens; t++)
        {
            int[] chosen = routing.ExpertIds.Slice(t * spec.TopK, spec.TopK).ToArray();
            Assert.Distinct(chosen);
            float[] row = compared[(t * spec.Experts)..((t + 1) * spec.Experts)];
            float worst = chosen.Min(c => row[c]);
            for (int e = 0; e < row.Length; e++)
                if (!chosen.Contains(e)) Assert.True(row[e] <= worst);
        }
    }, iter: 500);

    [Fact]
    public void With_noise_every_routing_is_sound_and_comes_again() => RandomSpecs.Noisy.SelectMany(static spec => Gen.Select(Gen.Int[0, 12], Draw.Seed, Gen.Bool, (tokens, seed, training) => (spec, tokens, seed, training)))
        .Sample(static (spec, tokens, seed, training) =>
        {
            float[] logits = Draw.Normal(tokens * spec.Experts, seed), bias = Bias(spec, seed);
            TopKRouting Again() => ReferenceRouter.Route(logits, spec, new RouteOptions { SelectionBias = bias, Noise = new SeededNoise((ulong)seed), Training = training });
            var routing = Again();
            Assert.Equal(routing.ExpertIds, Again().ExpertIds);
            Assert.Equal(routing.Weights, Again().Weights);
            int[] load = routing.Load();
            if (routing.Plan.Capacity is { } c) Assert.All(load, l => Assert.InRange(l, 0, c));
            for (int t = 0; t < tokens; t++)
            {
                int[] chosen = [.. routing.ExpertIds.Slice(t * spec.TopK, spec.TopK).ToArray().Where(static e => e >= 0)];
                Assert.Distinct(chosen);
                // The first choice is never a matter of the rule for later ones.
                Assert.True(routing.ExpertIds[t * spec.TopK] >= 0);
            }

            for (int r = 0; r < routing.RouteCount; r++)
                if (!routing.Plan.IsKept(r)) Assert.Equal(0, routing.Weights[r]);
        }, iter: 1000);

    [Fact]
    public void Noise_that_only_the_choice_sees_leaves_the_weights_clean() => RandomSpecs.Noisy.SelectMany(static spec => Gen.Select(Gen.Int[0, 12], Draw.Seed, (tokens, seed) => (spec, tokens, seed)))
        .Sample(static (spec, tokens, seed) =>
        {
            if (spec.Noise!.Use == NoiseUse.Scores) return;
            var raw = spec with { Dispatch = DispatchSpec.Dropless, Weigh = new WeighSpec(), Score = spec.Score with { Stage = ScoreStage.BeforeSelection }, Select = new TopKSelection { K = spec.TopK } };
            float[] logits = Draw.Normal(tokens * spec.Experts, seed);
            var routing = ReferenceRouter.Route(logits, raw, new RouteOptions { Noise = new SeededNoise((ulong)seed), Training = true });
            var clean = ReferenceRouter.Route(logits, raw with { Noise = null, Select = new AllSelection() });
            for (int r = 0; r < routing.RouteCount; r++) Assert.Equal(clean.Weights[r / spec.TopK * spec.Experts + routing.ExpertIds[r]], routing.Weights[r]);
            if (spec.Noise.Use != NoiseUse.LaterChoices) return;
            var best = ReferenceRouter.Route(logits, raw with { Noise = null });
            for (int t = 0; t < tokens; t++) Assert.Equal(best.ExpertIds[t * spec.TopK], routing.ExpertIds[t * spec.TopK]);
        }, iter: 500);

    private static void Agrees(RouterSpec spec, float[] logits, int tokens, int seed)
    {
        float[] bias = Bias(spec, seed);
        bool[] padding = [.. Enumerable.Range(0, tokens).Select(t => (seed + t) % 5 == 0)];
        bool[] closed = [.. Enumerable.Range(0, spec.Experts).Select(e => e > 0 && (seed + e) % 7 == 0)];
        var actual = ReferenceRouter.Route(logits, spec, new RouteOptions { SelectionBias = bias, Padding = padding, ClosedExperts = closed });
        var expected = RouterOracle.Route(spec, logits, bias.Length == 0 ? null : bias, padding, closed);
        Assert.Equal(expected.Experts, actual.ExpertIds);
        Assert.Equal(expected.Positions, actual.Plan.Positions);
        Assert.Equal(expected.Kept, Enumerable.Range(0, actual.RouteCount).Select(actual.Plan.IsKept));
        for (int r = 0; r < actual.RouteCount; r++) Assert.Equal(expected.Weights[r], actual.Weights[r], 1e-6 * Math.Max(1, Math.Abs(expected.Weights[r])));
    }

    private static float[] Bias(RouterSpec spec, int seed) => spec.UsesSelectionBias ? Draw.Normal(spec.Experts, seed ^ 1) : [];

    private static TopKRouting Route(RouterSpec spec, float[] logits) => Route(spec, logits, spec.UsesSelectionBias ? new float[spec.Experts] : []);

    private static TopKRouting Route(RouterSpec spec, float[] logits, float[] bias) => ReferenceRouter.Route(logits, spec, new RouteOptions { SelectionBias = bias });
}
