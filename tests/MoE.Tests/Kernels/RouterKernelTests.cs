using CsCheck;

namespace MoE.Tests.Kernels;

/// <summary>The router kernel against the reference router: the same experts, weights, order and loads; the same refusals; no allocation.</summary>
public sealed class RouterKernelTests
{
    private static readonly Gen<RouterSpec> s_spec =
        from experts in Gen.Int[1, 70]
        from k in Gen.Int[1, Math.Min(experts, 9)]
        from function in Gen.Enum<ScoreFunction>()
        from stage in Gen.Enum<ScoreStage>()
        from sum in Gen.Bool
        from single in Gen.Bool
        from rule in Gen.Enum<EpsilonRule>()
        from epsilon in Gen.OneOf(0.0, 1e-20, 1e-6)
        from scale in Gen.OneOf(1.0, 2.5)
        from temperature in Gen.OneOf(1.0, 0.5, 3.0)
        from bias in Gen.Bool
        from ties in Gen.Enum<TieRule>()
        select new RouterSpec
        {
            Experts = experts,
            Score = new ScoreSpec { Function = function, Stage = stage, Temperature = temperature },
            Select = new TopKSelection { K = k, UsesBias = bias },
            Weigh = new WeighSpec { Normalization = sum ? WeightNormalization.Sum : WeightNormalization.None, NormalizeSingle = single, Epsilon = epsilon, EpsilonRule = rule, Scale = scale },
            Ties = ties,
        };

    [Fact]
    public void Random_routers_are_the_reference() => Gen.Select(s_spec, Gen.Int[0, 40], Draw.Seed).Sample(static (spec, tokens, seed) =>
    {
        if (spec.Validate().Count > 0) return;
        Assert.True(RouterKernel.Runs(spec));
        Agrees(spec, Distinct(tokens, spec.Experts, seed), seed);
    }, iter: 3000);

    [Fact]
    public void Ties_go_where_the_reference_sends_them() => Gen.Select(s_spec, Gen.Int[1, 20], Draw.Seed).Sample(static (spec, tokens, seed) =>
    {
        // Whole logits: ties are exact, unless rounding after a bias splits them.
        if (spec.UsesSelectionBias || spec.Validate().Count > 0) return;
        Agrees(spec, Draw.Coarse(tokens * spec.Experts, seed), seed);
    }, iter: 3000);

    [Theory]
    [InlineData(8, 2), InlineData(64, 8), InlineData(128, 8), InlineData(256, 8), InlineData(1024, 32), InlineData(33, 31)]
    public void Sizes_of_models_are_the_reference(int experts, int k)
    {
        foreach (int tokens in new[] { 1, 15, 16, 17, 100 })
        {
            Agrees(RouterProfiles.Mixtral(experts, k), Distinct(tokens, experts, 1), 1);
            Agrees(RouterProfiles.GptOss(experts, k), Distinct(tokens, experts, 2), 2);
            Agrees(RouterProfiles.Torchtitan(experts, k), Distinct(tokens, experts, 3), 3);
        }
    }

    [Fact]
    public void Groups_are_limited_as_in_the_reference()
    {
        int seed = 0;
        foreach (var score in new[] { GroupScore.Max, GroupScore.SumOfTopTwo, GroupScore.SumOfTopShare })
            foreach (var mask in Enum.GetValues<GroupMask>())
                foreach (bool bias in new[] { false, true })
                    foreach (var ties in new[] { TieRule.LowestIndex, TieRule.HighestIndex })
                        foreach (var (experts, count, keep, k) in new[] { (8, 4, 2, 2), (24, 4, 2, 4), (256, 8, 4, 8), (64, 8, 3, 6) })
                        {
                            var spec = new RouterSpec
                            {
                                Experts = experts,
                                Score = new ScoreSpec { Function = ScoreFunction.Sigmoid },
                                Select = new TopKSelection { K = k, UsesBias = bias, Groups = new GroupLimit { Count = count, Keep = keep, Score = score, Mask = mask } },
                                Weigh = new WeighSpec { Normalization = WeightNormalization.Sum, Epsilon = 1e-20 },
                                Ties = ties,
                            };
                            if (spec.Validate().Count > 0) continue;
                            Assert.True(RouterKernel.Runs(spec));
                            Agrees(spec, Distinct(37, experts, ++seed), seed);
                        }
    }

    [Fact]
    public void Others_go_to_the_reference_and_answer_the_same()
    {
        foreach (var spec in new[] { RouterProfiles.DynamicTopP(8), RouterProfiles.Sam(8, 2, 2), RouterProfiles.Mixtral(1200, 3) })
        {
            Assert.False(RouterKernel.Runs(spec));
            float[] logits = Distinct(20, spec.Experts, 4), bias = spec.UsesSelectionBias ? Draw.Normal(spec.Experts, 5) : [];
            var expected = ReferenceRouter.Route(logits, spec, new RouteOptions { SelectionBias = bias });
            var actual = new RoutingBuffer();
            RouterKernel.Route(logits, spec, bias, actual);
            Assert.Equal(expected.ExpertIds, actual.ExpertIds);
            Assert.Equal(expected.Weights, actual.Weights);
            Assert.Equal(expected.Plan.Permutation, actual.Permutation);
        }
    }

    [Fact]
    public void Minus_infinity_is_routed_as_the_reference_does()
    {
        var spec = RouterProfiles.GptOss(4, 3);
        float[] logits = [1, float.NegativeInfinity, 2, float.NegativeInfinity];
        var buffer = new RoutingBuffer();
        RouterKernel.Route(logits, spec, [], buffer);
        Assert.Equal(ReferenceRouter.Route(logits, spec).ExpertIds, buffer.ExpertIds);
    }

    [Theory, InlineData(float.NaN), InlineData(float.PositiveInfinity)]
    public void What_the_reference_refuses_is_refused(float bad)
    {
        var spec = RouterProfiles.Mixtral(4);
        float[] logits = Draw.Normal(20 * 4, 1);
        logits[18 * 4 + 2] = bad;
        Assert.Contains("logits[18, 2]", Assert.Throws<ArgumentException>(() => RouterKernel.Route(logits, spec, [], new RoutingBuffer())).Message);
        Assert.Throws<ArgumentException>(() => RouterKernel.Route(logits.AsSpan(1), spec, [], new RoutingBuffer()));
        Assert.Throws<ArgumentException>(() => RouterKernel.Route(logits.AsSpan(0, 8), spec, [1], new RoutingBuffer()));
        Assert.Throws<ArgumentException>(() => RouterKernel.Route([float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity], spec, [], new RoutingBuffer()));
        Assert.Contains("selectionBias[1]", Assert.Throws<ArgumentException>(() => RouterKernel.Route([1, 2, 3, 4], RouterProfiles.Torchtitan(4, 2), [0, float.NaN, 0, 0], new RoutingBuffer())).Message);
        Assert.Throws<NotSupportedException>(() => RouterKernel.Route(logits.AsSpan(0, 8), RouterProfiles.Switch(4), [], new RoutingBuffer()));
    }

    [Fact]
    public void A_call_allocates_nothing_and_a_buffer_serves_many_shapes()
    {
        var buffer = new RoutingBuffer();
        Assert.Equal(0, buffer.TokenCount);
        Assert.Equal(0, buffer.Permutation.Length);
        var specs = new[] { RouterProfiles.Mixtral(64, 8), RouterProfiles.Mixtral(8), RouterProfiles.GptOss(32) };
        float[][] logits = [.. specs.Select(static s => Draw.Normal(50 * s.Experts, 1))];
        for (int i = 0; i < 3; i++) RouterKernel.Route(logits[i], specs[i], [], buffer);
        Assert.Equal(0, Allocation.OfTenCalls(() =>
        {
            for (int i = 0; i < 3; i++) RouterKernel.Route(logits[i], specs[i], [], buffer);
        }));
        Assert.Equal(50 * 4, buffer.Permutation.Length);
        Assert.Equal(50 * 4, Enumerable.Range(0, 32).Sum(buffer.Load));
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Load(32));
    }

    private static void Agrees(RouterSpec spec, float[] logits, int seed)
    {
        float[] bias = spec.UsesSelectionBias ? [.. Draw.Permutation(spec.Experts, seed).Select(static i => 0.37f * i)] : [];
        var expected = ReferenceRouter.Route(logits, spec, new RouteOptions { SelectionBias = bias });
        var actual = new RoutingBuffer();
        RouterKernel.Route(logits, spec, bias, actual);
        Assert.Equal(expected.ExpertIds, actual.ExpertIds);
        Assert.Equal(expected.Plan.Permutation, actual.Permutation);
        Assert.Equal(expected.Plan.Offsets, actual.Offsets);
        for (int r = 0; r < expected.RouteCount; r++)
            Assert.True(Math.Abs(expected.Weights[r] - actual.Weights[r]) <= 2e-6 * Math.Max(1, Math.Abs(expected.Weights[r])), $"weights[{r}] = {actual.Weights[r]}, must be {expected.Weights[r]}");
    }

    // In a row all values differ by a twentieth at least, and none saturates.
    private static float[] Distinct(int tokens, int experts, int seed)
    {
        float step = Math.Min(0.05f, 8f / experts);
        return [.. Enumerable.Range(0, tokens).SelectMany(t => Draw.Permutation(experts, seed + t).Select(i => (i - experts / 2) * step + 0.01f))];
    }
}
