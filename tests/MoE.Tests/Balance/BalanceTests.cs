using CsCheck;

namespace MoE.Tests.Balance;

/// <summary>Balanced choices, biases and controls on host values: known answers, invariants, refusals.</summary>
public sealed class BalanceTests
{
    private static readonly Gen<float[]> s_scores = Gen.Float[-3, 3].Array[24];

    [Fact]
    public void Sinkhorn_gives_every_token_and_every_expert_its_share() => s_scores.Sample(static logits =>
    {
        foreach (bool logSpace in new[] { false, true })
        {
            float[] p = Sinkhorn.Normalize(logits, 4, logSpace, 1e-9, 2000);
            for (int e = 0; e < 4; e++) Assert.Equal(0.25, Enumerable.Range(0, 6).Sum(t => p[t * 4 + e]), 1e-4);
            for (int t = 0; t < 6; t++) Assert.Equal(1.0 / 6, p.Skip(t * 4).Take(4).Sum(), 1e-3);
            Assert.All(p, static v => Assert.True(v >= 0));
        }
    }, iter: 200);

    [Fact]
    public void Sinkhorn_in_the_logarithmic_domain_survives_large_logits_and_closed_experts()
    {
        float[] p = Sinkhorn.Normalize([500, -500, float.NegativeInfinity, 500, -500, float.NegativeInfinity], 3);
        Assert.All(p, static v => Assert.True(float.IsFinite(v)));
        Assert.Equal(0, p[2]);
        Assert.Throws<ArgumentException>(() => Sinkhorn.Normalize([1, 2, 3], 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => Sinkhorn.Normalize([1, 2], 2, tolerance: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Sinkhorn.Normalize([1, 2], 2, iterations: 0));
        Assert.Empty(Sinkhorn.Normalize([], 2));
    }

    [Fact]
    public void An_auction_is_balanced_and_never_above_the_best_assignment() => Gen.Float[0, 1].Array[36].Sample(static scores =>
    {
        var auction = BalancedAssignment.Assign(scores, 3);
        var best = BalancedAssignment.Best(scores, 3);
        foreach (var a in new[] { auction, best })
        {
            Assert.Equal(Enumerable.Range(0, 12), a.TokensByExpert.ToArray().Order());
            Assert.Equal(3, a.Experts);
        }

        Assert.True(auction.Score(scores) <= best.Score(scores) + 1e-6);
    }, iter: 2000);

    [Fact]
    public void An_auction_among_different_scores_is_near_the_best_assignment()
    {
        for (ulong seed = 0; seed < 1000; seed++)
        {
            float[] scores = new float[36];
            new SeededNoise(seed).Fill("scores", 0, NoiseKind.Uniform, scores);
            // Epsilon, a fiftieth of the range, per token: what an auction promises whose prices rise under contest only. The peer's also rise for a token that is held, so this is what these draws show and no theorem: seed 1357 is 0.247 below.
            double epsilon = Math.Max((scores.Max() - scores.Min()) / 50, 1e-4);
            double auction = BalancedAssignment.Assign(scores, 3).Score(scores), best = BalancedAssignment.Best(scores, 3).Score(scores);
            Assert.True(auction >= best - 12 * epsilon - 1e-5, $"seed {seed}: {auction}, the best is {best}");
        }
    }

    [Fact]
    public void The_best_assignment_is_the_best_of_all() => Gen.Float[-2, 2].Array[12].Sample(static scores =>
    {
        // 6 tokens, 2 experts of 3: all 20 choices of who goes to expert 0.
        double best = double.NegativeInfinity;
        for (int mask = 0; mask < 64; mask++)
        {
            if (int.PopCount(mask) != 3) continue;
            best = Math.Max(best, Enumerable.Range(0, 6).Sum(t => (double)scores[t * 2 + ((mask >> t & 1) == 1 ? 0 : 1)]));
        }

        Assert.Equal(best, BalancedAssignment.Best(scores, 2).Score(scores), 1e-5);
    }, iter: 200);

    [Fact]
    public void Assignments_refuse_what_cannot_be_shared()
    {
        Assert.Throws<ArgumentException>(() => BalancedAssignment.Assign(new float[10], 4));
        Assert.Throws<ArgumentException>(() => BalancedAssignment.Assign([1, float.NaN], 2));
        Assert.Throws<ArgumentException>(() => BalancedAssignment.Best([1, 2, float.PositiveInfinity, 3], 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => BalancedAssignment.Assign([1, 2, 3, 4], 2, rounds: 0));
        Assert.Equal([0, 1], BalancedAssignment.Assign([1, 1, 1, 1], 2).TokensByExpert.ToArray().Order());
    }

    [Fact]
    public void Coordinate_descent_sums_to_about_k_and_keeps_the_order() => Gen.Float[-1, 1].Array[8].Sample(static scores =>
    {
        if (scores.Distinct().Count() < 8) return;
        var soft = new float[8];
        CoordinateDescent.Solve(scores, 3, new CoordinateDescentSpec { Iterations = 200, Epsilon = 0.1 }, [], soft);
        Assert.All(soft, static v => Assert.InRange(v, 0, 1.0001f));
        Assert.Equal(3, soft.Sum(), 0.05);
        int[] byScore = [.. Enumerable.Range(0, 8).OrderBy(i => scores[i])];
        for (int i = 1; i < 8; i++) Assert.True(soft[byScore[i]] >= soft[byScore[i - 1]] - 1e-6);
    }, iter: 200);

    [Fact]
    public void Coordinate_descent_with_little_softness_is_top_k()
    {
        var soft = new float[5];
        CoordinateDescent.Solve([1, 5, 3, 4, 2], 2, new CoordinateDescentSpec { Iterations = 500, Epsilon = 0.02 }, [], soft);
        Assert.Equal([0, 1, 0, 1, 0], soft.Select(static v => (int)Math.Round(v)));
        CoordinateDescent.Solve([1, 5, 3, 4, 2], 2, new CoordinateDescentSpec { Iterations = 500, Epsilon = 0.02 }, [true, false, true, true, true], soft);
        Assert.Equal([0, 0, 1, 1, 0], soft.Select(static v => (int)Math.Round(v)));
        Assert.Throws<ArgumentException>(() => CoordinateDescent.Solve([1, 2], 1, new(), [], new float[3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => CoordinateDescent.Solve([1, 2], 0, new(), [], new float[2]));
    }

    [Fact]
    public void A_bias_moves_towards_balance()
    {
        float[] bias = [0, 0, 0, 1];
        BiasUpdate.Sign(bias, [10, 0, 5, 5], 0.5);
        Assert.Equal([-0.5f, 0.5f, 0, 1], bias);
        BiasUpdate.Sign(bias, [9, 1, 1, 1], 0.5, centred: true);
        Assert.Equal([-1.25f, 0.75f, 0.25f, 1.25f], bias);
        Assert.Throws<ArgumentException>(() => BiasUpdate.Sign(new float[2], [1], 0.1));
        Assert.ThrowsAny<ArgumentException>(() => BiasUpdate.Sign(new float[1], [1], double.NaN));
    }

    [Fact]
    public void Biases_balance_a_skewed_router()
    {
        const int tokens = 512, experts = 4;
        var spec = RouterProfiles.DeepSeekV3(experts, 1, 1, 1, 1.0);
        float[] logits = new float[tokens * experts];
        new SeededNoise(1).Fill("l", 0, NoiseKind.Normal, logits);
        for (int t = 0; t < tokens; t++) logits[t * experts] += 2; // everyone likes expert 0
        float[] bias = new float[experts];
        int[] Load() => ReferenceRouter.Route(logits, spec, new RouteOptions { SelectionBias = bias }).Load();
        int before = Load().Max();
        for (int step = 0; step < 400; step++) BiasUpdate.Sign(bias, Load(), 0.002);
        Assert.True(before > 2 * tokens / experts);
        Assert.InRange(Load().Max(), tokens / experts, 1.1 * tokens / experts);
    }

    [Fact]
    public void Quantile_balance_is_reached_in_a_few_rounds()
    {
        const int tokens = 256, experts = 4, k = 1;
        float[] scores = new float[tokens * experts];
        new SeededNoise(2).Fill("s", 0, NoiseKind.Uniform, scores);
        for (int t = 0; t < tokens; t++) scores[t * experts] += 0.5f;
        float[] beta = new float[experts], next = new float[experts];
        int[] chosen = [];
        for (int round = 0; round < 20; round++)
        {
            chosen = BiasUpdate.Quantile(scores, beta, k, next);
            next.CopyTo(beta, 0);
        }

        Assert.All(Enumerable.Range(0, experts), e => Assert.InRange(chosen.Count(c => c == e), 0.9 * tokens / experts, 1.1 * tokens / experts));
        Assert.Throws<ArgumentException>(() => BiasUpdate.Quantile(new float[6], new float[2], 1, new float[3]));
        Assert.ThrowsAny<ArgumentException>(() => BiasUpdate.Quantile(new float[6], new float[2], 2, new float[2]));
    }

    [Fact]
    public void The_sparsity_control_steers_the_coefficient()
    {
        var control = SparsityControl.Of(8, 2);
        Assert.Equal(0.75, control.Target);
        Assert.Equal(1e-8 * 1.2, control.After(0.5).Coefficient, 1e-20);
        Assert.Equal(1e-8 / 1.2, control.After(0.9).Coefficient, 1e-20);
        Assert.Equal(1e-8, control.After(0.75).Coefficient);
        Assert.Throws<ArgumentOutOfRangeException>(() => control.After(1.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => (control with { Factor = 1 }).After(0.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => SparsityControl.Of(4, 5));
    }

    [Fact]
    public void Expert_choice_gives_every_expert_its_capacity_and_counts_what_it_leaves()
    {
        float[] logits = new float[16 * 4];
        new SeededNoise(3).Fill("l", 0, NoiseKind.Normal, logits);
        var routing = ReferenceRouter.Route(logits, RouterProfiles.FlaxformerExpertChoice(4, 5));
        Assert.All(routing.Load(), static c => Assert.Equal(5, c));
        var seen = ExpertChoiceStatistics.Of(routing);
        int[] per = [.. routing.ExpertIds.ToArray().Chunk(routing.Choices).Select(static row => row.Count(static e => e >= 0))];
        Assert.Equal((per.Min(), per.Max()), (seen.LeastExperts, seen.MostExperts));
        Assert.Equal([per.Count(static c => c >= 1) / 16.0, per.Count(static c => c >= 2) / 16.0, per.Count(static c => c >= 4) / 16.0], seen.AtLeast);
        Assert.Equal(routing.Weights.ToArray().Max(), seen.LargestWeight);
    }

    [Fact]
    public void Per_sequence_expert_choice_is_that_of_each_sequence_alone()
    {
        float[] logits = new float[3 * 8 * 4];
        new SeededNoise(4).Fill("l", 0, NoiseKind.Normal, logits);
        foreach (var profile in new[] { RouterProfiles.MeshExpertChoice(4), RouterProfiles.FlaxformerExpertChoice(4, 3), RouterProfiles.NoTokenLeftBehind(4, 2, 0.5) })
        {
            var spec = profile with { Dispatch = profile.Dispatch with { PerSequence = true } };
            var all = ReferenceRouter.Route(logits, spec, new RouteOptions { SequenceLength = 8 });
            for (int s = 0; s < 3; s++)
            {
                var one = ReferenceRouter.Route(logits.AsSpan(s * 32, 32), spec, new RouteOptions { SequenceLength = 8 });
                int from = s * 8 * all.Choices;
                Assert.Equal(one.ExpertIds.ToArray(), all.ExpertIds.Slice(from, one.RouteCount).ToArray());
                Assert.Equal(one.Weights.ToArray(), all.Weights.Slice(from, one.RouteCount).ToArray());
            }
        }
    }

    [Fact]
    public void A_causal_use_is_checked_and_every_way_named()
    {
        Assert.Empty(Causality.Of(RouterProfiles.Mixtral(8)));
        Assert.Same(RouterProfiles.Mixtral(8).GetType(), Causality.Require(RouterProfiles.Mixtral(8)).GetType());
        Assert.Contains("expert choice", Assert.Throws<SpecException>(() => Causality.Require(RouterProfiles.VMoEExpertChoice(8))).Message);
        Assert.Empty(Causality.Of(RouterProfiles.MegatronSinkhorn(8, 1)));
        Assert.Single(Causality.Of(RouterProfiles.MegatronSinkhorn(8, 1), training: true));
        Assert.Equal(3, Causality.Of(RouterProfiles.VMoE(8, 2, prioritized: true)).Count);
    }

    [Fact]
    public void Causal_routers_do_not_look_ahead() => Gen.Select(Gen.Int[2, 10], Gen.Int[0, 1000]).Sample(static (tokens, seed) =>
    {
        float[] logits = new float[tokens * 6];
        new SeededNoise((ulong)seed).Fill("l", 0, NoiseKind.Normal, logits);
        foreach (var spec in new[] { RouterProfiles.Mixtral(6), RouterProfiles.DynamicTopP(6), RouterProfiles.ReMoE(6), RouterProfiles.Prototypes(6, 3), RouterProfiles.Sam(6, 1, 2), RouterProfiles.Sinkmoid(6, 2), RouterProfiles.PhiMoE(6) })
        {
            Assert.Empty(Causality.Of(spec));
            var all = ReferenceRouter.Route(logits, spec);
            var first = ReferenceRouter.Route(logits.AsSpan(0, (tokens - 1) * 6), spec);
            Assert.Equal(first.ExpertIds.ToArray(), all.ExpertIds[..first.RouteCount].ToArray());
            Assert.Equal(first.Weights.ToArray(), all.Weights[..first.RouteCount].ToArray());
        }
    }, iter: 100);
}
