using CsCheck;

namespace MoE.Tests.Reference;

public sealed class RaceTests
{
    private static readonly Gen<(int Experts, int PerToken, int Sequences, int Length, int Seed)> s_any =
        from experts in Gen.Int[1, 9]
        from k in Gen.Int[1, experts]
        from sequences in Gen.Int[1, 3]
        from length in Gen.Int[1, 12]
        from seed in Draw.Seed
        select (experts, k, sequences, length, seed);

    [Fact]
    public void The_best_pairs_are_taken_wherever_they_are()
    {
        var spec = new RouterSpec { Experts = 3, Score = new() { Function = ScoreFunction.Sigmoid }, Select = new RaceSelection { PerToken = 1 } };
        // Four pairs are positive: three of the second token, none of the third.
        var routing = ReferenceRouter.Route([-1, 2, -2, 3, 1, 4, -3, -4, -5, -6, -7, -0.5f], spec);
        Assert.Equal([-1, 1, -1, 0, 1, 2, -1, -1, -1, -1, -1, -1], routing.ExpertIds);
        Assert.Equal(1 / (1 + Math.Exp(-4)), routing.Weights[5], 1e-7);
        Assert.Equal(0, routing.Weights[0]);
    }

    [Theory]
    [InlineData(TieRule.LowestIndex, new[] { 0, 1, 0, -1, -1, -1 })]
    [InlineData(TieRule.HighestIndex, new[] { -1, -1, -1, 1, 0, 1 })]
    public void Among_equal_scores_the_rule_for_ties_decides(TieRule ties, int[] expected)
    {
        var spec = new RouterSpec { Experts = 2, Select = new RaceSelection { PerToken = 1 }, Ties = ties };
        Assert.Equal(expected, ReferenceRouter.Route(new float[6], spec).ExpertIds);
    }

    [Fact]
    public void As_many_are_taken_as_there_are_tokens_and_none_that_is_worse_than_one_left_out() => s_any.Sample(static (experts, k, sequences, length, seed) =>
    {
        int tokens = sequences * length;
        float[] logits = Draw.Normal(tokens * experts, seed);
        bool[] padding = [.. Enumerable.Range(0, tokens).Select(t => (seed + t) % 5 == 0)];
        bool[] closed = [.. Enumerable.Range(0, experts).Select(e => e > 0 && (seed + e) % 4 == 0)];
        bool perSequence = seed % 2 == 0;
        var spec = new RouterSpec { Experts = experts, Score = new() { Function = ScoreFunction.Identity }, Select = new RaceSelection { PerToken = k }, Dispatch = new() { PerSequence = perSequence } };
        var routing = ReferenceRouter.Route(logits, spec, new RouteOptions { Padding = padding, ClosedExperts = closed, SequenceLength = length });
        int step = perSequence ? length : tokens, open = closed.Count(static c => !c);
        for (int start = 0; start < tokens; start += step)
        {
            int[] pairs = [.. Enumerable.Range(start * experts, step * experts).Where(p => !padding[p / experts] && !closed[p % experts])];
            int present = Enumerable.Range(start, step).Count(t => !padding[t]);
            int[] taken = [.. pairs.Where(p => routing.ExpertIds[p] == p % experts)];
            Assert.Equal(Math.Min(k * present, open * present), taken.Length);
            if (taken.Length > 0 && taken.Length < pairs.Length) Assert.True(taken.Min(p => logits[p]) >= pairs.Except(taken).Max(p => logits[p]));
        }

        for (int r = 0; r < routing.RouteCount; r++)
            if (padding[r / experts] || closed[r % experts]) Assert.Equal(-1, routing.ExpertIds[r]);
    });

    [Fact]
    public void A_threshold_at_the_last_pair_chooses_the_same()
    {
        float[] logits = Draw.Normal(40 * 6, 5);
        float last = logits.OrderDescending().ElementAt(40 * 2);
        var score = new ScoreSpec { Function = ScoreFunction.Identity };
        Assert.Equal(ReferenceRouter.Route(logits, new RouterSpec { Experts = 6, Score = score, Select = new ThresholdSelection { Threshold = last } }).ExpertIds,
            ReferenceRouter.Route(logits, new RouterSpec { Experts = 6, Score = score, Select = new RaceSelection { PerToken = 2 } }).ExpertIds);
    }

    [Fact]
    public void The_managed_engine_lets_a_whole_batch_race()
    {
        var spec = new MoELayerSpec { Width = 7, Router = new RouterSpec { Experts = 5, Score = new() { Function = ScoreFunction.Sigmoid }, Select = new RaceSelection { PerToken = 2 } }, Expert = new ExpertSpec { Width = 6 } };
        var weights = new WeightDictionary();
        int seed = 3;
        foreach (var (name, shape) in WeightNames.Of(spec)) weights.Add(name, Draw.Normal(shape.Aggregate(1, static (a, b) => a * b), seed++), shape);
        using var engine = new ManagedMoEEngine(spec, weights, threads: 2);
        using var reference = new ReferenceLayer(spec, weights);
        // More tokens than a kernel takes at once.
        float[] x = Draw.Normal(700 * 7, 1), found = new float[x.Length], expected = new float[x.Length];
        engine.Forward(x, found);
        reference.Forward(x, expected);
        Assert.Equal(1400, ((TopKRouting)engine.Route(x)).ExpertIds.ToArray().Count(static e => e >= 0));
        for (int i = 0; i < found.Length; i++) Assert.Equal(expected[i], found[i], 1e-4 * Math.Max(1, Math.Abs(expected[i])));
    }

    [Fact]
    public void It_is_not_causal() =>
        Assert.Contains("race", Assert.Single(Causality.Of(new RouterSpec { Experts = 4, Select = new RaceSelection { PerToken = 2 } })), StringComparison.Ordinal);
}
