namespace MoE.Checkpoints;

/// <summary>
/// The layouts. Names: transformers <c>conversion_mapping.py</c> (000c33f) and <c>models/*/modeling_*.py</c>; torchtitan <c>models/deepseek_v3/state_dict_adapter.py</c> (054adc9); OLMo-core <c>nn/hf/convert.py</c> and
/// <c>nn/moe/mlp.py</c> (013df53); Tutel <c>experts/ffn.py</c> (ac0e51b); llama.cpp <c>src/llama-graph.cpp</c> (00395eb).
/// </summary>
internal static class FamilyLayouts
{
    // A text model alone, inside a model of several kinds of input (both orders are in use), and without its head.
    private static readonly string[] s_decoder = ["model.layers.{0}.", "language_model.model.layers.{0}.", "model.language_model.layers.{0}.", "layers.{0}."];

    private const string Mlp = "mlp.", FeedForward = "feed_forward.", Sparse = "block_sparse_moe.";

    private const string PerExpert = "experts", Fused = "fused", Packed = "packed";

    public static IReadOnlyList<CheckpointLayout> All { get; } =
    [
        Numbered("mixtral", Sparse),
        Numbered("minimax", Sparse),
        Numbered("phimoe", Sparse),
        Projections("olmoe"),
        Projections("flex_olmo"),
        Projections("qwen3_moe"),
        Projections("qwen2_moe", static t => t.Shared("shared_expert.gate_proj.weight", "shared_expert.up_proj.weight", "shared_expert.down_proj.weight", "shared_expert_gate.weight")),
        Projections("deepseek_v2", SharedExperts),
        Projections("deepseek_v3", SharedExperts, Corrected),
        Projections("glm4_moe", SharedExperts, Corrected),
        Projections("dots1", SharedExperts, Corrected),
        Projections("ernie4_5_moe", SharedExperts, static t => t.Router("gate.weight", selection: "moe_statics.e_score_correction_bias", row: true, single: true)),
        Projections("hunyuan_v1_moe", static t => t.Shared("shared_mlp.gate_proj.weight", "shared_mlp.up_proj.weight", "shared_mlp.down_proj.weight"), static t => t.Router("gate.wg.weight")),
        Projections("jamba", router: static t => t.Router("router.weight"), block: FeedForward),
        new CheckpointLayout("lfm2_moe", s_decoder, Both(FeedForward, "experts.{0}.w1.weight", "experts.{0}.w3.weight", "experts.{0}.w2.weight", static t => t.Router("gate.weight", selection: "expert_bias"))),
        new CheckpointLayout("granitemoe", s_decoder, new LayoutForm(Fused, Sparse, static t =>
        {
            t.Router("router.layer.weight");
            t.Fused("input_linear.weight", "output_linear.weight", transposed: false, interleaved: false);
        })),
        // w1 is the gate, v1 up; w2 is kept turned. All experts stand in the rows of one matrix.
        new CheckpointLayout("dbrx", ["transformer.blocks.{0}.", "blocks.{0}."], new LayoutForm("stacked", "ffn.", static t =>
        {
            t.Router("router.layer.weight");
            t.Stacked("experts.mlp.w1", "experts.mlp.v1", "experts.mlp.w2", transposedDown: true, flat: true);
        })),
        new CheckpointLayout("gpt_oss", s_decoder, GptOss(Packed, transposed: false, packed: true), GptOss(Fused, transposed: true, packed: false)),
        new CheckpointLayout("llama4_text", ["language_model.model.layers.{0}.", "model.layers.{0}.", "model.language_model.layers.{0}.", "layers.{0}."], new LayoutForm(Fused, FeedForward, static t =>
        {
            t.Router("router.weight");
            t.Fused("experts.gate_up_proj", "experts.down_proj", transposed: true, interleaved: false);
            t.Shared("shared_expert.gate_proj.weight", "shared_expert.up_proj.weight", "shared_expert.down_proj.weight");
        })),
        new CheckpointLayout("torchtitan", ["layers.{0}.", "model.layers.{0}."], new LayoutForm("stacked", "moe.", static t =>
        {
            t.Router("router.gate.weight", selection: "expert_bias_E");
            t.Stacked("experts.w1_EFD", "experts.w3_EFD", "experts.w2_EDF");
            t.Shared("shared_experts.w1.weight", "shared_experts.w3.weight", "shared_experts.w2.weight");
        }), new LayoutForm("stacked, without shapes in names", "moe.", static t =>
        {
            t.Router("router.gate.weight", selection: "expert_bias");
            t.Stacked("experts.w1", "experts.w3", "experts.w2");
            t.Shared("shared_experts.w1.weight", "shared_experts.w3.weight", "shared_experts.w2.weight");
        })),
        OlmoCore("olmo_core", transposed: true),
        OlmoCore("olmo_core_dropless", transposed: false),
        new CheckpointLayout("gguf", ["blk.{0}."], Gguf("stacked", fused: false), Gguf(Fused, fused: true)),
        new CheckpointLayout("tutel", ["", "layers.{0}.", "model.layers.{0}."], Tutel("ffn", ""), Tutel("ffn of a block", "mlp."), Tutel("ffn of a layer of experts", "moe.")),
    ];

    private static void SharedExperts(LayoutTensors t) => t.Shared("shared_experts.gate_proj.weight", "shared_experts.up_proj.weight", "shared_experts.down_proj.weight");

    private static void Corrected(LayoutTensors t) => t.Router("gate.weight", selection: "gate.e_score_correction_bias");

    private static CheckpointLayout Projections(string name, Action<LayoutTensors>? shared = null, Action<LayoutTensors>? router = null, string block = Mlp) =>
        new(name, s_decoder, Both(block, "experts.{0}.gate_proj.weight", "experts.{0}.up_proj.weight", "experts.{0}.down_proj.weight", t =>
        {
            if (router is null) t.Router("gate.weight");
            else router(t);
        }, shared));

    // w1 is the gate, w3 up, w2 down. Published under block_sparse_moe; converted ones are under mlp.
    private static CheckpointLayout Numbered(string name, string published)
    {
        static LayoutForm[] Forms(string block) => Both(block, "experts.{0}.w1.weight", "experts.{0}.w3.weight", "experts.{0}.w2.weight", static t => t.Router("gate.weight"));
        return new(name, s_decoder, [Forms(published)[0], Forms(Mlp)[1], Forms(Mlp)[0] with { Name = "experts of mlp" }]);
    }

    // On disk an expert has tensors of its own; transformers 5 in memory, and what it saves so, has all experts in one.
    private static LayoutForm[] Both(string block, string gate, string up, string down, Action<LayoutTensors> router, Action<LayoutTensors>? shared = null) =>
    [
        new(PerExpert, block, t =>
        {
            router(t);
            t.Experts(gate, up, down);
            shared?.Invoke(t);
        }),
        new(Fused, block, t =>
        {
            router(t);
            t.Fused("experts.gate_up_proj", "experts.down_proj", transposed: false, interleaved: false);
            shared?.Invoke(t);
        }),
    ];

    private static LayoutForm GptOss(string name, bool transposed, bool packed) => new(name, Mlp, t =>
    {
        t.Router("router.weight", bias: "router.bias");
        t.Fused("experts.gate_up_proj", "experts.down_proj", transposed, interleaved: true, biases: true, packed: packed);
    });

    private static CheckpointLayout OlmoCore(string name, bool transposed) => new(name, ["blocks.{0}.", "model.blocks.{0}."], new LayoutForm("stacked", "feed_forward_moe.", t =>
    {
        t.Router("router.weight", selection: "router.score_bias", flat: true);
        t.Stacked("experts.mlp.w1", "experts.mlp.w3", "experts.mlp.w2", transposed, transposedDown: true);
        t.Shared("shared_mlp.w1.weight", "shared_mlp.w3.weight", "shared_mlp.w2.weight");
    }));

    // Of llama.cpp: dimensions as in row-major order, which GGUF lists from the last to the first.
    private static LayoutForm Gguf(string name, bool fused) => new(name, "", t =>
    {
        t.Router("ffn_gate_inp.weight", selection: "exp_probs_b.bias", bias: "ffn_gate_inp.bias");
        if (fused) t.Fused("ffn_gate_up_exps.weight", "ffn_down_exps.weight", transposed: false, interleaved: false);
        else t.Stacked("ffn_gate_exps.weight", "ffn_up_exps.weight", "ffn_down_exps.weight", upBias: "ffn_up_exps.bias", downBias: "ffn_down_exps.bias", gateBias: "ffn_gate_exps.bias");
        t.Shared("ffn_gate_shexp.weight", "ffn_up_shexp.weight", "ffn_down_shexp.weight", "ffn_gate_inp_shexp.weight", vector: true);
    }) { Own = ["ffn_gate_inp", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps", "ffn_gate_up_exps", "ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp", "exp_probs_b"] };

    private static LayoutForm Tutel(string name, string block) => new(name, block, static t =>
    {
        t.Router("gates.0.wg.weight");
        t.Stacked(null, "experts.batched_fc1_w", "experts.batched_fc2_w", transposedDown: true, upBias: "experts.batched_fc1_bias", downBias: "experts.batched_fc2_bias");
    });
}
