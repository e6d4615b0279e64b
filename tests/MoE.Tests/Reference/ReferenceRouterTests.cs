namespace MoE.Tests.Reference;

/// <summary>The stages of the reference router in closed form, and its behaviour at the edges of what it accepts.</summary>
public sealed class ReferenceRouterTests
{
    private static readonly float[] s_ladder = [1, 2, 3, 4];

    private static readonly RouterSpec s_top2 = new() { Experts = 4, Select = new TopKSelection { K = 2 } };

    [Fact]
    public void Softmax_is_over_all_experts_before_and_over_the_chosen_after()
    {
        double z = Enumerable.Range(1, 4).Sum(static l => Math.Exp(l));
        Close([Math.Exp(4) / z, Math.Exp(3) / z], Route(s_top2, s_ladder).Weights);
        Close([1 / (1 + Math.Exp(-1)), 1 / (1 + Math.Exp(1))], Route(After(ScoreFunction.Softmax), s_ladder).Weights);
    }

    [Theory]
    [InlineData(ScoreStage.BeforeSelection)]
    [InlineData(ScoreStage.AfterSelection)]
    public void Elementwise_scores_do_not_care_for_the_stage(ScoreStage stage)
    {
        Close([1 / (1 + Math.Exp(-4)), 1 / (1 + Math.Exp(-3))], Route(Score(ScoreFunction.Sigmoid, stage), s_ladder).Weights);
        Close([Math.Sqrt(Math.Log(1 + Math.Exp(4))), Math.Sqrt(Math.Log(1 + Math.Exp(3)))], Route(Score(ScoreFunction.SqrtSoftplus, stage), s_ladder).Weights);
        Close([4, 3], Route(Score(ScoreFunction.Identity, stage), s_ladder).Weights);
    }

    [Fact]
    public void Temperature_divides_the_logits()
    {
        var spec = After(ScoreFunction.Softmax);
        var hot = spec with { Score = spec.Score with { Temperature = 4 } };
        Close([1 / (1 + Math.Exp(-0.25)), 1 / (1 + Math.Exp(0.25))], Route(hot, s_ladder).Weights);
    }

    [Fact]
    public void Weights_are_divided_by_sum_or_norm_and_scaled_last()
    {
        var raw = Score(ScoreFunction.Identity, ScoreStage.BeforeSelection) with { Score = new ScoreSpec { Function = ScoreFunction.SqrtSoftplus } };
        double a = Math.Sqrt(Math.Log(1 + Math.Exp(4))), b = Math.Sqrt(Math.Log(1 + Math.Exp(3)));
        RouterSpec With(WeighSpec weigh) => raw with { Weigh = weigh };
        Close([3 * a / (a + b), 3 * b / (a + b)], Route(With(new() { Normalization = WeightNormalization.Sum, Scale = 3 }), s_ladder).Weights);
        double p3 = Math.Cbrt(a * a * a + b * b * b);
        Close([a / p3, b / p3], Route(With(new() { Normalization = WeightNormalization.PNorm, P = 3 }), s_ladder).Weights);
        Close([a / (a + b + 0.5), b / (a + b + 0.5)], Route(With(new() { Normalization = WeightNormalization.Sum, Epsilon = 0.5 }), s_ladder).Weights);
        Close([a / 100, b / 100], Route(With(new() { Normalization = WeightNormalization.Sum, Epsilon = 100, EpsilonRule = EpsilonRule.Floor }), s_ladder).Weights);
        Close([a / (a + b), b / (a + b)], Route(With(new() { Normalization = WeightNormalization.Sum, Epsilon = 0.5, EpsilonRule = EpsilonRule.Floor }), s_ladder).Weights);
        Close([-2 * a, -2 * b], Route(With(new() { Scale = -2 }), s_ladder).Weights);
    }

    [Fact]
    public void A_single_weight_is_normalised_unless_it_is_not_to_be()
    {
        RouterSpec One(bool single) => new()
        {
            Experts = 4,
            Score = new ScoreSpec { Function = ScoreFunction.Sigmoid },
            Select = new TopKSelection { K = 1 },
            Weigh = new WeighSpec { Normalization = WeightNormalization.Sum, NormalizeSingle = single, Scale = 2 },
        };
        Close([2], Route(One(true), s_ladder).Weights);
        Close([2 / (1 + Math.Exp(-4))], Route(One(false), s_ladder).Weights);
    }

    [Fact]
    public void Underflown_weights_stay_zero_instead_of_becoming_NaN()
    {
        var spec = Score(ScoreFunction.Sigmoid, ScoreStage.BeforeSelection) with { Weigh = new WeighSpec { Normalization = WeightNormalization.Sum } };
        Close([0, 0], Route(spec, [-1000, -1000, -1000, -1000]).Weights);
    }

    [Fact]
    public void Large_logits_neither_overflow_nor_lose_the_order()
    {
        var routing = Route(s_top2, [3e38f, -3e38f, 2e38f, 0]);
        Assert.Equal([0, 1], routing.ExpertIds);
        Close([1, 0], routing.Weights);
        // Every score but the first underflows to 0: the tie goes to the lowest index.
        Assert.Equal([0, 2], Route(After(ScoreFunction.Softmax), [3e38f, -3e38f, 2e38f, 0]).ExpertIds);
    }

    [Fact]
    public void Ties_go_to_the_lowest_or_highest_index()
    {
        float[] tied = [1, 5, 5, 5];
        Assert.Equal([1, 2], Route(s_top2, tied).ExpertIds);
        Assert.Equal([1, 2], Route(s_top2 with { Ties = TieRule.Native }, tied).ExpertIds);
        Assert.Equal([3, 2], Route(s_top2 with { Ties = TieRule.HighestIndex }, tied).ExpertIds);
        Assert.Equal([0, 1], Route(s_top2, [0f, -0f, 0f, -0f]).ExpertIds);
    }

    [Fact]
    public void Choices_come_best_first() => Assert.Equal([2, 0, 3, 1], Route(s_top2 with { Select = new TopKSelection { K = 4 } }, [3, 1, 4, 2]).ExpertIds);

    [Fact]
    public void The_bias_chooses_and_does_not_weigh()
    {
        var spec = Score(ScoreFunction.Sigmoid, ScoreStage.BeforeSelection) with { Select = new TopKSelection { K = 2, UsesBias = true } };
        var routing = ReferenceRouter.Route(s_ladder, spec, new RouteOptions { SelectionBias = [2, 1, 0, -1] });
        Assert.Equal([0, 1], routing.ExpertIds);
        Close([1 / (1 + Math.Exp(-1)), 1 / (1 + Math.Exp(-2))], routing.Weights);
    }

    [Fact]
    public void All_experts_are_taken_in_order()
    {
        var routing = Route(new RouterSpec { Experts = 4, Select = new AllSelection() }, [4, 3, 2, 1]);
        Assert.Equal([0, 1, 2, 3], routing.ExpertIds);
        Assert.Equal(1, routing.Weights.ToArray().Sum(), 1e-6);
    }

    [Fact]
    public void Scores_are_kept_where_asked_for()
    {
        double z = Enumerable.Range(1, 4).Sum(static l => Math.Exp(l));
        Assert.True(Route(s_top2, s_ladder).Scores.IsEmpty);
        var kept = ReferenceRouter.Route(s_ladder, s_top2, new RouteOptions { KeepScores = true });
        Close([Math.Exp(1) / z, Math.Exp(2) / z, Math.Exp(3) / z, Math.Exp(4) / z], kept.Scores);
    }

    [Fact]
    public void A_padded_token_has_no_expert_and_may_hold_anything()
    {
        float[] logits = [1, 2, 3, 4, float.NaN, float.PositiveInfinity, 0, float.NegativeInfinity, 4, 3, 2, 1];
        var routing = ReferenceRouter.Route(logits, s_top2, new RouteOptions { Padding = [false, true, false], KeepScores = true });
        Assert.Equal([3, 2, -1, -1, 0, 1], routing.ExpertIds);
        Assert.Equal([0, 0], routing.Weights[2..4]);
        Assert.Equal([0, 0, 0, 0], routing.Scores[4..8]);
        Assert.Equal([1, 1, 1, 1], routing.Load());
        Assert.Equal(0, routing.Plan.DroppedCount);
    }

    [Fact]
    public void All_tokens_may_be_padding()
    {
        var routing = ReferenceRouter.Route(new float[8], s_top2, new RouteOptions { Padding = [true, true] });
        Assert.Equal([-1, -1, -1, -1], routing.ExpertIds);
        Assert.Equal(new int[4], routing.Load());
    }

    [Fact]
    public void A_padded_token_uses_no_capacity()
    {
        var spec = s_top2 with { Select = new TopKSelection { K = 1 }, Dispatch = new DispatchSpec { Capacity = new CapacitySpec { Fixed = 1 } } };
        float[] logits = [.. s_ladder, .. s_ladder, .. s_ladder];
        var routing = ReferenceRouter.Route(logits, spec, new RouteOptions { Padding = [true, false, false] });
        Assert.Equal([false, true, false], Enumerable.Range(0, 3).Select(routing.Plan.IsKept));
        Assert.Equal(1, routing.Plan.DroppedCount);
    }

    [Fact]
    public void A_closed_expert_scores_as_minus_infinity_does()
    {
        var routing = ReferenceRouter.Route(s_ladder, s_top2, new RouteOptions { ClosedExperts = [false, false, false, true] });
        Assert.Equal([2, 1], routing.ExpertIds);
        Close([Math.Exp(3) / (Math.Exp(1) + Math.Exp(2) + Math.Exp(3)), Math.Exp(2) / (Math.Exp(1) + Math.Exp(2) + Math.Exp(3))], routing.Weights);
        var infinite = Route(s_top2, [1, 2, 3, float.NegativeInfinity]);
        Assert.Equal(routing.ExpertIds, infinite.ExpertIds);
        Assert.Equal(routing.Weights, infinite.Weights);
    }

    [Theory]
    [InlineData(ScoreStage.BeforeSelection)]
    [InlineData(ScoreStage.AfterSelection)]
    public void Fewer_open_experts_than_choices_leave_empty_routes(ScoreStage stage)
    {
        var spec = Score(ScoreFunction.Softmax, stage) with { Weigh = new WeighSpec { Normalization = WeightNormalization.Sum } };
        var routing = ReferenceRouter.Route(s_ladder, spec, new RouteOptions { ClosedExperts = [true, false, true, true] });
        Assert.Equal([1, -1], routing.ExpertIds);
        Close([1, 0], routing.Weights);
        Assert.Equal([0, 1, 0, 0], routing.Load());
    }

    [Fact]
    public void Closed_experts_are_left_out_of_a_dense_mixture()
    {
        var spec = new RouterSpec { Experts = 4, Select = new AllSelection() };
        Assert.Equal([0, -1, 2, -1], ReferenceRouter.Route(s_ladder, spec, new RouteOptions { ClosedExperts = [false, true, false, true] }).ExpertIds);
    }

    [Fact]
    public void Given_experts_are_taken_with_the_live_weights()
    {
        float[] logits = [.. s_ladder, .. s_ladder];
        double z = Enumerable.Range(1, 4).Sum(static l => Math.Exp(l));
        var routing = ReferenceRouter.Route(logits, s_top2, new RouteOptions { GivenExperts = [0, 3, 2, -1] });
        Assert.Equal([0, 3, 2, -1], routing.ExpertIds);
        Close([Math.Exp(1) / z, Math.Exp(4) / z, Math.Exp(3) / z, 0], routing.Weights);
        var after = ReferenceRouter.Route(logits, After(ScoreFunction.Softmax), new RouteOptions { GivenExperts = [0, 3, 2, -1] });
        Close([1 / (1 + Math.Exp(3)), 1 / (1 + Math.Exp(-3)), 1, 0], after.Weights);
    }

    [Fact]
    public void Replaying_a_routing_gives_it_back()
    {
        float[] logits = Draw.Normal(40 * 4, 1);
        var spec = s_top2 with { Dispatch = new DispatchSpec { Capacity = new CapacitySpec { Factor = 1 } } };
        var first = Route(spec, logits);
        var again = ReferenceRouter.Route(logits, spec, new RouteOptions { GivenExperts = first.ExpertIds });
        Assert.Equal(first.ExpertIds, again.ExpertIds);
        Assert.Equal(first.Weights, again.Weights);
        Assert.Equal(first.Plan.Permutation, again.Plan.Permutation);
    }

    [Fact]
    public void An_empty_batch_gives_an_empty_routing()
    {
        foreach (var dispatch in (DispatchSpec[])[DispatchSpec.Dropless, new() { Capacity = new CapacitySpec { Factor = 1 } }, new() { Capacity = new CapacitySpec { Fixed = 2 }, Drop = DropPolicy.HeaviestWeight }])
        {
            var routing = Route(s_top2 with { Dispatch = dispatch }, []);
            Assert.Equal((0, 4, 2, 0), (routing.TokenCount, routing.ExpertCount, routing.Choices, routing.RouteCount));
            Assert.Equal(new int[5], routing.Plan.Offsets);
            Assert.Equal(new int[4], routing.Load());
            Assert.Empty(routing.ToDenseWeights());
        }
    }

    [Fact]
    public void One_expert_takes_every_token()
    {
        var routing = Route(new RouterSpec { Experts = 1, Select = new TopKSelection { K = 1 } }, [-5, 0, 7]);
        Assert.Equal([0, 0, 0], routing.ExpertIds);
        Assert.Equal([1, 1, 1], routing.Weights);
        Assert.Equal([3], routing.Load());
    }

    [Fact]
    public void An_expert_that_nobody_chose_owns_no_routes()
    {
        var routing = Route(s_top2, [.. s_ladder, .. s_ladder]);
        Assert.Equal([0, 0, 2, 2], routing.Load());
        Assert.Equal([0, 0, 0, 2, 4], routing.Plan.Offsets);
    }

    [Fact]
    public void Selection_scores_are_what_the_choice_compares()
    {
        var spec = RouterProfiles.DeepSeekV3(4, 1, 2, 1, 2.5);
        var scores = new float[8];
        ReferenceRouter.SelectionScores([1, 2, 3, 4, 0, 0, 0, 0], spec, new RouteOptions { SelectionBias = [1, 1, 0, 0], Padding = [false, true] }, scores);
        Close([1 + 1 / (1 + Math.Exp(-1)), 1 + 1 / (1 + Math.Exp(-2))], scores.AsSpan(0, 2));
        Assert.All(scores[2..], static s => Assert.Equal(float.NegativeInfinity, s));
    }

    private static RouterSpec After(ScoreFunction function) => Score(function, ScoreStage.AfterSelection);

    private static RouterSpec Score(ScoreFunction function, ScoreStage stage) => s_top2 with { Score = new ScoreSpec { Function = function, Stage = stage } };

    private static TopKRouting Route(RouterSpec spec, float[] logits) => ReferenceRouter.Route(logits, spec);

    // A few roundings to single precision.
    private static void Close(double[] expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 2e-7 * Math.Max(1, Math.Abs(expected[i])));
    }
}
