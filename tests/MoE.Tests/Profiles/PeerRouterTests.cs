namespace MoE.Tests.Profiles;

/// <summary>The profiles against what the peers' own code answered on the same logits. A mapping from the peer's option names to the profile's arguments, and nothing else.</summary>
public sealed class PeerRouterTests
{
    private static readonly Dictionary<string, RecordedCase> s_cases = new[]
    {
        RecordedCase.Of("megatron", "topk_routing_with_score_function", "apply_router_token_dropping"),
        RecordedCase.Of("torchtitan", "TokenChoiceTopKRouter"),
        RecordedCase.Of("deepseek_v3_reference", "Gate"),
        RecordedCase.Of("transformers", "DeepseekV2MoE", "DeepseekV3MoE", "MixtralSparseMoeBlock", "OlmoeSparseMoeBlock.norm", "OlmoeSparseMoeBlock.nonorm", "Qwen2MoeSparseMoeBlock", "Qwen3MoeSparseMoeBlock.norm", "DbrxFFN"),
    }.SelectMany(static c => c).ToDictionary();

    // The choice among equal scores is an accident of the peer's tensor library.
    public static TheoryData<string> Cases => [.. s_cases.Values.Where(static c => !c.HasTies).Select(static c => c.Name)];

    [Theory, MemberData(nameof(Cases))]
    public void The_profile_gives_the_weights_of_the_peer(string name)
    {
        var recorded = s_cases[name];
        string function = name[..name.IndexOf("__", StringComparison.Ordinal)];
        var (spec, bias, expected) = function switch
        {
            "topk_routing_with_score_function" => Megatron(recorded, "routing_probs"),
            "apply_router_token_dropping" => Megatron(recorded, "final_probs"),
            "TokenChoiceTopKRouter" => Torchtitan(recorded),
            "Gate" => DeepSeekReference(recorded),
            _ => Transformers(recorded, function),
        };
        float[] logits = recorded.Has("logits") ? recorded.Values("logits") : Logits(recorded, spec);
        float[] actual = ReferenceRouter.Route(logits, spec, new RouteOptions { SelectionBias = bias }).ToDenseWeights();
        // The suite's tolerance of routing weights in single precision.
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < actual.Length; i++) Assert.Equal(expected[i], actual[i], 2e-6 + 2e-5 * Math.Abs(expected[i]));
    }

    [Fact]
    public void Every_family_of_cases_is_there() => Assert.Equal(50, Cases.Count);

    private static (RouterSpec, float[]?, float[]) Megatron(RecordedCase c, string output)
    {
        var score = c.Word("score_function") switch { "sigmoid" => ScoreFunction.Sigmoid, "sqrtsoftplus" => ScoreFunction.SqrtSoftplus, _ => ScoreFunction.Softmax };
        float[]? bias = c.Has("expert_bias") ? c.Values("expert_bias") : null;
        double factor = c.Real("capacity_factor", -1);
        var spec = RouterProfiles.Megatron(c.Shape("logits")[1], c.Whole("topk", 0), score, c.Flag("use_pre_softmax"), c.Whole("num_groups", 1), c.Whole("group_topk", 1), c.Real("scaling_factor", 1), bias is not null, factor < 0 ? null : factor);
        return (spec, bias, c.Values(output));
    }

    private static (RouterSpec, float[]?, float[]) Torchtitan(RecordedCase c)
    {
        var score = c.Word("score_func") == "softmax" ? ScoreFunction.Softmax : ScoreFunction.Sigmoid;
        float[]? bias = c.Has("expert_bias") ? c.Values("expert_bias") : null;
        int experts = c.Whole("num_experts", 0);
        var spec = RouterProfiles.Torchtitan(experts, c.Whole("top_k", 0), score, c.Flag("route_norm"), c.Real("route_scale", 1), bias is not null, c.Whole("num_expert_groups", 1), c.Whole("num_limited_groups", 1));
        return (spec, bias, c.Dense("topk_scores", "topk_expert_ids", experts));
    }

    private static (RouterSpec, float[]?, float[]) DeepSeekReference(RecordedCase c)
    {
        float[]? bias = c.Has("router.bias") ? c.Values("router.bias") : null;
        int experts = c.Whole("n_routed_experts", 0), k = c.Whole("topk", 0), groups = c.Whole("n_groups", 1), keep = c.Whole("topk_groups", 1);
        double scale = c.Real("route_scale", 1);
        var spec = c.Word("score_func") == "sigmoid"
            ? RouterProfiles.DeepSeekV3(experts, k, groups, keep, scale, bias: bias is not null)
            : RouterProfiles.DeepSeekV2(experts, k, groups, keep, scale);
        return (spec, bias, c.Dense("weights", "indices", experts));
    }

    private static (RouterSpec, float[]?, float[]) Transformers(RecordedCase c, string function)
    {
        int experts = c.Shape("router.weight")[0], k = c.Shape("topk_indices")[^1], groups = c.Whole("n_group", 1), keep = c.Whole("topk_group", 1);
        bool norm = c.Flag("norm_topk_prob"), greedy = c.Word("topk_method") == "greedy";
        var spec = function switch
        {
            "DeepseekV2MoE" => RouterProfiles.DeepSeekV2(experts, k, greedy ? 1 : groups, greedy ? 1 : keep, c.Real("routed_scaling_factor", 1)),
            "DeepseekV3MoE" => RouterProfiles.TransformersDeepSeekV3(experts, k, groups, keep, c.Real("routed_scaling_factor", 1), norm),
            "MixtralSparseMoeBlock" => RouterProfiles.Mixtral(experts, k),
            "Qwen2MoeSparseMoeBlock" => RouterProfiles.Qwen2Moe(experts, k, norm),
            "Qwen3MoeSparseMoeBlock.norm" => RouterProfiles.Qwen3Moe(experts, k),
            "DbrxFFN" => RouterProfiles.MegaBlocks(experts, k, normalizeP: 1),
            _ => RouterProfiles.Olmoe(experts, k, norm),
        };
        return (spec, spec.UsesSelectionBias ? c.Values("router.e_score_correction_bias") : null, c.Dense("topk_weights", "topk_indices", experts));
    }

    private static float[] Logits(RecordedCase c, RouterSpec spec)
    {
        string x = c.Has("x") ? "x" : "hidden_states";
        var gate = new LinearGate(spec, c.Values(c.Has("gate.weight") ? "gate.weight" : "router.weight"), selectionBias: spec.UsesSelectionBias ? new float[spec.Experts] : null);
        return gate.Logits(new GateInput(c.Values(x), c.Shape(x)[^1]));
    }
}
