namespace MoE.Checkpoints;

/// <summary>The keys, defaults and layer patterns of each model type. Defaults: transformers <c>models/*/configuration_*.py</c>, 2026.</summary>
internal static class ModelFamilies
{
    public static IReadOnlyList<string> Known { get; } = ["mixtral", "olmoe", "qwen2_moe", "qwen3_moe", "deepseek_v2", "deepseek_v3", "gpt_oss", "llama4_text"];

    public static (MoELayerSpec Layer, bool[] IsMoE) Read(string modelType, ConfigReader c) => modelType switch
    {
        "mixtral" => Mixtral(c),
        "olmoe" => Olmoe(c),
        "qwen2_moe" => Qwen2Moe(c),
        "qwen3_moe" => Qwen3Moe(c),
        "deepseek_v2" => DeepSeekV2(c),
        "deepseek_v3" => DeepSeekV3(c),
        "gpt_oss" => GptOss(c),
        "llama4_text" => Llama4(c),
        _ => throw new ArgumentOutOfRangeException(nameof(modelType), modelType, "must be a known model type"),
    };

    private static (MoELayerSpec, bool[]) Mixtral(ConfigReader c) => (new MoELayerSpec
    {
        Width = c.Whole("hidden_size", 4096),
        Router = c.Router(() => RouterRules.SoftmaxThenTopK(c.Experts(8), c.Choices(2), normalize: true)),
        Expert = Glu(c, "intermediate_size", 14336),
    }, c.Layers(32, static _ => true));

    private static (MoELayerSpec, bool[]) Olmoe(ConfigReader c) => (new MoELayerSpec
    {
        Width = c.Whole("hidden_size", 2048),
        Router = c.Router(() => RouterRules.SoftmaxThenTopK(c.Experts(64), c.Choices(8), c.Flag("norm_topk_prob", false))),
        Expert = Glu(c, "intermediate_size", 2048),
    }, c.Layers(16, static _ => true));

    private static (MoELayerSpec, bool[]) Qwen2Moe(ConfigReader c)
    {
        var layer = new MoELayerSpec
        {
            Width = c.Whole("hidden_size", 2048),
            Router = c.Router(() => RouterRules.SoftmaxThenTopK(c.Experts(60), c.Choices(4), c.Flag("norm_topk_prob", false))),
            Expert = Glu(c, "moe_intermediate_size", 1408),
        };
        int shared = c.Whole("shared_expert_intermediate_size", 5632, min: 0);
        return (shared == 0 ? layer : layer with { Shared = new SharedExpertSpec { Width = shared, SigmoidGate = true } }, QwenLayers(c));
    }

    private static (MoELayerSpec, bool[]) Qwen3Moe(ConfigReader c) => (new MoELayerSpec
    {
        Width = c.Whole("hidden_size", 2048),
        Router = c.Router(() => RouterRules.SoftmaxThenTopK(c.Experts(128), c.Choices(8), c.Flag("norm_topk_prob", false))),
        Expert = Glu(c, "moe_intermediate_size", 768),
    }, QwenLayers(c));

    private static bool[] QwenLayers(ConfigReader c)
    {
        int step = c.Whole("decoder_sparse_step", 1);
        var dense = c.Indices("mlp_only_layers") ?? [];
        return c.Layers(24, i => (i + 1) % step == 0 && !dense.Contains(i));
    }

    // The authors' class and that of transformers disagree on the number of layers, experts and shared experts: these are required.
    private static (MoELayerSpec, bool[]) DeepSeekV2(ConfigReader c)
    {
        var expert = Glu(c, "moe_intermediate_size", 1407);
        return (new MoELayerSpec
        {
            Width = c.Whole("hidden_size", 4096),
            Router = c.Router(() =>
            {
                c.Word("scoring_func", "softmax", "softmax");
                bool limited = c.Word("topk_method", "greedy", "greedy", "group_limited_greedy") == "group_limited_greedy";
                int groups = limited ? c.Whole("n_group", null) : 1, keep = limited ? c.Whole("topk_group", null) : 1;
                return RouterRules.DeepSeekV2(c.Experts(null), c.Choices(null), groups, keep, c.Real("routed_scaling_factor", 1), c.Flag("norm_topk_prob", false));
            }),
            Expert = expert,
            Shared = Shared(c, null, expert),
        }, DeepSeekLayers(c, layers: null, firstDense: 0));
    }

    private static (MoELayerSpec, bool[]) DeepSeekV3(ConfigReader c)
    {
        var expert = Glu(c, "moe_intermediate_size", 2048);
        return (new MoELayerSpec
        {
            Width = c.Whole("hidden_size", 7168),
            Router = c.Router(() =>
            {
                c.Word("scoring_func", "sigmoid", "sigmoid");
                c.Word("topk_method", "noaux_tc", "noaux_tc");
                return RouterRules.DeepSeekV3(c.Experts(256), c.Choices(8), c.Whole("n_group", 8), c.Whole("topk_group", 4), c.Real("routed_scaling_factor", 2.5), c.Flag("norm_topk_prob", true), bias: true);
            }),
            Expert = expert,
            Shared = Shared(c, 1, expert),
        }, DeepSeekLayers(c, layers: 61, firstDense: 3));
    }

    // Several shared experts are one of their total width.
    private static SharedExpertSpec? Shared(ConfigReader c, int? fallback, ExpertSpec expert) =>
        c.WholeOrNone("n_shared_experts", fallback, max: 1024) is > 0 and int count ? new SharedExpertSpec { Width = count * expert.Width } : null;

    private static bool[] DeepSeekLayers(ConfigReader c, int? layers, int firstDense)
    {
        int first = c.Whole("first_k_dense_replace", firstDense, min: 0), step = c.Whole("moe_layer_freq", 1);
        return c.Layers(layers, i => i >= first && i % step == 0);
    }

    private static (MoELayerSpec, bool[]) GptOss(ConfigReader c)
    {
        c.Word("hidden_act", "silu", "silu");
        return (new MoELayerSpec
        {
            Width = c.Whole("hidden_size", 2880),
            Router = c.Router(() => RouterRules.TopKThen(ScoreFunction.Softmax, c.Experts(128), c.Choices(4))),
            RouterBias = true,
            Expert = new ExpertSpec
            {
                Width = c.Whole("intermediate_size", 2880),
                Biases = true,
                Layout = GluLayout.Interleaved,
                Alpha = c.Real("swiglu_alpha", 1.702),
                Limit = c.Real("swiglu_limit", 7.0, positive: true),
                UpOffset = 1,
            },
        }, c.Layers(36, static _ => true));
    }

    private static (MoELayerSpec, bool[]) Llama4(ConfigReader c)
    {
        var expert = Glu(c, "intermediate_size", 8192);
        int step = c.Whole("interleave_moe_layer_step", 1);
        var listed = c.Indices("moe_layers");
        return (new MoELayerSpec
        {
            Width = c.Whole("hidden_size", 5120),
            Router = c.Router(() => RouterRules.TopKThen(ScoreFunction.Sigmoid, c.Experts(16), c.Choices(1))),
            Expert = expert,
            Shared = new SharedExpertSpec { Width = expert.Width },
            Weighted = WeightedSide.Input,
        }, c.Layers(48, i => listed?.Contains(i) ?? (i + 1) % step == 0));
    }

    private static ExpertSpec Glu(ConfigReader c, string widthKey, int width) =>
        new() { Width = c.Whole(widthKey, width), Activation = c.Activation() };
}
