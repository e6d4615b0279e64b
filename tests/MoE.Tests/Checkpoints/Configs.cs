namespace MoE.Tests.Checkpoints;

/// <summary>The <c>config.json</c> of published models, as their authors published them, shortened to what concerns the layers and a few keys that do not.</summary>
internal static class Configs
{
    public const string Mixtral8x7B = """
        {
          "architectures": ["MixtralForCausalLM"],
          "attention_dropout": 0.0,
          "bos_token_id": 1,
          "eos_token_id": 2,
          "hidden_act": "silu",
          "hidden_size": 4096,
          "initializer_range": 0.02,
          "intermediate_size": 14336,
          "max_position_embeddings": 32768,
          "model_type": "mixtral",
          "num_attention_heads": 32,
          "num_experts_per_tok": 2,
          "num_hidden_layers": 32,
          "num_key_value_heads": 8,
          "num_local_experts": 8,
          "output_router_logits": false,
          "rms_norm_eps": 1e-05,
          "rope_theta": 1000000.0,
          "router_aux_loss_coef": 0.02,
          "sliding_window": null,
          "tie_word_embeddings": false,
          "torch_dtype": "bfloat16",
          "vocab_size": 32000
        }
        """;

    public const string Olmoe1B7B = """
        {
          "architectures": ["OlmoeForCausalLM"],
          "attention_bias": false,
          "clip_qkv": null,
          "hidden_act": "silu",
          "hidden_size": 2048,
          "intermediate_size": 1024,
          "max_position_embeddings": 4096,
          "model_type": "olmoe",
          "norm_topk_prob": false,
          "num_attention_heads": 16,
          "num_experts": 64,
          "num_experts_per_tok": 8,
          "num_hidden_layers": 16,
          "num_key_value_heads": 16,
          "output_router_logits": false,
          "router_aux_loss_coef": 0.01,
          "vocab_size": 50304
        }
        """;

    public const string Qwen15MoeA27B = """
        {
          "architectures": ["Qwen2MoeForCausalLM"],
          "decoder_sparse_step": 1,
          "hidden_act": "silu",
          "hidden_size": 2048,
          "intermediate_size": 5632,
          "max_window_layers": 21,
          "model_type": "qwen2_moe",
          "moe_intermediate_size": 1408,
          "norm_topk_prob": false,
          "num_attention_heads": 16,
          "num_experts": 60,
          "num_experts_per_tok": 4,
          "num_hidden_layers": 24,
          "num_key_value_heads": 16,
          "output_router_logits": false,
          "router_aux_loss_coef": 0.001,
          "shared_expert_intermediate_size": 5632,
          "use_sliding_window": false,
          "vocab_size": 151936
        }
        """;

    public const string Qwen330BA3B = """
        {
          "architectures": ["Qwen3MoeForCausalLM"],
          "attention_bias": false,
          "decoder_sparse_step": 1,
          "head_dim": 128,
          "hidden_act": "silu",
          "hidden_size": 2048,
          "intermediate_size": 6144,
          "max_position_embeddings": 40960,
          "mlp_only_layers": [],
          "model_type": "qwen3_moe",
          "moe_intermediate_size": 768,
          "norm_topk_prob": true,
          "num_attention_heads": 32,
          "num_experts": 128,
          "num_experts_per_tok": 8,
          "num_hidden_layers": 48,
          "num_key_value_heads": 4,
          "rope_scaling": null,
          "router_aux_loss_coef": 0.001,
          "vocab_size": 151936
        }
        """;

    public const string DeepSeekV2 = """
        {
          "architectures": ["DeepseekV2ForCausalLM"],
          "auto_map": {"AutoConfig": "configuration_deepseek.DeepseekV2Config"},
          "aux_loss_alpha": 0.001,
          "first_k_dense_replace": 1,
          "hidden_act": "silu",
          "hidden_size": 5120,
          "intermediate_size": 12288,
          "kv_lora_rank": 512,
          "model_type": "deepseek_v2",
          "moe_intermediate_size": 1536,
          "moe_layer_freq": 1,
          "n_group": 8,
          "n_routed_experts": 160,
          "n_shared_experts": 2,
          "norm_topk_prob": false,
          "num_experts_per_tok": 6,
          "num_hidden_layers": 60,
          "q_lora_rank": 1536,
          "routed_scaling_factor": 16.0,
          "scoring_func": "softmax",
          "seq_aux": true,
          "topk_group": 3,
          "topk_method": "group_limited_greedy",
          "vocab_size": 102400
        }
        """;

    public const string DeepSeekV2Lite = """
        {
          "architectures": ["DeepseekV2ForCausalLM"],
          "first_k_dense_replace": 1,
          "hidden_act": "silu",
          "hidden_size": 2048,
          "intermediate_size": 10944,
          "kv_lora_rank": 512,
          "model_type": "deepseek_v2",
          "moe_intermediate_size": 1408,
          "moe_layer_freq": 1,
          "n_group": 1,
          "n_routed_experts": 64,
          "n_shared_experts": 2,
          "norm_topk_prob": false,
          "num_experts_per_tok": 6,
          "num_hidden_layers": 27,
          "q_lora_rank": null,
          "routed_scaling_factor": 1.0,
          "scoring_func": "softmax",
          "topk_group": 1,
          "topk_method": "greedy",
          "vocab_size": 102400
        }
        """;

    public const string DeepSeekV3 = """
        {
          "architectures": ["DeepseekV3ForCausalLM"],
          "ep_size": 1,
          "first_k_dense_replace": 3,
          "hidden_act": "silu",
          "hidden_size": 7168,
          "intermediate_size": 18432,
          "kv_lora_rank": 512,
          "model_type": "deepseek_v3",
          "moe_intermediate_size": 2048,
          "moe_layer_freq": 1,
          "n_group": 8,
          "n_routed_experts": 256,
          "n_shared_experts": 1,
          "norm_topk_prob": true,
          "num_experts_per_tok": 8,
          "num_hidden_layers": 61,
          "num_nextn_predict_layers": 1,
          "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [128, 128]},
          "routed_scaling_factor": 2.5,
          "scoring_func": "sigmoid",
          "topk_group": 4,
          "topk_method": "noaux_tc",
          "vocab_size": 129280
        }
        """;

    public const string GptOss20B = """
        {
          "architectures": ["GptOssForCausalLM"],
          "attention_bias": true,
          "experts_per_token": 4,
          "head_dim": 64,
          "hidden_act": "silu",
          "hidden_size": 2880,
          "initial_context_length": 4096,
          "intermediate_size": 2880,
          "layer_types": ["sliding_attention", "full_attention"],
          "model_type": "gpt_oss",
          "num_attention_heads": 64,
          "num_experts_per_tok": 4,
          "num_hidden_layers": 24,
          "num_key_value_heads": 8,
          "num_local_experts": 32,
          "quantization_config": {"modules_to_not_convert": ["model.layers.*.mlp.router", "lm_head"], "quant_method": "mxfp4"},
          "router_aux_loss_coef": 0.9,
          "swiglu_limit": 7.0,
          "vocab_size": 201088
        }
        """;

    public const string Llama4Scout = """
        {
          "architectures": ["Llama4ForConditionalGeneration"],
          "boi_token_index": 200080,
          "image_token_index": 200092,
          "model_type": "llama4",
          "text_config": {
            "attention_chunk_size": 8192,
            "head_dim": 128,
            "hidden_act": "silu",
            "hidden_size": 5120,
            "interleave_moe_layer_step": 1,
            "intermediate_size": 8192,
            "intermediate_size_mlp": 16384,
            "model_type": "llama4_text",
            "num_attention_heads": 40,
            "num_experts_per_tok": 1,
            "num_hidden_layers": 48,
            "num_key_value_heads": 8,
            "num_local_experts": 16,
            "router_aux_loss_coef": 0.001,
            "router_jitter_noise": 0.0,
            "vocab_size": 202048
          },
          "vision_config": {"hidden_act": "gelu", "hidden_size": 1408, "intermediate_size": 5632, "model_type": "llama4_vision_model", "num_hidden_layers": 34}
        }
        """;

    public const string MiniMaxText01 = """
        {
          "architectures": ["MiniMaxForCausalLM"],
          "hidden_act": "silu",
          "hidden_size": 6144,
          "intermediate_size": 9216,
          "model_type": "minimax",
          "num_attention_heads": 64,
          "num_experts_per_tok": 2,
          "num_hidden_layers": 80,
          "num_key_value_heads": 8,
          "num_local_experts": 32,
          "output_router_logits": false,
          "router_jitter_noise": 0.0,
          "vocab_size": 200064
        }
        """;

    public const string Phi35MoE = """
        {
          "architectures": ["PhiMoEForCausalLM"],
          "attention_bias": true,
          "hidden_act": "silu",
          "hidden_size": 4096,
          "input_jitter_noise": 0.01,
          "intermediate_size": 6400,
          "lm_head_bias": true,
          "model_type": "phimoe",
          "num_attention_heads": 32,
          "num_experts_per_tok": 2,
          "num_hidden_layers": 32,
          "num_key_value_heads": 8,
          "num_local_experts": 16,
          "router_aux_loss_coef": 0.0,
          "router_jitter_noise": 0.01,
          "torch_dtype": "bfloat16",
          "vocab_size": 32064
        }
        """;

    public const string FlexOlmo7x7B = """
        {
          "architectures": ["FlexOlmoForCausalLM"],
          "hidden_act": "silu",
          "hidden_size": 4096,
          "intermediate_size": 11008,
          "model_type": "flex_olmo",
          "norm_topk_prob": false,
          "num_attention_heads": 32,
          "num_experts": 7,
          "num_experts_per_tok": 5,
          "num_hidden_layers": 32,
          "router_aux_loss_coef": 0.01,
          "vocab_size": 100352
        }
        """;

    public const string Glm45Air = """
        {
          "architectures": ["Glm4MoeForCausalLM"],
          "attention_bias": true,
          "first_k_dense_replace": 1,
          "hidden_act": "silu",
          "hidden_size": 4096,
          "intermediate_size": 10944,
          "model_type": "glm4_moe",
          "moe_intermediate_size": 1408,
          "n_group": 1,
          "n_routed_experts": 128,
          "n_shared_experts": 1,
          "norm_topk_prob": true,
          "num_attention_heads": 96,
          "num_experts_per_tok": 8,
          "num_hidden_layers": 46,
          "num_nextn_predict_layers": 1,
          "rope_scaling": null,
          "routed_scaling_factor": 1.0,
          "topk_group": 1,
          "torch_dtype": "bfloat16",
          "vocab_size": 151552
        }
        """;

    public const string Dots1 = """
        {
          "architectures": ["Dots1ForCausalLM"],
          "first_k_dense_replace": 1,
          "hidden_size": 4096,
          "intermediate_size": 10944,
          "model_type": "dots1",
          "moe_intermediate_size": 1408,
          "n_group": null,
          "n_routed_experts": 128,
          "n_shared_experts": 2,
          "norm_topk_prob": true,
          "num_attention_heads": 32,
          "num_experts_per_tok": 6,
          "num_hidden_layers": 62,
          "routed_scaling_factor": 2.5,
          "scoring_func": "sigmoid",
          "topk_group": null,
          "vocab_size": 152064
        }
        """;

    public const string Ernie45 = """
        {
          "architectures": ["Ernie4_5_MoeForCausalLM"],
          "hidden_act": "silu",
          "hidden_size": 2560,
          "intermediate_size": 12288,
          "model_type": "ernie4_5_moe",
          "moe_intermediate_size": 1536,
          "moe_k": 6,
          "moe_layer_end_index": 27,
          "moe_layer_interval": 1,
          "moe_layer_start_index": 1,
          "moe_num_experts": 64,
          "moe_num_shared_experts": 2,
          "num_attention_heads": 20,
          "num_hidden_layers": 28,
          "num_key_value_heads": 4,
          "use_bias": false,
          "vocab_size": 103424
        }
        """;

    public const string HunyuanA13B = """
        {
          "architectures": ["HunYuanMoEV1ForCausalLM"],
          "hidden_act": "silu",
          "hidden_size": 4096,
          "intermediate_size": 3072,
          "model_type": "hunyuan_v1_moe",
          "moe_intermediate_size": [3072, 3072],
          "moe_topk": [8, 8],
          "num_attention_heads": 32,
          "num_experts": 64,
          "num_hidden_layers": 32,
          "num_key_value_heads": 8,
          "num_shared_expert": [1, 1],
          "torch_dtype": "bfloat16",
          "use_mixed_mlp_moe": true,
          "vocab_size": 128167
        }
        """;

    public const string Jamba01 = """
        {
          "architectures": ["JambaForCausalLM"],
          "attn_layer_offset": 4,
          "attn_layer_period": 8,
          "expert_layer_offset": 1,
          "expert_layer_period": 2,
          "hidden_act": "silu",
          "hidden_size": 4096,
          "intermediate_size": 14336,
          "mamba_d_conv": 4,
          "model_type": "jamba",
          "num_attention_heads": 32,
          "num_experts": 16,
          "num_experts_per_tok": 2,
          "num_hidden_layers": 32,
          "num_key_value_heads": 8,
          "router_aux_loss_coef": 0.001,
          "torch_dtype": "bfloat16",
          "vocab_size": 65536
        }
        """;

    public const string Lfm28BA1B = """
        {
          "architectures": ["Lfm2MoeForCausalLM"],
          "conv_L_cache": 3,
          "hidden_size": 2048,
          "intermediate_size": 7168,
          "model_type": "lfm2_moe",
          "moe_intermediate_size": 1792,
          "norm_topk_prob": true,
          "num_attention_heads": 32,
          "num_dense_layers": 2,
          "num_experts": 32,
          "num_experts_per_tok": 4,
          "num_hidden_layers": 24,
          "routed_scaling_factor": 1.0,
          "use_expert_bias": true,
          "vocab_size": 65536
        }
        """;

    public const string Granite1BA400M = """
        {
          "architectures": ["GraniteMoeForCausalLM"],
          "attention_multiplier": 0.015625,
          "embedding_multiplier": 12.0,
          "hidden_act": "silu",
          "hidden_size": 1024,
          "intermediate_size": 512,
          "model_type": "granitemoe",
          "num_attention_heads": 16,
          "num_experts_per_tok": 8,
          "num_hidden_layers": 24,
          "num_key_value_heads": 8,
          "num_local_experts": 32,
          "residual_multiplier": 0.22,
          "router_aux_loss_coef": 0.0,
          "torch_dtype": "bfloat16",
          "vocab_size": 49155
        }
        """;

    public const string DbrxBase = """
        {
          "architectures": ["DbrxForCausalLM"],
          "attn_config": {"clip_qkv": 8, "kv_n_heads": 8, "model_type": ""},
          "d_model": 6144,
          "ffn_config": {
            "ffn_hidden_size": 10752,
            "model_type": "",
            "moe_jitter_eps": 0.01,
            "moe_loss_weight": 0.05,
            "moe_num_experts": 16,
            "moe_top_k": 4
          },
          "model_type": "dbrx",
          "n_heads": 48,
          "n_layers": 40,
          "torch_dtype": "bfloat16",
          "vocab_size": 100352
        }
        """;

    public static IReadOnlyList<string> All { get; } =
        [Mixtral8x7B, Olmoe1B7B, Qwen15MoeA27B, Qwen330BA3B, DeepSeekV2, DeepSeekV2Lite, DeepSeekV3, GptOss20B, Llama4Scout, MiniMaxText01, Phi35MoE, FlexOlmo7x7B, Glm45Air, Dots1, Ernie45, HunyuanA13B, Jamba01, Lfm28BA1B, Granite1BA400M, DbrxBase];
}
