namespace MoE.Tests.Profiles;

/// <summary>Each profile against its peer's rule, worked out by hand or probed from the peer.</summary>
public sealed class RouterProfilesTests
{
    private static readonly float[] s_ladder = [1, 2, 3, 4];

    // softmax([1, 2, 3, 4]), largest first.
    private const double P3 = 0.64391425988797, P2 = 0.23688281808991;

    // softmax([3, 4]) = sigmoid(+-1).
    private const double Upper = 0.73105857863000, Lower = 0.26894142137;

    public static TheoryData<string> Names => [.. AllProfiles.Routers.Keys];

    [Theory, MemberData(nameof(Names))]
    public void A_profile_is_valid_and_its_json_comes_back_equal(string name)
    {
        var spec = AllProfiles.Routers[name];
        Assert.Empty(spec.Validate());
        Assert.Equal(spec, RouterSpec.FromJson(spec.ToJson()));
    }

    [Fact]
    public void No_profile_is_forgotten_here()
    {
        var functions = typeof(RouterProfiles).GetMethods().Where(static m => m.IsStatic).Select(static m => m.Name).Distinct();
        Assert.Empty(functions.Except(AllProfiles.Routers.Keys.Select(static k => k.Split(' ')[0])));
    }

    [Fact]
    public void Softmax_families_keep_or_divide_the_probabilities()
    {
        Weights(RouterProfiles.Mixtral(4), Upper, Lower);
        Weights(RouterProfiles.Qwen3Moe(4, 2), Upper, Lower);
        Weights(RouterProfiles.Olmoe(4, 2, normalize: true), Upper, Lower);
        Weights(RouterProfiles.MegaBlocks(4, 2, normalizeP: 1), Upper, Lower);
        Weights(RouterProfiles.OnnxRuntimeMoE(4, 2), Upper, Lower);
        Weights(RouterProfiles.LlamaCpp(4, 2), Upper, Lower);
        Weights(RouterProfiles.DeepSpeedTop2(4, null), Upper, Lower);
        Weights(RouterProfiles.Olmoe(4, 2), P3, P2);
        Weights(RouterProfiles.Qwen2Moe(4, 2), P3, P2);
        Weights(RouterProfiles.Megatron(4, 2, preSoftmax: true), P3, P2);
        Weights(RouterProfiles.MegaBlocks(4, 2), P3, P2);
        Weights(RouterProfiles.VMoE(4, 2, null), P3, P2);
        Weights(RouterProfiles.OnnxRuntimeMoE(4, 1, normalize: false), P3);
        Weights(RouterProfiles.Switch(4), P3);
        Weights(RouterProfiles.TransformersSwitch(4), P3);
        Weights(RouterProfiles.DeepSeekV2(4, 2, 1, 1, 16), 16 * P3, 16 * P2);
    }

    [Fact]
    public void Softmax_over_the_chosen_sums_to_one()
    {
        Weights(RouterProfiles.MistralInference(4), Upper, Lower);
        Weights(RouterProfiles.GptOss(4, 2), Upper, Lower);
        Weights(RouterProfiles.Megatron(4, 2), Upper, Lower);
        Weights(RouterProfiles.OnnxRuntimeQMoE(4, 2), Upper, Lower);
        Weights(RouterProfiles.LlamaCpp(4, 2, afterSelection: true, normalize: false), Upper, Lower);
        Weights(RouterProfiles.MistralInference(4, 1), 1);
        Weights(RouterProfiles.Megatron(4, 1, scale: 2.5), 2.5);
    }

    [Fact]
    public void Llama4_takes_the_sigmoid_of_the_chosen_logit() => Weights(RouterProfiles.Llama4(4, 2), Sigmoid(4), Sigmoid(3));

    [Fact]
    public void Megablocks_divides_by_the_norm_asked_for() =>
        Weights(RouterProfiles.MegaBlocks(4, 2, normalizeP: 2), P3 / Math.Sqrt(P3 * P3 + P2 * P2), P2 / Math.Sqrt(P3 * P3 + P2 * P2));

    [Fact]
    public void DeepSeekV2_normalises_instead_of_scaling_but_only_several()
    {
        Weights(RouterProfiles.DeepSeekV2(4, 2, 1, 1, 16, normalize: true), Upper, Lower);
        Weights(RouterProfiles.DeepSeekV2(4, 1, 1, 1, 16, normalize: true), 16 * P3);
    }

    [Fact]
    public void Groups_are_scored_as_each_peer_scores_them()
    {
        // Group 0 has the best expert, group 1 the two best together.
        float[] logits = [2, -9, 1, 1];
        Assert.Equal([0], Route(RouterProfiles.DeepSeekV2(4, 1, 2, 1, 1), logits).ExpertIds);
        Assert.Equal([2], Route(RouterProfiles.DeepSeekV3(4, 1, 2, 1, 1), logits, new float[4]).ExpertIds);
        Assert.Equal([0], Route(RouterProfiles.DeepSeekV3(4, 1, 2, 1, 1, bias: false), logits).ExpertIds);
        Assert.Equal([2], Route(RouterProfiles.LlamaCpp(4, 1, ScoreFunction.Sigmoid, groups: 2, keepGroups: 1), logits).ExpertIds);
        // floor(k / keep) = 1: the best alone.
        Assert.Equal([0], Route(RouterProfiles.Megatron(4, 1, ScoreFunction.Sigmoid, groups: 2, keepGroups: 1), logits).ExpertIds);
    }

    [Fact]
    public void DeepSeekV3_chooses_with_the_bias_and_weighs_without_it()
    {
        var routing = Route(RouterProfiles.DeepSeekV3(4, 2, 1, 1, 2.5), s_ladder, [10, 0, -10, 0]);
        double a = Sigmoid(1), b = Sigmoid(4);
        Assert.Equal([0, 3], routing.ExpertIds);
        Close([2.5 * a / (a + b), 2.5 * b / (a + b)], routing.Weights);
    }

    [Fact]
    public void In_transformers_a_masked_group_wins_against_negative_scores()
    {
        // All biased scores are negative; group 1 is kept, yet the zeros of group 0 are larger.
        float[] bias = [-5, -5, -2, -2];
        Assert.Equal([3], Route(RouterProfiles.DeepSeekV3(4, 1, 2, 1, 1), s_ladder, bias).ExpertIds);
        Assert.Equal([0], Route(RouterProfiles.TransformersDeepSeekV3(4, 1, 2, 1, 1), s_ladder, bias).ExpertIds);
    }

    [Fact]
    public void Megatron_normalises_sigmoids_only_among_several()
    {
        double a = Sigmoid(4), b = Sigmoid(3);
        Weights(RouterProfiles.Megatron(4, 2, ScoreFunction.Sigmoid), a / (a + b), b / (a + b));
        Weights(RouterProfiles.Megatron(4, 1, ScoreFunction.Sigmoid), a);
        Weights(RouterProfiles.Torchtitan(4, 1, normalize: true, scale: 2.5, bias: false), 2.5);
        Weights(RouterProfiles.Torchtitan(4, 1, bias: false), a);
        double c = Math.Sqrt(Math.Log(1 + Math.Exp(4))), d = Math.Sqrt(Math.Log(1 + Math.Exp(3)));
        Weights(RouterProfiles.Megatron(4, 2, ScoreFunction.SqrtSoftplus, scale: 2), 2 * c / (c + d), 2 * d / (c + d));
    }

    [Fact]
    public void LlamaCpp_does_not_blow_up_tiny_sums()
    {
        float[] tiny = [-20, -21, -22, -23];
        double s = Sigmoid(-20), t = Sigmoid(-21), floor = 6.103515625e-5;
        Close([s / floor, t / floor], Route(RouterProfiles.LlamaCpp(4, 2, ScoreFunction.Sigmoid), tiny).Weights);
        Close([s / (s + t), t / (s + t)], Route(RouterProfiles.Megatron(4, 2, ScoreFunction.Sigmoid), tiny).Weights);
    }

    // Probed on onnxruntime 1.31.1.
    [Fact]
    public void OnnxRuntime_breaks_ties_upwards()
    {
        foreach (var profile in (Func<int, int, RouterSpec>[])[static (e, k) => RouterProfiles.OnnxRuntimeMoE(e, k), RouterProfiles.OnnxRuntimeQMoE])
        {
            Assert.Equal([3, 2], Route(profile(4, 2), new float[4]).ExpertIds);
            Assert.Equal([15, 14, 13, 12], Route(profile(16, 4), new float[16]).ExpertIds);
            Assert.Equal([0, 3], Route(profile(4, 2), [5, 1, 1, 1]).ExpertIds);
        }

        Assert.Equal([0, 1], Route(RouterProfiles.Mixtral(4), new float[4]).ExpertIds);
    }

    [Fact]
    public void Gshard_queues_behind_kept_and_DeepSpeed_behind_all_first_choices()
    {
        // Nine tokens choose 0 first and 1 second, two the other way round.
        float[] logits = [.. Enumerable.Range(0, 11).SelectMany(static IEnumerable<float> (t) => t < 9 ? [2, 1] : [1, 2])];
        var gshard = Route(RouterProfiles.GShardTop2(2, 0.75), logits);
        var deepspeed = Route(RouterProfiles.DeepSpeedTop2(2, 0.4), logits);
        Assert.Equal(4, gshard.Plan.Capacity);
        Assert.Equal(5, deepspeed.Plan.Capacity);
        // The first second choice of expert 0 is token 9's: behind the 4 kept, or behind all 9.
        Assert.Equal(4, gshard.Plan.Positions[9 * 2 + 1]);
        Assert.Equal(9, deepspeed.Plan.Positions[9 * 2 + 1]);
    }

    [Fact]
    public void Gshard_divides_before_drops_and_DeepSpeed_after()
    {
        // Expert 0 is everybody's second choice and has 4 places for 5: the last token keeps one choice of two.
        float[] logits = [.. Enumerable.Range(0, 5).SelectMany(static IEnumerable<float> (t) => t % 2 == 0 ? [3, 4, 1, 2] : [3, 2, 1, 4])];
        Close([Upper, Lower], Route(RouterProfiles.GShardTop2(4, 0), logits).Weights[..2]);
        Close([Upper, Lower], Route(RouterProfiles.DeepSpeedTop2(4, 0), logits).Weights[..2]);
        Close([Upper, 0], Route(RouterProfiles.GShardTop2(4, 0), logits).Weights[8..]);
        Close([1, 0], Route(RouterProfiles.DeepSpeedTop2(4, 0), logits).Weights[8..]);
    }

    [Fact]
    public void Switch_drops_the_tokens_that_come_late()
    {
        float[] same = [.. Enumerable.Repeat(s_ladder, 6).SelectMany(static r => r)];
        Assert.Equal([true, true, true, true, false, false], Kept(Route(RouterProfiles.Switch(4, 1), same)));
        Assert.Equal([true, true, false, false, false, false], Kept(Route(RouterProfiles.TransformersSwitch(4, 2), same)));
    }

    [Fact]
    public void Capacities_are_those_of_the_peers()
    {
        int? Capacity(RouterSpec spec, int tokens) => spec.Dispatch.Capacity?.Of(tokens, spec.Experts, spec.TopK);
        Assert.Equal(20, Capacity(RouterProfiles.Switch(8), 128));
        Assert.Equal(20, Capacity(RouterProfiles.GShardTop2(8), 128));
        Assert.Equal(32, Capacity(RouterProfiles.DeepSpeedTop2(8), 128));
        Assert.Equal(40, Capacity(RouterProfiles.Megatron(8, 2, capacityFactor: 1.25), 128));
        Assert.Equal(36, Capacity(RouterProfiles.VMoE(8, 2), 128));
        Assert.Equal(33, Capacity(RouterProfiles.MegaBlocks(8, 2, capacityFactor: 1.05), 128));
        Assert.Equal(64, Capacity(RouterProfiles.TransformersSwitch(8), 128));
        Assert.Null(Capacity(RouterProfiles.Mixtral(8), 128));
    }

    [Fact]
    public void Megatron_keeps_the_heaviest()
    {
        float[] logits = [0, 1, 0, 3, 0, 2, 0, 4];
        var routing = Route(RouterProfiles.Megatron(2, 1, preSoftmax: true, capacityFactor: 1), logits);
        Assert.Equal(2, routing.Plan.Capacity);
        Assert.Equal([false, true, false, true], Kept(routing));
    }

    [Fact]
    public void Impossible_combinations_are_refused_with_everything_else()
    {
        string[] Problems(Func<RouterSpec> make) => [.. Assert.Throws<SpecException>(make).Problems.Select(static p => p.Name)];
        Assert.Equal(["bias", "select.k"], Problems(static () => RouterProfiles.Megatron(4, 5, bias: true)));
        Assert.Equal(["score"], Problems(static () => RouterProfiles.Megatron(4, 1, ScoreFunction.Identity)));
        Assert.Equal(["score", "weigh.scale"], Problems(static () => RouterProfiles.Torchtitan(4, 1, ScoreFunction.SqrtSoftplus, scale: double.NaN)));
        Assert.Equal(["experts", "select.k"], Problems(static () => RouterProfiles.Mixtral(0)));
        Assert.Equal(["select.k"], Problems(static () => RouterProfiles.GShardTop2(1)));
        Assert.Equal(["select.groups.count"], Problems(static () => RouterProfiles.DeepSeekV3(10, 2, 4, 2, 1)));
        Assert.Equal(["select.groups.keep"], Problems(static () => RouterProfiles.DeepSeekV3(8, 2, 1, 2, 1)));
        Assert.Equal(["dispatch.capacity.factor", "dispatch.capacity.minimum"], Problems(static () => RouterProfiles.DeepSpeedTop2(4, -1, -1)));
        Assert.Equal(["dispatch.capacity.fixed"], Problems(static () => RouterProfiles.TransformersSwitch(4, -1)));
        Assert.Equal(["weigh.p"], Problems(static () => RouterProfiles.MegaBlocks(4, 2, normalizeP: 0)));
    }

    private static void Weights(RouterSpec spec, params double[] expected) =>
        Close(expected, Route(spec, s_ladder, spec.UsesSelectionBias ? new float[4] : null).Weights);

    private static TopKRouting Route(RouterSpec spec, float[] logits, float[]? bias = null) =>
        ReferenceRouter.Route(logits, spec, new RouteOptions { SelectionBias = bias });

    private static bool[] Kept(TopKRouting routing) => [.. Enumerable.Range(0, routing.RouteCount).Select(routing.Plan.IsKept)];

    // A few roundings to single precision.
    private static void Close(double[] expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 2e-7 * Math.Max(1, Math.Abs(expected[i])));
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
}
