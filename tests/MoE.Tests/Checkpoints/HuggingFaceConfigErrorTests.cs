using CsCheck;
using MoE.Checkpoints;

namespace MoE.Tests.Checkpoints;

/// <summary>Bad configs: every problem is named with key, value and rule, and nothing but a typed refusal comes out.</summary>
public sealed class HuggingFaceConfigErrorTests
{
    public static TheoryData<string, string> Refused => new()
    {
        { "", "config.json is not valid JSON" },
        { "null", "config.json is Null; must be an object" },
        { "[1]", "config.json is Array; must be an object" },
        { "{}", "model_type is missing; must be one of mixtral, minimax, phimoe, olmoe, flex_olmo, qwen2_moe, qwen3_moe, deepseek_v2, deepseek_v3, glm4_moe, dots1, ernie4_5_moe, hunyuan_v1_moe, jamba, lfm2_moe, granitemoe, dbrx, gpt_oss, llama4_text, llama4" },
        { """{"model_type":"llama"}""", "model_type = \"llama\": must be one of mixtral, " },
        { """{"model_type":7}""", "model_type = 7: must be one of" },
        { """{"model_type":"mixtral","model_type":"olmoe"}""", "config.json is not valid JSON" },
        { """{"model_type":"mixtral","hidden_size":1,"hidden_size":2}""", "config.json is not valid JSON" },
        { """{"model_type":"mi\ud800xtral"}""", "config.json is not valid JSON" },
        { """{"model_type":"llama4"}""", "text_config = nothing: must be an object" },
        { """{"model_type":"llama4","text_config":[]}""", "text_config = []: must be an object" },
        { """{"model_type":"llama4","text_config":{"num_local_experts":0}}""", "text_config.num_local_experts = 0: must be a whole number in 1..1048576" },
        { """{"model_type":"mixtral","num_experts_per_tok":9}""", "num_experts_per_tok = 9: must be in 1..experts (8)" },
        { """{"model_type":"mixtral","num_local_experts":null}""", "num_local_experts = null: must be a whole number" },
        { """{"model_type":"mixtral","num_local_experts":"8"}""", "num_local_experts = \"8\": must be a whole number" },
        { """{"model_type":"mixtral","num_local_experts":8.5}""", "num_local_experts = 8.5: must be a whole number" },
        { """{"model_type":"mixtral","num_local_experts":1e99}""", "num_local_experts = 1e99: must be a whole number" },
        { """{"model_type":"mixtral","num_local_experts":99999999999999999999}""", "num_local_experts = 99999999999999999999: must be a whole number" },
        { """{"model_type":"mixtral","hidden_size":-4096}""", "hidden_size = -4096: must be a whole number in 1..1048576" },
        { """{"model_type":"mixtral","num_hidden_layers":2000000000}""", "num_hidden_layers = 2000000000: must be a whole number in 1..65536" },
        { """{"model_type":"mixtral","hidden_act":"tanh"}""", "hidden_act = \"tanh\": must be one of silu" },
        { """{"model_type":"gpt_oss","hidden_act":"gelu"}""", "hidden_act = \"gelu\": must be one of silu" },
        { """{"model_type":"gpt_oss","swiglu_limit":0}""", "swiglu_limit = 0: must be a positive finite number" },
        { """{"model_type":"gpt_oss","swiglu_limit":null}""", "swiglu_limit = null: must be a positive finite number" },
        { """{"model_type":"gpt_oss","swiglu_alpha":1e300}""", "swiglu_alpha = 1e300: must be a finite number" },
        { """{"model_type":"olmoe","norm_topk_prob":1}""", "norm_topk_prob = 1: must be true or false" },
        { """{"model_type":"qwen2_moe","decoder_sparse_step":0}""", "decoder_sparse_step = 0: must be a whole number in 1.." },
        { """{"model_type":"qwen2_moe","mlp_only_layers":3}""", "mlp_only_layers = 3: must be a list of whole numbers, none negative" },
        { """{"model_type":"qwen2_moe","mlp_only_layers":[0,-1]}""", "mlp_only_layers = -1: must be a list of whole numbers, none negative" },
        { """{"model_type":"deepseek_v3","n_group":7}""", "n_group = 7: must divide experts (256)" },
        { """{"model_type":"deepseek_v3","topk_group":9}""", "topk_group = 9: must be in 1..count (8)" },
        { """{"model_type":"deepseek_v3","num_experts_per_tok":40,"topk_group":1}""", "num_experts_per_tok = 40: must not exceed the experts in the kept groups (1 x 32 = 32)" },
        { """{"model_type":"deepseek_v3","scoring_func":"softmax"}""", "scoring_func = \"softmax\": must be one of sigmoid" },
        { """{"model_type":"deepseek_v3","topk_method":"greedy"}""", "topk_method = \"greedy\": must be one of noaux_tc" },
        { """{"model_type":"deepseek_v3","routed_scaling_factor":"2.5"}""", "routed_scaling_factor = \"2.5\": must be a finite number" },
        { """{"model_type":"deepseek_v3","n_shared_experts":100000}""", "n_shared_experts = 100000: must be a whole number in 0..1024" },
        { """{"model_type":"deepseek_v2","topk_method":"group_limited_greedy"}""", "n_group is missing" },
        { """{"model_type":"ernie4_5_moe","moe_k":65}""", "moe_k = 65: must be in 1..experts (64)" },
        { """{"model_type":"ernie4_5_moe","use_bias":true}""", "use_bias = true: biases of experts are not read" },
        { """{"model_type":"hunyuan_v1_moe","num_experts":4,"moe_topk":[5,5]}""", "moe_topk = 5: must be in 1..experts (4)" },
        { """{"model_type":"dbrx","ffn_config":{"moe_top_k":5,"ffn_act_fn":{"name":"tanh"}}}""", "ffn_config.moe_top_k = 5: must be in 1..experts (4)" },
        { """{"model_type":"dbrx","ffn_config":{"ffn_act_fn":{"name":"tanh"}}}""", "ffn_config.ffn_act_fn.name = \"tanh\": must be one of silu" },
        { """{"model_type":"dbrx","ffn_config":[]}""", "ffn_config = []: must be an object" },
        { """{"model_type":"dots1","n_routed_experts":8}""", "num_experts_per_tok is missing" },
    };

    [Theory, MemberData(nameof(Refused))]
    public void A_bad_config_is_refused_by_key_value_and_rule(string json, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => HuggingFaceConfig.Parse(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void All_problems_are_reported_at_once()
    {
        string message = Assert.Throws<InvalidDataException>(static () => HuggingFaceConfig.Parse("""
            {"model_type":"deepseek_v2","hidden_size":0,"moe_intermediate_size":"x","num_experts_per_tok":true,"norm_topk_prob":null,"first_k_dense_replace":-1,"n_group":3}
            """)).Message;
        Assert.Equal(
            "config.json of model_type deepseek_v2: moe_intermediate_size = \"x\": must be a whole number in 1..1048576; hidden_size = 0: must be a whole number in 1..1048576; "
            + "n_routed_experts is missing; must be a whole number in 1..1048576; num_experts_per_tok = true: must be a whole number in 1..1048576; norm_topk_prob = null: must be true or false; "
            + "n_shared_experts is missing; must be a whole number in 0..1024; first_k_dense_replace = -1: must be a whole number in 0..1048576; num_hidden_layers is missing; must be a whole number in 1..65536.",
            message);
    }

    [Fact]
    public void A_long_value_is_shortened_in_the_message() =>
        Assert.True(Assert.Throws<InvalidDataException>(static () => HuggingFaceConfig.Parse($$"""{"model_type":"{{new string('x', 100_000)}}"}""")).Message.Length < 300);

    [Fact]
    public void Depth_and_length_are_limited()
    {
        Assert.Contains("not valid JSON", Assert.Throws<InvalidDataException>(static () => HuggingFaceConfig.Parse("{\"model_type\":\"mixtral\",\"x\":" + new string('[', 40) + new string(']', 40) + "}")).Message, StringComparison.Ordinal);
        Assert.Contains("longer than", Assert.Throws<InvalidDataException>(static () => HuggingFaceConfig.Parse(new string(' ', HuggingFaceConfig.MaxBytes + 1))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>(static () => HuggingFaceConfig.Parse(null!));
        Assert.Throws<ArgumentException>(static () => HuggingFaceConfig.Load(""));
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        foreach (string text in Configs.All)
        {
            for (int length = 0; length < text.Length; length++)
            {
                string cut = text[..length];
                Assert.Throws<InvalidDataException>(() => HuggingFaceConfig.Parse(cut));
            }
        }
    }

    [Fact]
    public void Any_damage_gives_a_config_or_a_typed_refusal() =>
        Gen.Select(Gen.Int[0, Configs.All.Count - 1], Gen.Select(Gen.Int[0, 5000], Gen.Char, Gen.Int[0, 7]).Array[1, 4], Gen.Bool).Sample(static (text, changes, flip) =>
        {
            char[] damaged = Configs.All[text].ToCharArray();
            foreach (var (at, c, bit) in changes)
            {
                if (flip) damaged[at % damaged.Length] ^= (char)(1 << bit);
                else damaged[at % damaged.Length] = c;
            }

            Read(new string(damaged));
        }, iter: 5000);

    [Fact]
    public void Any_number_or_word_in_place_of_a_value_gives_a_config_or_a_typed_refusal() =>
        Gen.Select(Gen.Int[0, Configs.All.Count - 1], Gen.Int[0, 40], Gen.OneOf("0", "-1", "1", "2", "3", "7", "65537", "2147483647", "2147483648", "1e308", "-0.5", "null", "true", "\"\"", "[]", "{}", "[1,2]")).Sample(static (text, at, value) =>
        {
            string[] lines = Configs.All[text].Split('\n');
            string line = lines[at % lines.Length];
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0) return;
            lines[at % lines.Length] = line[..(colon + 1)] + value + (line.EndsWith(',') ? "," : "");
            Read(string.Join('\n', lines));
        }, iter: 5000);

    private static void Read(string json)
    {
        try
        {
            var config = HuggingFaceConfig.Parse(json);
            foreach (int layer in config.MoELayers) Assert.Empty(config.Layers[layer]!.Validate());
        }
        catch (InvalidDataException)
        {
        }
    }
}
