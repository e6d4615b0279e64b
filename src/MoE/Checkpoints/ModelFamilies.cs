namespace MoE.Checkpoints;

/// <summary>The keys, defaults and layer patterns of each model type. Defaults: transformers <c>models/*/configuration_*.py</c>, 2026.</summary>
internal static class ModelFamilies
{
    public static IReadOnlyList<string> Known { get; } = 
    [
        "mixtral", "minimax", "phimoe", "olmoe", "flex_olmo", "qwen2_moe", "qwen3_moe", "deepseek_v2", "deepseek_v3", "glm4_moe", "dots1", "ernie4_5_moe", "hunyuan_v1_moe", "jamba", "lfm2_moe", "granitemoe", "dbrx", "gpt_oss", "llama4_text",
    ];

    public static (MoELayerSpec Layer, bool[] IsMoE) Read(string modelType, ConfigReader c) => modelType switch
    {
        "mixtral" or "minimax" => Mixtral(c),
        "phimoe" => PhiMoE(c),
        "olmoe" => Olmoe(c),
        "flex_olmo" => FlexOlmo(c),
        "qwen2_moe" => Qwen2Moe(c),
        "qwen3_moe" => Qwen3Moe(c),
        "deepseek_v2" => DeepSeekV2(c),
        "deepseek_v3" => DeepSeekV3(c),
        "glm4_moe" => Glm4Moe(c),
        "dots1" => Dots1(c),
        "ernie4_5_moe" => Ernie45(c),
        "hunyuan_v1_moe" => HunYuan(c),
        "jamba" => Jamba(c),
        "lfm2_moe" => Lfm2Moe(c),
        "granitemoe" => GraniteMoe(c),
        "dbrx" => Dbrx(c),
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

    private static (MoELayerSpec, bool[]) FlexOlmo(ConfigReader c) => (new MoELayerSpec
    {
        Width = c.Whole("hidden_size", 4096),
        Router = c.Router(() => RouterRules.SoftmaxThenTopK(c.Experts(7), c.Choices(5), c.Flag("norm_topk_prob", false))),
        Expert = Glu(c, "intermediate_size", 11008),
    }, c.Layers(32, static _ => true));

    // The threshold of the sparse mixer is the jitter, in evaluation too.
    private static (MoELayerSpec, bool[]) PhiMoE(ConfigReader c) => (new MoELayerSpec
    {
        Width = c.Whole("hidden_size", 4096),
        Router = c.Router(() => RouterRules.TopKThen(ScoreFunction.Softmax, c.Experts(16), 1) with { Select = new SparseMixerSelection { K = c.Choices(2), Jitter = c.Real("router_jitter_noise", 0.01) } }),
        Expert = Glu(c, "intermediate_size", 6400),
    }, c.Layers(32, static _ => true));

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

    // Both are DeepSeek-V3's router and shared experts with defaults of their own; how many experts there are is required.
    private static (MoELayerSpec, bool[]) Glm4Moe(ConfigReader c) => Corrected(c, width: 4096, layers: 46, firstDense: 1, normalize: true, c.Choices(8));

    private static (MoELayerSpec, bool[]) Dots1(ConfigReader c) => Corrected(c, width: 4608, layers: 62, firstDense: 0, normalize: false, c.Choices(null));

    private static (MoELayerSpec, bool[]) Corrected(ConfigReader c, int width, int layers, int firstDense, bool normalize, int choices)
    {
        var expert = Glu(c, "moe_intermediate_size", 1408);
        return (new MoELayerSpec
        {
            Width = c.Whole("hidden_size", width),
            Router = c.Router(() =>
            {
                c.Word("scoring_func", "sigmoid", "sigmoid");
                c.Word("topk_method", "noaux_tc", "noaux_tc");
                return RouterRules.DeepSeekV3(c.Experts(null), choices, c.WholeOrEach("n_group") ?? 1, c.WholeOrEach("topk_group") ?? 1, c.Real("routed_scaling_factor", 1), c.Flag("norm_topk_prob", normalize), bias: true);
            }),
            Expert = expert,
            Shared = Shared(c, null, expert),
        }, DeepSeekLayers(c, layers, firstDense));
    }

    // The model's authors weigh by the probabilities; transformers 5.0.0.dev0 weighs by the biased ones (RouterProfiles.Ernie45).
    private static (MoELayerSpec, bool[]) Ernie45(ConfigReader c)
    {
        var expert = Glu(c, "moe_intermediate_size", 1536);
        c.Unsupported("use_bias", "biases of experts are not read for this family");
        var layer = new MoELayerSpec
        {
            Width = c.Whole("hidden_size", 2560),
            Router = c.Router(() => RouterRules.SoftmaxThenTopK(c.Experts(64), c.Choices(6, "moe_k"), normalize: true) with
            {
                Logits = LogitPrecision.Single,
                Select = new TopKSelection { K = c.Choices(6, "moe_k"), UsesBias = true },
                Weigh = RouterRules.Sum(true, c.Real("moe_norm_min", 1e-12)) with { EpsilonRule = EpsilonRule.Floor },
            }),
            Expert = expert,
            Shared = Shared(c, 2, expert, "moe_num_shared_experts"),
        };
        int start = c.Whole("moe_layer_start_index", 1, min: 0), step = c.Whole("moe_layer_interval", 1), end = c.WholeOrEach("moe_layer_end_index", min: -1) ?? -1;
        return (layer, c.Layers(28, i => (i + 1) % step == 0 && i >= start && (end == -1 || i <= end)));
    }

    private static (MoELayerSpec, bool[]) HunYuan(ConfigReader c)
    {
        int width = c.Whole("intermediate_size", 11008), shared = c.WholeOrEach("num_shared_expert", min: 0) ?? 1, total = checked(width * Math.Min(shared, 1024));
        bool mixed = c.Flag("use_mixed_mlp_moe", false) && total > 0;
        return (new MoELayerSpec
        {
            Width = c.Whole("hidden_size", 4096),
            Router = c.Router(() => RouterRules.SoftmaxThenTopK(c.WholeOrEach("num_experts") ?? 1, c.ChoicesOrEach("moe_topk") ?? 1, normalize: true) with { Logits = LogitPrecision.Single }),
            Expert = new ExpertSpec { Width = c.WholeOrEach("moe_intermediate_size") ?? width, Activation = c.Activation() },
            Shared = mixed ? new SharedExpertSpec { Width = total } : null,
        }, c.Layers(32, static _ => true));
    }

    private static (MoELayerSpec, bool[]) Jamba(ConfigReader c)
    {
        int period = c.Whole("expert_layer_period", 2), offset = c.Whole("expert_layer_offset", 1, min: 0);
        if (offset >= period) c.Note($"expert_layer_offset = {offset}: must be less than expert_layer_period ({period})");
        return (new MoELayerSpec
        {
            Width = c.Whole("hidden_size", 4096),
            Router = c.Router(() => RouterRules.SoftmaxThenTopK(c.Experts(16), c.Choices(2), normalize: false)),
            Expert = Glu(c, "intermediate_size", 14336),
        }, c.Layers(32, i => i % period == offset));
    }

    private static (MoELayerSpec, bool[]) Lfm2Moe(ConfigReader c)
    {
        int dense = c.Whole("num_dense_layers", 2, min: 0);
        return (new MoELayerSpec
        {
            Width = c.Whole("hidden_size", 2048),
            Router = c.Router(() => new RouterSpec
            {
                Experts = c.Experts(32),
                Score = new ScoreSpec { Function = ScoreFunction.Sigmoid },
                Select = new TopKSelection { K = c.Choices(4), UsesBias = c.Flag("use_expert_bias", true) },
                Weigh = RouterRules.Sum(c.Flag("norm_topk_prob", true), 1e-6) with { Scale = c.Real("routed_scaling_factor", 1) },
            }),
            Expert = Glu(c, "moe_intermediate_size", 1792),
        }, c.Layers(32, i => i >= dense));
    }

    private static (MoELayerSpec, bool[]) GraniteMoe(ConfigReader c) => (new MoELayerSpec
    {
        Width = c.Whole("hidden_size", 4096),
        Router = c.Router(() => RouterRules.TopKThen(ScoreFunction.Softmax, c.Experts(8), c.Choices(2))),
        Expert = Glu(c, "intermediate_size", 11008),
    }, c.Layers(32, static _ => true));

    private static (MoELayerSpec, bool[]) Dbrx(ConfigReader c)
    {
        var (router, expert) = c.Nested("ffn_config", static f =>
        {
            var rule = f.Router(() => RouterRules.SoftmaxThenTopK(f.Experts(4), f.Choices(1, "moe_top_k"), normalize: false) with
            {
                Weigh = f.Has("moe_normalize_expert_weights", absent: true) ? new WeighSpec { Normalization = WeightNormalization.PNorm, P = f.Real("moe_normalize_expert_weights", 1, positive: true) } : new WeighSpec(),
            });
            return (rule, new ExpertSpec { Width = f.Whole("ffn_hidden_size", 3584), Activation = f.Nested("ffn_act_fn", static a => a.Activation("name")) });
        });
        return (new MoELayerSpec { Width = c.Whole("d_model", 2048), Router = router, Expert = expert }, c.Layers(24, static _ => true, "n_layers"));
    }

    // Several shared experts are one of their total width.
    private static SharedExpertSpec? Shared(ConfigReader c, int? fallback, ExpertSpec expert, string key = "n_shared_experts") =>
        c.WholeOrNone(key, fallback, max: 1024) is > 0 and int count ? new SharedExpertSpec { Width = count * expert.Width } : null;

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
