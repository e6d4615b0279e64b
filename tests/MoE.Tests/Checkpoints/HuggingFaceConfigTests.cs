using MoE.Checkpoints;

namespace MoE.Tests.Checkpoints;

/// <summary>What the configs of published models say: the layer of each, and which layers are mixtures.</summary>
public sealed class HuggingFaceConfigTests
{
    public static TheoryData<string, string, int, int, MoELayerSpec> Published => new()
    {
        { Configs.Mixtral8x7B, "mixtral", 32, 0, LayerProfiles.Mixtral(4096, 14336) },
        { Configs.Olmoe1B7B, "olmoe", 16, 0, LayerProfiles.Olmoe(2048, 1024, 64, 8) },
        { Configs.Qwen15MoeA27B, "qwen2_moe", 24, 0, LayerProfiles.Qwen2Moe(2048, 1408, 5632, 60, 4) },
        { Configs.Qwen330BA3B, "qwen3_moe", 48, 0, LayerProfiles.Qwen3Moe(2048, 768, 128, 8) },
        { Configs.DeepSeekV2, "deepseek_v2", 60, 1, LayerProfiles.DeepSeekV2(5120, 1536, 160, 6, 8, 3, 16) },
        { Configs.DeepSeekV2Lite, "deepseek_v2", 27, 1, LayerProfiles.DeepSeekV2(2048, 1408, 64, 6, 1, 1, 1) },
        { Configs.DeepSeekV3, "deepseek_v3", 61, 3, LayerProfiles.DeepSeekV3(7168, 2048, 256, 8, 8, 4, 2.5) },
        { Configs.GptOss20B, "gpt_oss", 24, 0, LayerProfiles.GptOss(2880, 2880, 32) },
        { Configs.Llama4Scout, "llama4_text", 48, 0, LayerProfiles.Llama4(5120, 8192, 16) },
        { Configs.MiniMaxText01, "minimax", 80, 0, LayerProfiles.Mixtral(6144, 9216, 32) },
        { Configs.Phi35MoE, "phimoe", 32, 0, new MoELayerSpec { Width = 4096, Router = RouterProfiles.PhiMoE(16), Expert = new ExpertSpec { Width = 6400 } } },
        { Configs.FlexOlmo7x7B, "flex_olmo", 32, 0, LayerProfiles.Olmoe(4096, 11008, 7, 5) },
        { Configs.Glm45Air, "glm4_moe", 46, 1, LayerProfiles.DeepSeekV3(4096, 1408, 128, 8, 1, 1, 1) },
        { Configs.Dots1, "dots1", 62, 1, LayerProfiles.DeepSeekV3(4096, 1408, 128, 6, 1, 1, 2.5, sharedExperts: 2) },
        { Configs.Ernie45, "ernie4_5_moe", 28, 1, new MoELayerSpec { Width = 2560, Router = RouterProfiles.Ernie45(64, 6, biasedWeights: false), Expert = new ExpertSpec { Width = 1536 }, Shared = new SharedExpertSpec { Width = 3072 } } },
        { Configs.HunyuanA13B, "hunyuan_v1_moe", 32, 0, LayerProfiles.Mixtral(4096, 3072, 64, 8) with { Router = RouterProfiles.Mixtral(64, 8) with { Logits = LogitPrecision.Single }, Shared = new SharedExpertSpec { Width = 3072 } } },
        { Configs.Granite1BA400M, "granitemoe", 24, 0, LayerProfiles.Mixtral(1024, 512, 32, 8) with { Router = RouterProfiles.MistralInference(32, 8) } },
        { Configs.DbrxBase, "dbrx", 40, 0, LayerProfiles.Mixtral(6144, 10752, 16, 4) with { Router = RouterProfiles.MegaBlocks(16, 4, normalizeP: 1) } },
    };

    [Theory, MemberData(nameof(Published))]
    public void A_published_model_is_read(string json, string type, int layers, int dense, MoELayerSpec expected)
    {
        var config = HuggingFaceConfig.Parse(json);
        Assert.Equal(type, config.ModelType);
        Assert.Equal(expected.Width, config.Width);
        Assert.Equal(layers, config.Layers.Count);
        Assert.Equal(Enumerable.Range(dense, layers - dense), config.MoELayers);
        for (int i = 0; i < layers; i++) Assert.Equal(i < dense ? null : expected, config.Layers[i]);
    }

    // The defaults of the configuration classes in transformers describe these models.
    [Theory]
    [InlineData("mixtral", 32, 8, 2)]
    [InlineData("olmoe", 16, 64, 8)]
    [InlineData("qwen2_moe", 24, 60, 4)]
    [InlineData("qwen3_moe", 24, 128, 8)]
    [InlineData("deepseek_v3", 58, 256, 8)]
    [InlineData("gpt_oss", 36, 128, 4)]
    [InlineData("llama4_text", 48, 16, 1)]
    [InlineData("minimax", 32, 8, 2)]
    [InlineData("phimoe", 32, 16, 2)]
    [InlineData("flex_olmo", 32, 7, 5)]
    [InlineData("ernie4_5_moe", 27, 64, 6)]
    [InlineData("hunyuan_v1_moe", 32, 1, 1)]
    [InlineData("jamba", 16, 16, 2)]
    [InlineData("lfm2_moe", 30, 32, 4)]
    [InlineData("granitemoe", 32, 8, 2)]
    [InlineData("dbrx", 24, 4, 1)]
    public void Absent_keys_have_the_defaults_of_the_class(string type, int mixtures, int experts, int k)
    {
        var config = HuggingFaceConfig.Parse($$"""{"model_type":"{{type}}"}""");
        var router = config.Layers[config.MoELayers[0]]!.Router;
        Assert.Equal((mixtures, experts, k), (config.MoELayers.Count, router.Experts, router.TopK));
    }

    [Fact]
    public void Each_spelling_of_the_experts_is_understood_and_several_must_agree()
    {
        foreach (string key in (string[])["num_local_experts", "num_experts", "n_routed_experts"])
            Assert.Equal(12, HuggingFaceConfig.Parse($$"""{"model_type":"mixtral","{{key}}":12}""").Layers[0]!.Router.Experts);
        Assert.Equal(12, HuggingFaceConfig.Parse("""{"model_type":"qwen3_moe","num_experts":12,"num_local_experts":12}""").Layers[0]!.Router.Experts);
        Assert.Contains(
            "num_experts = 8: must agree with num_local_experts (12)",
            Assert.Throws<InvalidDataException>(() => HuggingFaceConfig.Parse("""{"model_type":"mixtral","num_experts":8,"num_local_experts":12}""")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Qwen_layers_follow_the_step_and_the_list()
    {
        const string head = """{"model_type":"qwen2_moe","num_hidden_layers":6,""";
        Assert.Equal([1, 3, 5], HuggingFaceConfig.Parse(head + """ "decoder_sparse_step":2}""").MoELayers);
        Assert.Equal([0, 2, 4, 5], HuggingFaceConfig.Parse(head + """ "mlp_only_layers":[1,3,99]}""").MoELayers);
        Assert.Equal([1, 5], HuggingFaceConfig.Parse(head + """ "decoder_sparse_step":2,"mlp_only_layers":[3]}""").MoELayers);
        Assert.Equal(6, HuggingFaceConfig.Parse(head + """ "mlp_only_layers":null}""").MoELayers.Count);
        Assert.Empty(HuggingFaceConfig.Parse(head + """ "decoder_sparse_step":7}""").MoELayers);
        Assert.Null(HuggingFaceConfig.Parse(head + """ "shared_expert_intermediate_size":0}""").Layers[0]!.Shared);
    }

    [Fact]
    public void DeepSeek_layers_start_after_the_dense_ones()
    {
        const string head = """{"model_type":"deepseek_v3","num_hidden_layers":6,""";
        Assert.Equal([3, 4, 5], HuggingFaceConfig.Parse(head + """ "moe_layer_freq":1}""").MoELayers);
        Assert.Equal([2, 4], HuggingFaceConfig.Parse(head + """ "first_k_dense_replace":1,"moe_layer_freq":2}""").MoELayers);
        Assert.Empty(HuggingFaceConfig.Parse(head + """ "first_k_dense_replace":9}""").MoELayers);
        Assert.Null(HuggingFaceConfig.Parse(head + """ "n_shared_experts":0}""").Layers[3]!.Shared);
        Assert.Null(HuggingFaceConfig.Parse(head + """ "n_shared_experts":null}""").Layers[3]!.Shared);
        Assert.Equal(6144, HuggingFaceConfig.Parse(head + """ "n_shared_experts":3}""").Layers[3]!.Shared!.Width);
    }

    [Fact]
    public void DeepSeek_norm_follows_the_model_authors()
    {
        string normalized = Configs.DeepSeekV2.Replace("\"norm_topk_prob\": false", "\"norm_topk_prob\": true", StringComparison.Ordinal);
        Assert.Equal(RouterProfiles.DeepSeekV2(160, 6, 8, 3, 16, normalize: true), HuggingFaceConfig.Parse(normalized).Layers[1]!.Router);
        string raw = Configs.DeepSeekV3.Replace("\"norm_topk_prob\": true", "\"norm_topk_prob\": false", StringComparison.Ordinal);
        Assert.Equal(RouterProfiles.DeepSeekV3(256, 8, 8, 4, 2.5, normalize: false), HuggingFaceConfig.Parse(raw).Layers[3]!.Router);
        // Moonlight and Kimi K2: one group.
        Assert.Null(((TopKSelection)HuggingFaceConfig.Parse("""{"model_type":"deepseek_v3","n_group":1,"topk_group":1}""").Layers[3]!.Router.Select).Groups);
    }

    [Fact]
    public void The_other_families_have_their_own_patterns_of_layers()
    {
        Assert.Equal([1, 3, 5], HuggingFaceConfig.Parse("""{"model_type":"jamba","num_hidden_layers":7}""").MoELayers);
        Assert.Equal([0, 3, 6], HuggingFaceConfig.Parse("""{"model_type":"jamba","num_hidden_layers":7,"expert_layer_period":3,"expert_layer_offset":0}""").MoELayers);
        Assert.Equal([2, 3], HuggingFaceConfig.Parse("""{"model_type":"lfm2_moe","num_hidden_layers":4}""").MoELayers);
        Assert.Equal([3, 5], HuggingFaceConfig.Parse("""{"model_type":"ernie4_5_moe","num_hidden_layers":9,"moe_layer_interval":2,"moe_layer_start_index":2,"moe_layer_end_index":6}""").MoELayers);
        Assert.Equal(8, HuggingFaceConfig.Parse("""{"model_type":"ernie4_5_moe","num_hidden_layers":9,"moe_layer_end_index":null}""").MoELayers.Count);
        Assert.Equal(45, HuggingFaceConfig.Parse("""{"model_type":"glm4_moe","n_routed_experts":16,"n_shared_experts":null}""").MoELayers.Count);
        Assert.Contains("expert_layer_offset = 4", Assert.Throws<InvalidDataException>(() => HuggingFaceConfig.Parse("""{"model_type":"jamba","expert_layer_period":4,"expert_layer_offset":4}""")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Lists_for_each_layer_must_say_one_thing()
    {
        string message = Assert.Throws<InvalidDataException>(() => HuggingFaceConfig.Parse("""{"model_type":"hunyuan_v1_moe","num_experts":[8,16],"moe_topk":[]}""")).Message;
        Assert.Contains("num_experts = [8,16]", message, StringComparison.Ordinal);
        Assert.Contains("moe_topk = []", message, StringComparison.Ordinal);
        Assert.Equal(3, HuggingFaceConfig.Parse("""{"model_type":"hunyuan_v1_moe","num_experts":[8,8],"moe_topk":3}""").Layers[0]!.Router.TopK);
    }

    [Fact]
    public void Weights_have_the_type_of_the_config()
    {
        Assert.Equal(SafetensorsType.BF16, HuggingFaceConfig.Parse("""{"model_type":"mixtral"}""").WeightType);
        Assert.Equal(SafetensorsType.F16, HuggingFaceConfig.Parse("""{"model_type":"mixtral","torch_dtype":"float16"}""").WeightType);
        Assert.Equal(SafetensorsType.F32, HuggingFaceConfig.Parse("""{"model_type":"llama4","text_config":{"dtype":"float32"}}""").WeightType);
        string message = Assert.Throws<InvalidDataException>(() => HuggingFaceConfig.Parse("""{"model_type":"mixtral","quantization_config":{"quant_method":"fp8","weight_block_size":[128,0]}}""")).Message;
        Assert.Contains("weight_block_size = [128,0]", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Llama4_layers_follow_the_list_or_the_step()
    {
        const string head = """{"model_type":"llama4","text_config":{"num_hidden_layers":6,""";
        // Maverick: every second layer.
        Assert.Equal([1, 3, 5], HuggingFaceConfig.Parse(head + """ "interleave_moe_layer_step":2}}""").MoELayers);
        Assert.Equal([0, 4], HuggingFaceConfig.Parse(head + """ "interleave_moe_layer_step":2,"moe_layers":[4,0,77]}}""").MoELayers);
        Assert.Empty(HuggingFaceConfig.Parse(head + """ "moe_layers":[]}}""").MoELayers);
        Assert.Equal([1, 3, 5], HuggingFaceConfig.Parse(head + """ "interleave_moe_layer_step":2,"moe_layers":null}}""").MoELayers);
    }

    [Theory]
    [InlineData("silu", Activation.Silu)]
    [InlineData("swish", Activation.Silu)]
    [InlineData("gelu", Activation.Gelu)]
    [InlineData("gelu_new", Activation.GeluTanh)]
    [InlineData("gelu_pytorch_tanh", Activation.GeluTanh)]
    [InlineData("relu", Activation.Relu)]
    [InlineData("linear", Activation.Identity)]
    public void Activations_have_their_names(string word, Activation activation) =>
        Assert.Equal(activation, HuggingFaceConfig.Parse($$"""{"model_type":"mixtral","hidden_act":"{{word}}"}""").Layers[0]!.Expert.Activation);

    [Fact]
    public void GptOss_reads_its_clamp()
    {
        var expert = HuggingFaceConfig.Parse("""{"model_type":"gpt_oss","swiglu_limit":5,"swiglu_alpha":1.5}""").Layers[0]!.Expert;
        Assert.Equal((5.0, 1.5), (expert.Limit, expert.Alpha));
    }

    [Fact]
    public void A_file_or_its_folder_is_loaded_with_or_without_a_byte_order_mark()
    {
        string folder = Directory.CreateTempSubdirectory("moe-config-").FullName;
        try
        {
            string file = Path.Combine(folder, "config.json");
            File.WriteAllText(file, Configs.Mixtral8x7B);
            Assert.Equal("mixtral", HuggingFaceConfig.Load(file).ModelType);
            Assert.Equal("mixtral", HuggingFaceConfig.Load(folder).ModelType);
            File.WriteAllText(file, Configs.Mixtral8x7B, new System.Text.UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
            Assert.Equal("mixtral", HuggingFaceConfig.Load(folder).ModelType);
            File.WriteAllBytes(file, [.. "{\"model_type\":\"mix"u8, 0xFF, .. "\"}"u8]);
            Assert.Contains("not UTF-8", Assert.Throws<InvalidDataException>(() => HuggingFaceConfig.Load(folder)).Message, StringComparison.Ordinal);
            File.WriteAllText(file, new string(' ', HuggingFaceConfig.MaxBytes + 1));
            Assert.Contains("longer than", Assert.Throws<InvalidDataException>(() => HuggingFaceConfig.Load(folder)).Message, StringComparison.Ordinal);
            File.Delete(file);
            Assert.Throws<FileNotFoundException>(() => HuggingFaceConfig.Load(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
