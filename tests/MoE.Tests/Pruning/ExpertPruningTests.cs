using MoE.Diagnostics;
using MoE.Tests.Profiles;
using MoE.Tests.Reference;

namespace MoE.Tests.PruningOf;

/// <summary>Layers without some experts against the whole layers.</summary>
public sealed class ExpertPruningTests
{
    private const int Tokens = 60, Width = 20;

    public static TheoryData<string> Routers => [.. AllProfiles.Routers.Keys];

    [Theory, MemberData(nameof(Routers))]
    public void The_pruned_router_is_the_whole_one_with_closed_experts(string name)
    {
        var router = AllProfiles.Routers[name].At(0) with { Noise = null, Weigh = AllProfiles.Routers[name].Weigh with { SoftTopK = null } };
        // Groups, capacities and balanced choices count experts; the others see a closed expert as none.
        if (router is not { Select: TopKSelection { Groups: null, Balance: null } or AllSelection or TopPSelection or ThresholdSelection or SparseMixerSelection, Dispatch.Capacity: null, Weigh.WeightlessExperts: 0 }) return;
        var layer = Layer(router);
        var weights = LayerOracle.RandomWeights(layer, 3);
        int[] keep = [.. Enumerable.Range(0, router.Experts).Where(e => e % 4 != 1 || router.Experts - router.Experts / 4 < router.TopK)];
        if (router.TopK > keep.Length && router.Select is TopKSelection or SparseMixerSelection) return;
        var pruned = ExpertPruning.Keep(layer, weights, keep);
        float[] x = Draw.Normal(Tokens * Width, 5), logits = Logits(weights, x, router.Experts), bias = Bias(weights, router);
        var whole = ReferenceRouter.Route(logits, router, new RouteOptions { SelectionBias = bias, ClosedExperts = [.. Enumerable.Range(0, router.Experts).Select(e => !keep.Contains(e))] });
        var part = ReferenceRouter.Route(Logits(pruned.Weights, x, keep.Length), pruned.Spec.Router, new RouteOptions { SelectionBias = Bias(pruned.Weights, pruned.Spec.Router) });
        for (int t = 0; t < Tokens; t++)
        {
            Assert.Equal(Routes(whole, t), Routes(part, t).Select(r => (keep[r.Expert], r.Weight)));
        }
    }

    [Fact]
    public void Experts_that_no_token_chose_leave_no_trace_or_the_one_that_is_told()
    {
        var seen = new HashSet<PruningEffect>();
        foreach (var (name, profile) in AllProfiles.Routers)
        {
            var router = profile.At(0) with { Noise = null };
            var effect = ExpertPruning.EffectOnOthers(router);
            if (effect == PruningEffect.Unknown) continue;
            seen.Add(effect);
            var spec = Layer(router);
            var weights = LayerOracle.RandomWeights(spec, 7);
            // Two experts that lose on every token, but not by far: the first number of a token is always positive.
            float[] rows = weights.Values(WeightNames.Router), x = Draw.Normal(Tokens * Width, 5);
            for (int t = 0; t < Tokens; t++) x[t * Width] = 1;
            foreach (int e in new[] { 1, router.Experts - 2 })
            {
                rows.AsSpan(e * Width, Width).Clear();
                rows[e * Width] = -3;
                if (router.UsesSelectionBias) weights.Values(WeightNames.SelectionBias)[e] = -3;
            }

            using var engine = new ManagedMoEEngine(spec, weights);
            using var reference = new ReferenceLayer(spec, weights);
            var routing = (TopKRouting)engine.Route(x);
            var usage = ExpertUsage.Of([routing]);
            int[] used = usage.Used();
            if (used.Length == router.Experts) continue;
            Assert.All(new[] { 1, router.Experts - 2 }.Where(e => router.TopK < router.Experts / 2), e => Assert.DoesNotContain(e, used));
            var pruned = ExpertPruning.Keep(spec, weights, used);
            Assert.Equal(used.Length, pruned.Spec.Router.Experts);
            using var fast = new ManagedMoEEngine(pruned.Spec, pruned.Weights);
            using var slow = new ReferenceLayer(pruned.Spec, pruned.Weights);
            float[] logits = Logits(weights, x, router.Experts);
            foreach (var (whole, part) in new (IMoEEngine, IMoEEngine)[] { (engine, fast), (reference, slow) })
            {
                float[] expected = new float[x.Length], actual = new float[x.Length];
                whole.Forward(x, expected);
                part.Forward(x, actual);
                if (effect == PruningEffect.SameBits)
                {
                    Assert.Equal(expected, actual);
                    continue;
                }

                double most = 0;
                for (int t = 0; t < Tokens; t++)
                {
                    float[] scores = new float[router.Experts];
                    ScoreFunctions.Apply(ScoreFunction.Softmax, [.. logits[(t * router.Experts)..((t + 1) * router.Experts)].Select(l => (float)(l / router.Score.Temperature))], scores);
                    double mass = Enumerable.Range(0, router.Experts).Except(used).Sum(e => (double)scores[e]), factor = effect == PruningEffect.Factor ? 1 / (1 - mass) : 1;
                    most = Math.Max(most, mass);
                    // An output adds up k experts' outputs of size 30 at most here, in single precision, on weights of three roundings each.
                    for (int i = 0; i < Width; i++) Assert.Equal(factor * expected[t * Width + i], actual[t * Width + i], router.TopK * 30 * 8 * Math.Pow(2, -24) * factor);
                }

                Assert.True(most > 1e-3, $"{name}: dropped experts have the mass {most} at most, which shows nothing");
            }
        }

        Assert.Equal([PruningEffect.SameBits, PruningEffect.Rounding, PruningEffect.Factor], seen.Order());
    }

    [Fact]
    public void Shared_and_special_experts_and_biases_come_along()
    {
        var spec = LayerProfiles.Qwen2Moe(Width, 12, 30, 8, 2) with { RouterBias = true, Special = new SpecialExperts { Constant = 2, Copy = 1, Zero = 1 }, OutputBias = true };
        spec = spec with { Expert = spec.Expert with { Biases = true } };
        var weights = LayerOracle.RandomWeights(spec, 3);
        // Feed-forward experts 0..3, constants 4 and 5, copy 6, zero 7.
        var pruned = ExpertPruning.Keep(spec, weights, [0, 2, 5, 7]);
        Assert.Equal(new SpecialExperts { Constant = 1, Zero = 1 }, pruned.Spec.Special);
        Assert.Equal(2, pruned.Spec.FeedForwardExperts);
        float[] x = Draw.Normal(Tokens * Width, 5), expected = new float[x.Length], actual = new float[x.Length];
        var closed = new bool[] { false, true, false, true, true, false, true, false };
        using var whole = new ReferenceLayer(spec, weights);
        using var part = new ReferenceLayer(pruned.Spec, pruned.Weights);
        whole.Forward(new GateInput(x, Width) { ClosedExperts = closed }, expected);
        part.Forward(x, actual);
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void Whole_groups_may_go_and_parts_of_them_only_together()
    {
        var spec = LayerProfiles.DeepSeekV3(Width, 8, 16, 4, 4, 2, 2.5);
        var weights = LayerOracle.RandomWeights(spec, 3);
        var whole = ExpertPruning.Keep(spec, weights, [0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15]);
        Assert.Equal(3, ((TopKSelection)whole.Spec.Router.Select).Groups!.Count);
        var thinned = ExpertPruning.Keep(spec, weights, [0, 1, 4, 6, 8, 11, 14, 15]);
        Assert.Equal((4, 8), (((TopKSelection)thinned.Spec.Router.Select).Groups!.Count, thinned.Spec.Router.Experts));
        var problem = Assert.Single(Assert.Throws<SpecException>(() => ExpertPruning.Keep(spec, weights, [0, 1, 2, 3, 4, 5, 8, 9, 10, 11])).Problems);
        Assert.Equal(("router.select.groups", "4, 2, 4"), (problem.Name, problem.Value));
        Assert.Equal(PruningEffect.Unknown, ExpertPruning.EffectOnOthers(spec.Router));
        var prototypes = Layer(RouterProfiles.Prototypes(8, 2));
        Assert.Throws<SpecException>(() => ExpertPruning.Keep(prototypes, LayerOracle.RandomWeights(prototypes, 3), [0, 1, 2, 3]));
        Assert.Equal(4, ExpertPruning.Keep(prototypes, LayerOracle.RandomWeights(prototypes, 3), [0, 1, 6, 7]).Spec.Router.Experts);
    }

    [Fact]
    public void What_is_left_must_be_a_layer()
    {
        var spec = LayerProfiles.Mixtral(Width, 8, 4, 2);
        var weights = LayerOracle.RandomWeights(spec, 3);
        Assert.Contains("router.select.k = 2", Assert.Throws<SpecException>(() => ExpertPruning.Keep(spec, weights, [1])).Message);
        Assert.Contains("experts[1] = 1: must be in 0..3 and ascending", Assert.Throws<ArgumentException>(() => ExpertPruning.Keep(spec, weights, [1, 1, 2])).Message);
        Assert.Contains("experts[0] = 4", Assert.Throws<ArgumentException>(() => ExpertPruning.Keep(spec, weights, [4])).Message);
        Assert.Contains("experts.up is missing", Assert.Throws<ArgumentException>(() => ExpertPruning.Keep(spec, new WeightDictionary(), [0, 1])).Message);
        var special = spec with { Special = new SpecialExperts { Copy = 2 } };
        Assert.Throws<SpecException>(() => ExpertPruning.Keep(special, LayerOracle.RandomWeights(special, 3), [2, 3]));
    }

    [Fact]
    public void Usage_is_counted_from_routings_and_logs()
    {
        // Tokens: (0: 0.9, 1: 0.1), (0: 0.5, 2: 0.5), (2: 1, none), padding.
        int[] ids = [0, 1, 0, 2, 2, -1, -1, -1];
        float[] w = [0.9f, 0.1f, 0.5f, 0.5f, 1, 0, 0, 0];
        var routing = new TopKRouting(4, 4, 2, ids, w);
        using var stream = new MemoryStream();
        using (var writer = new RoutingLogWriter(stream, leaveOpen: true))
        {
            writer.Append("a", 0, routing);
            writer.Append("a", 1, routing);
            writer.Append("b", 0, new TopKRouting(1, 9, 1, [3], [1f]));
        }

        stream.Position = 0;
        var log = RoutingLog.Read(stream);
        foreach (var (usage, times) in new[] { (ExpertUsage.Of([routing]), 1), (ExpertUsage.Of(log, "a"), 2) })
        {
            Assert.Equal([2L * times, times, 2 * times, 0], usage.Tokens);
            Assert.Equal([1.4 * times, 0.1 * times, 1.5 * times, 0], usage.Weight, (a, b) => Math.Abs(a - b) < 1e-6);
            Assert.Equal([0, 1, 2], usage.Used());
            Assert.Equal([0], usage.Most(1));
            Assert.Equal([2], usage.Most(1, PruneBy.Weight));
            Assert.Equal([0, 2], usage.Share(0.9));
            Assert.Equal([0, 1, 2], usage.Share(0.99));
            Assert.Equal([0, 1, 2], usage.Share(1));
            Assert.Equal([0], usage.Share(0, PruneBy.Tokens));
            Assert.Equal(0.6, usage.ShareOf([0, 1], PruneBy.Tokens), 1e-12);
        }

        using var bare = new MemoryStream();
        using (var writer = new RoutingLogWriter(bare, weights: false, leaveOpen: true)) writer.Append("a", 0, routing);
        bare.Position = 0;
        var counts = ExpertUsage.Of(RoutingLog.Read(bare), "a");
        Assert.Equal([0, 2], counts.Most(2));
        Assert.Throws<InvalidOperationException>(() => counts.Most(2, PruneBy.Weight));
        Assert.Contains("records of a, b", Assert.Throws<ArgumentException>(() => ExpertUsage.Of(log, "c")).Message);
        Assert.Throws<ArgumentException>(() => ExpertUsage.Of([]));
        Assert.Throws<ArgumentException>(() => ExpertUsage.Of([routing, new TopKRouting(1, 9, 1, [3], [1f])]));
        Assert.Throws<ArgumentOutOfRangeException>(() => counts.Most(5));
        Assert.Throws<ArgumentOutOfRangeException>(() => counts.Share(double.NaN, PruneBy.Tokens));
    }

    private static MoELayerSpec Layer(RouterSpec router) => new() { Width = Width, Router = router, Expert = new ExpertSpec { Width = 9 } };

    private static float[] Bias(WeightDictionary weights, RouterSpec router) => router.UsesSelectionBias ? weights.Values(WeightNames.SelectionBias) : [];

    private static float[] Logits(WeightDictionary weights, float[] x, int experts)
    {
        float[] rows = weights.Values(WeightNames.Router), logits = new float[x.Length / Width * experts];
        for (int i = 0; i < logits.Length; i++)
        {
            double sum = 0;
            for (int j = 0; j < Width; j++) sum += rows[i % experts * Width + j] * x[i / experts * Width + j];
            logits[i] = (float)sum;
        }

        return logits;
    }

    private static (int Expert, float Weight)[] Routes(TopKRouting routing, int token) =>
        [.. Enumerable.Range(token * routing.Choices, routing.Choices).Where(r => routing.ExpertIds[r] >= 0).Select(r => (routing.ExpertIds[r], routing.Weights[r]))];
}
