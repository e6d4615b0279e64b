using MoE.Tests.Profiles;
using MoE.Tests.Reference;

namespace MoE.Tests.Kernels;

/// <summary>The packed experts against the reference layer: awkward sizes, every form, every path; equal bits for threads and batch splits; no allocation.</summary>
public sealed class MoEFeedForwardTests
{
    private static readonly int[] s_sizes = [1, 2, 3, 7, 13, 31, 33, 100, 257];

    public static TheoryData<string> Profiles => [.. AllProfiles.Layers.Keys];

    public static TheoryData<KernelPath> Paths => [.. Enum.GetValues<KernelPath>()];

    [Theory, MemberData(nameof(Paths))]
    public void Awkward_sizes_agree_with_the_reference(KernelPath path)
    {
        int seed = 0;
        foreach (int d in s_sizes)
            foreach (int f in s_sizes)
                foreach (int tokens in new[] { 0, 1, 7, 15, 33 })
                {
                    if (d * f > 33 * 257 && tokens > 7) continue;
                    int e = 1 + seed % 7;
                    Agrees(LayerProfiles.Mixtral(d, f, e, 1 + seed % e), tokens, ++seed, path);
                }
    }

    [Theory, MemberData(nameof(Paths))]
    public void Every_row_count_of_a_block_agrees(KernelPath path)
    {
        var spec = LayerProfiles.Mixtral(37, 19, 1, 1);
        for (int tokens = 1; tokens <= 60; tokens++) Agrees(spec, tokens, tokens, path);
    }

    [Theory, MemberData(nameof(Paths))]
    public void Every_form_agrees(KernelPath path)
    {
        int seed = 100;
        foreach (var form in Enum.GetValues<ExpertForm>())
            foreach (var activation in Enum.GetValues<Activation>())
                foreach (bool biases in new[] { false, true })
                    foreach (var side in Enum.GetValues<WeightedSide>())
                        foreach (bool? shared in new bool?[] { null, false, true })
                        {
                            double? limit = form == ExpertForm.Glu && biases ? 0.8 : null;
                            var spec = LayerProfiles.Mixtral(21, 18, 5, 3) with
                            {
                                Expert = new ExpertSpec { Form = form, Activation = activation, Width = 18, Biases = biases, Limit = limit, UpOffset = limit is null ? 0 : 1, Alpha = activation == Activation.Silu ? 1.702 : 1 },
                                Weighted = side,
                                Shared = shared is { } gate ? new SharedExpertSpec { Width = 40, SigmoidGate = gate } : null,
                            };
                            Agrees(spec.Checked(), 11, ++seed, path);
                        }
    }

    [Fact]
    public void Dropped_tokens_empty_experts_and_one_busy_expert_agree()
    {
        var spec = LayerProfiles.Mixtral(24, 40, 6, 2);
        spec = spec with { Router = spec.Router with { Dispatch = new DispatchSpec { Capacity = new CapacitySpec { Factor = 0.5 } } } };
        Agrees(spec, 40, 1, Tiles.Path);
        var one = LayerProfiles.Mixtral(24, 40, 6, 1);
        var weights = LayerOracle.RandomWeights(one, 3);
        float[] x = Draw.Normal(50 * 24, 4);
        var routing = ReferenceRouter.Route([.. Enumerable.Range(0, 50).SelectMany(static _ => new float[] { 0, 0, 0, 9, 0, 0 })], one.Router);
        Assert.Equal([0, 0, 0, 50, 0, 0], routing.Load());
        Close(Reference(one, weights, x, routing), Fast(one, weights, x, routing, Tiles.Path, 1));
    }

    [Fact]
    public void Top_p_routings_agree()
    {
        var spec = LayerProfiles.Mixtral(16, 24, 6, 2);
        spec = spec with { Router = RouterProfiles.DynamicTopP(6) };
        Agrees(spec, 30, 8, Tiles.Path);
    }

    [Theory, InlineData(2), InlineData(3), InlineData(8)]
    public void Threads_change_no_bit(int threads)
    {
        var spec = LayerProfiles.DeepSeekV3(70, 50, 9, 3, 3, 2, 2.5);
        var weights = LayerOracle.RandomWeights(spec, 3);
        float[] x = Draw.Normal(700 * 70, 5);
        var routing = Route(spec, weights, x);
        float[] one = Fast(spec, weights, x, routing, Tiles.Path, 1);
        for (int i = 0; i < 5; i++) Assert.Equal(one, Fast(spec, weights, x, routing, Tiles.Path, threads));
    }

    [Theory, InlineData(1), InlineData(7), InlineData(15), InlineData(16), InlineData(33), InlineData(512)]
    public void Slices_of_a_batch_have_the_bits_of_the_whole(int slice)
    {
        const int tokens = 1100, d = 40;
        var spec = LayerProfiles.Mixtral(d, 50, 5, 2);
        var weights = LayerOracle.RandomWeights(spec, 3);
        float[] x = Draw.Normal(tokens * d, 5);
        using var layer = new MoEFeedForward(spec, weights);
        using var workspace = new MoEWorkspace(2);
        float[] whole = new float[x.Length];
        layer.Forward(x, Route(spec, weights, x), whole, workspace);
        for (int from = 0; from < tokens; from += slice)
        {
            int to = Math.Min(from + slice, tokens);
            float[] part = x[(from * d)..(to * d)], y = new float[part.Length];
            layer.Forward(part, Route(spec, weights, part), y, workspace);
            Assert.Equal(whole[(from * d)..(to * d)], y);
        }
    }

    [Fact]
    public void More_tokens_than_a_chunk_need_no_more_scratch()
    {
        var spec = LayerProfiles.Mixtral(8, 2048, 4, 2);
        var weights = LayerOracle.RandomWeights(spec, 3);
        using var layer = new MoEFeedForward(spec, weights);
        int chunk = layer.ChunkTokens(2);
        Assert.Equal(1024, chunk);
        using var workspace = new MoEWorkspace();
        float[] x = Draw.Normal(2 * chunk * 8, 5), y = new float[x.Length];
        layer.Forward(x.AsSpan(0, chunk * 8), Route(spec, weights, x[..(chunk * 8)]), y.AsSpan(0, chunk * 8), workspace);
        long bytes = workspace.Bytes;
        Assert.Equal(4L * (chunk * 2 * (8 + 2048)), bytes);
        float[] first = y[..(chunk * 8)];
        layer.Forward(x, Route(spec, weights, x), y, workspace);
        Assert.Equal(bytes, workspace.Bytes);
        Assert.Equal(first, y[..(chunk * 8)]);
    }

    [Theory, InlineData(1), InlineData(2)]
    public void A_call_allocates_nothing(int threads)
    {
        var spec = LayerProfiles.DeepSeekV3(64, 48, 8, 2, 2, 1, 1.0);
        var weights = LayerOracle.RandomWeights(spec, 3);
        float[] x = Draw.Normal(100 * 64, 5), y = new float[x.Length];
        using var layer = new MoEFeedForward(spec, weights);
        using var workspace = new MoEWorkspace(threads);
        var routing = Route(spec, weights, x);
        for (int i = 0; i < 3; i++) layer.Forward(x, routing, y, workspace);
        Assert.Equal(0, Allocation.OfTenCalls(() => layer.Forward(x, routing, y, workspace)));
    }

    [Fact]
    public void Nothing_is_written_beside_the_output_and_spans_need_no_alignment()
    {
        var spec = LayerProfiles.Mixtral(33, 31, 3, 2);
        var weights = LayerOracle.RandomWeights(spec, 3);
        float[] x = Draw.Normal(17 * 33 + 3, 5), y = new float[17 * 33 + 64];
        y.AsSpan().Fill(float.NaN);
        var tokens = x.AsSpan(3);
        using var layer = new MoEFeedForward(spec, weights);
        using var workspace = new MoEWorkspace(2);
        layer.Forward(tokens, Route(spec, weights, tokens.ToArray()), y.AsSpan(31, tokens.Length), workspace);
        Assert.All(y[..31], static v => Assert.True(float.IsNaN(v)));
        Assert.All(y[(31 + tokens.Length)..], static v => Assert.True(float.IsNaN(v)));
        Assert.All(y[31..(31 + tokens.Length)], static v => Assert.True(float.IsFinite(v)));
    }

    [Fact]
    public void Large_small_and_infinite_numbers_pass_as_in_the_reference()
    {
        var spec = LayerProfiles.Mixtral(4, 8, 2, 1);
        var weights = LayerOracle.RandomWeights(spec, 3);
        float[] x = [1e30f, 1, 1, 1, 1e-40f, 0, 0, 0, 0, 0, 0, 0];
        var routing = ReferenceRouter.Route([1, 0, 0, 1, 1, 0], spec.Router);
        float[] expected = Reference(spec, weights, x, routing), actual = Fast(spec, weights, x, routing, Tiles.Path, 1);
        for (int i = 4; i < x.Length; i++) Assert.Equal(expected[i], actual[i], 1e-30);
        Assert.All(actual[8..], static v => Assert.Equal(0, v));
    }

    [Fact]
    public void Callers_with_a_workspace_each_may_run_at_once()
    {
        var spec = LayerProfiles.Mixtral(32, 32, 4, 2);
        var weights = LayerOracle.RandomWeights(spec, 3);
        using var layer = new MoEFeedForward(spec, weights);
        float[] x = Draw.Normal(60 * 32, 5);
        var routing = Route(spec, weights, x);
        float[] expected = Fast(spec, weights, x, routing, Tiles.Path, 1);
        Parallel.For(0, 8, _ =>
        {
            using var workspace = new MoEWorkspace(2);
            float[] y = new float[x.Length];
            for (int i = 0; i < 50; i++)
            {
                layer.Forward(x, routing, y, workspace);
                Assert.Equal(expected, y);
            }
        });
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        var spec = LayerProfiles.Mixtral(8, 8, 4, 2);
        var weights = LayerOracle.RandomWeights(spec, 3);
        using var layer = new MoEFeedForward(spec, weights);
        using var workspace = new MoEWorkspace();
        float[] x = new float[16], y = new float[16];
        var routing = Route(spec, weights, x);
        Assert.Contains("tokens has 15 values", Assert.Throws<ArgumentException>(() => layer.Forward(x.AsSpan(1), routing, y, workspace)).Message);
        Assert.Contains("output has 8 values; must have 16", Assert.Throws<ArgumentException>(() => layer.Forward(x, routing, y.AsSpan(8), workspace)).Message);
        Assert.Contains("overlaps", Assert.Throws<ArgumentException>(() => layer.Forward(x, routing, x, workspace)).Message);
        Assert.Contains("routing is of 2 tokens over 4 experts; must be 1", Assert.Throws<ArgumentException>(() => layer.Forward(x.AsSpan(8), routing, y.AsSpan(8), workspace)).Message);
        Assert.Throws<ArgumentException>(() => new MoEFeedForward(spec, new WeightDictionary()));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MoEWorkspace(0));
        var unsupported = Assert.Throws<SpecException>(() => new MoEFeedForward(spec with { OutputBias = true, KeepsRemainder = true }, weights));
        Assert.Equal(2, unsupported.Problems.Count);
        workspace.Dispose();
        Assert.Throws<ObjectDisposedException>(() => layer.Forward(x, routing, y, workspace));
    }

    [Fact]
    public void The_engine_is_the_reference()
    {
        foreach (var spec in new[] { LayerProfiles.Mixtral(40, 24, 6, 2), LayerProfiles.GptOss(40, 24, 8, 4), LayerProfiles.Qwen2Moe(40, 24, 30, 6, 3), LayerProfiles.Llama4(40, 24, 6) })
        {
            var weights = LayerOracle.RandomWeights(spec, 3);
            float[] x = Draw.Normal(50 * 40, 5), expected = new float[x.Length], actual = new float[x.Length];
            using var reference = new ReferenceLayer(spec, weights);
            using var engine = new ManagedMoEEngine(spec, weights, 2);
            reference.Forward(x, expected);
            engine.Forward(x, actual);
            Assert.Equal(((TopKRouting)reference.Route(x)).ExpertIds.ToArray(), ((TopKRouting)engine.Route(x)).ExpertIds.ToArray());
            Close(expected, actual);
        }
    }

    [Theory, MemberData(nameof(Profiles))]
    public void Every_profile_is_the_reference(string name)
    {
        var spec = AllProfiles.Layers[name];
        Assert.Empty(MoEFeedForward.Unsupported(spec));
        var weights = LayerOracle.RandomWeights(spec, 7);
        float[] x = Draw.Normal(19 * spec.Width, 8), expected = new float[x.Length], actual = new float[x.Length];
        using var reference = new ReferenceLayer(spec, weights);
        using var engine = new ManagedMoEEngine(spec, weights);
        reference.Forward(x, expected);
        engine.Forward(x, actual);
        Close(expected, actual);
    }

    [Theory, InlineData(1), InlineData(2)]
    public void An_engine_allocates_nothing(int threads)
    {
        foreach (var spec in new[] { LayerProfiles.Mixtral(32, 48, 8, 2), LayerProfiles.DeepSeekV3(32, 48, 16, 4, 4, 2, 2.5) })
        {
            var weights = LayerOracle.RandomWeights(spec, 3);
            float[] x = Draw.Normal(40 * 32, 5), y = new float[x.Length];
            using var engine = new ManagedMoEEngine(spec, weights, threads);
            for (int i = 0; i < 3; i++) engine.Forward(x, y);
            Assert.Equal(0, Allocation.OfTenCalls(() => engine.Forward(x, y)));
        }
    }

    private static void Agrees(MoELayerSpec spec, int tokens, int seed, KernelPath path)
    {
        var weights = LayerOracle.RandomWeights(spec, seed);
        float[] x = Draw.Normal(tokens * spec.Width, seed + 1);
        var routing = Route(spec, weights, x);
        Close(Reference(spec, weights, x, routing), Fast(spec, weights, x, routing, path, 1), $"{tokens} tokens, {spec.Expert}, {spec.Weighted}, {spec.Shared}");
    }

    private static TopKRouting Route(MoELayerSpec spec, WeightDictionary weights, float[] x)
    {
        using var layer = new ReferenceLayer(spec, weights);
        return (TopKRouting)layer.Route(x);
    }

    private static float[] Fast(MoELayerSpec spec, WeightDictionary weights, float[] x, SparseRouting routing, KernelPath path, int threads)
    {
        using var layer = new MoEFeedForward(spec, weights, path);
        using var workspace = new MoEWorkspace(threads);
        float[] y = new float[x.Length];
        y.AsSpan().Fill(float.NaN);
        layer.Forward(x, routing, y, workspace);
        return y;
    }

    private static float[] Reference(MoELayerSpec spec, WeightDictionary weights, float[] x, SparseRouting routing)
    {
        using var layer = new ReferenceLayer(spec, weights, new FixedGate(routing));
        float[] y = new float[x.Length];
        layer.Forward(x, y);
        return y;
    }

    private static void Close(float[] expected, float[] actual, string what = "")
    {
        Assert.Equal(expected.Length, actual.Length);
        double largest = expected.Select(static v => Math.Abs((double)v)).DefaultIfEmpty().Max();
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= 1e-5 * largest + 1e-6, $"[{i}]: {actual[i]}, must be {expected[i]} (largest {largest}) {what}");
    }

    private sealed class FixedGate(SparseRouting routing) : IGate
    {
        public string Name => "fixed";

        public int ExpertCount => routing.ExpertCount;

        public Routing Route(in GateInput input) => routing;
    }
}
