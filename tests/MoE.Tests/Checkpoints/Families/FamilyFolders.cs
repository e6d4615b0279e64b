using System.Text.Json.Nodes;
using MoE.Tests.Checkpoints.Safetensors;

namespace MoE.Tests.Checkpoints.Families;

/// <summary>
/// Folders of every family, from the description of how each stores its layers and not from our writer: the weights are those of a recorded run of the family's own code, and what it returned is what a layer from the folder
/// must return. MiniMax runs Mixtral's block, FlexOlmo OLMoE's, GLM-4 and dots.llm1 DeepSeek-V3's; HunYuan without shared experts is Mixtral's block too.
/// </summary>
internal static class FamilyFolders
{
    private delegate IEnumerable<HandTensor> Tensors(Recorded c, string layer);

    private static readonly Dictionary<string, (string[] Functions, string Prefix, Action<JsonObject> Config, Tensors Tensors)> s_all = new()
    {
        ["mixtral"] = (["MixtralSparseMoeBlock"], "model.layers.0.", Nothing, static (c, p) => [c.Router(p + "block_sparse_moe.gate.weight"), .. c.PerExpert(p + "block_sparse_moe.experts.{0}.w1.weight", p + "block_sparse_moe.experts.{0}.w3.weight", p + "block_sparse_moe.experts.{0}.w2.weight")]),
        ["mixtral fused"] = (["MixtralSparseMoeBlock"], "model.layers.0.", Nothing, static (c, p) => [c.Router(p + "mlp.gate.weight"), .. c.Fused(p + "mlp.experts.gate_up_proj", p + "mlp.experts.down_proj")]),
        ["minimax"] = (["MixtralSparseMoeBlock"], "model.layers.0.", Nothing, static (c, p) => [c.Router(p + "block_sparse_moe.gate.weight"), .. c.PerExpert(p + "block_sparse_moe.experts.{0}.w1.weight", p + "block_sparse_moe.experts.{0}.w3.weight", p + "block_sparse_moe.experts.{0}.w2.weight")]),
        ["phimoe"] = (["PhimoeSparseMoeBlock"], "model.layers.0.", Nothing, static (c, p) => [c.Router(p + "block_sparse_moe.gate.weight"), .. c.PerExpert(p + "block_sparse_moe.experts.{0}.w1.weight", p + "block_sparse_moe.experts.{0}.w3.weight", p + "block_sparse_moe.experts.{0}.w2.weight")]),
        ["phimoe mlp"] = (["PhimoeSparseMoeBlock"], "model.layers.0.", Nothing, static (c, p) => [c.Router(p + "mlp.gate.weight"), .. c.PerExpert(p + "mlp.experts.{0}.w1.weight", p + "mlp.experts.{0}.w3.weight", p + "mlp.experts.{0}.w2.weight")]),
        ["olmoe"] = (["OlmoeSparseMoeBlock.norm", "OlmoeSparseMoeBlock.nonorm"], "model.layers.0.", Nothing, static (c, p) => [c.Router(p + "mlp.gate.weight"), .. c.Projections(p + "mlp.experts.{0}.")]),
        ["flex_olmo"] = (["OlmoeSparseMoeBlock.norm", "OlmoeSparseMoeBlock.nonorm"], "layers.0.", Nothing, static (c, p) => [c.Router(p + "mlp.gate.weight"), .. c.Projections(p + "mlp.experts.{0}.")]),
        ["qwen2_moe"] = (["Qwen2MoeSparseMoeBlock"], "model.layers.0.", Nothing, static (c, p) => [c.Router(p + "mlp.gate.weight"), .. c.Projections(p + "mlp.experts.{0}."), .. c.Shared(p + "mlp.shared_expert."), c.As(p + "mlp.shared_expert_gate.weight", "router_shared_gate.weight")]),
        ["qwen3_moe"] = (["Qwen3MoeSparseMoeBlock.norm", "Qwen3MoeSparseMoeBlock.nonorm"], "model.layers.0.", Nothing, static (c, p) => [c.Router(p + "mlp.gate.weight"), .. c.Projections(p + "mlp.experts.{0}.")]),
        ["qwen3_moe fused"] = (["Qwen3MoeSparseMoeBlock.norm"], "model.language_model.layers.0.", Nothing, static (c, p) => [c.Router(p + "mlp.gate.weight"), .. c.Fused(p + "mlp.experts.gate_up_proj", p + "mlp.experts.down_proj")]),
        ["deepseek_v2"] = (["DeepseekV2MoE"], "model.layers.0.", Nothing, static (c, p) => [c.Router(p + "mlp.gate.weight"), .. c.Projections(p + "mlp.experts.{0}."), .. c.Shared(p + "mlp.shared_experts.")]),
        ["deepseek_v3"] = (["DeepseekV3MoE"], "model.layers.0.", Nothing, DeepSeekV3),
        ["glm4_moe"] = (["DeepseekV3MoE"], "model.layers.0.", Nothing, DeepSeekV3),
        ["dots1"] = (["DeepseekV3MoE"], "model.layers.0.", Nothing, DeepSeekV3),
        ["ernie4_5_moe"] = (["v5.Ernie4_5_MoeSparseMoeBlock"], "model.layers.0.", static o => o["moe_layer_start_index"] = 0, static (c, p) => [c.Router(p + "mlp.gate.weight"), c.As(p + "mlp.moe_statics.e_score_correction_bias", "router.e_score_correction_bias"), .. c.Projections(p + "mlp.experts.{0}."), .. c.Shared(p + "mlp.shared_experts.")]),
        ["hunyuan_v1_moe"] = (["MixtralSparseMoeBlock"], "model.layers.0.", static o => (o["moe_topk"], o["num_experts"]) = (new JsonArray(o["num_experts_per_tok"]!.DeepClone()), o["num_local_experts"]!.DeepClone()), static (c, p) => [c.Router(p + "mlp.gate.wg.weight"), .. c.Projections(p + "mlp.experts.{0}.")]),
        ["jamba"] = (["JambaSparseMoeBlock"], "model.layers.0.", static o => (o["expert_layer_period"], o["expert_layer_offset"]) = (1, 0), static (c, p) => [c.Router(p + "feed_forward.router.weight"), .. c.Projections(p + "feed_forward.experts.{0}.")]),
        ["lfm2_moe"] = (["v5.Lfm2MoeSparseMoeBlock"], "model.layers.0.", static o => o["num_dense_layers"] = 0, static (c, p) => [c.Router(p + "feed_forward.gate.weight"), .. c.Optional(p + "feed_forward.expert_bias", "router.expert_bias"), .. c.PerExpert(p + "feed_forward.experts.{0}.w1.weight", p + "feed_forward.experts.{0}.w3.weight", p + "feed_forward.experts.{0}.w2.weight")]),
        ["lfm2_moe fused"] = (["v5.Lfm2MoeSparseMoeBlock"], "model.layers.0.", static o => o["num_dense_layers"] = 0, static (c, p) => [c.Router(p + "feed_forward.gate.weight"), .. c.Optional(p + "feed_forward.expert_bias", "router.expert_bias"), c.As(p + "feed_forward.experts.gate_up_proj", "experts.gate_up_proj"), c.As(p + "feed_forward.experts.down_proj", "experts.down_proj")]),
        ["granitemoe"] = (["GraniteMoeMoE"], "model.layers.0.", Nothing, static (c, p) => [c.As(p + "block_sparse_moe.router.layer.weight", "router.weight"), c.As(p + "block_sparse_moe.input_linear.weight", "experts.input_linear"), c.As(p + "block_sparse_moe.output_linear.weight", "experts.output_linear")]),
        ["dbrx"] = (["DbrxFFN"], "transformer.blocks.0.", static o => (o["ffn_config"], o["n_layers"]) = (o.DeepClone(), 1), static (c, p) => [c.As(p + "ffn.router.layer.weight", "router.weight"), .. c.AsThey(p + "ffn.", "experts.w1", "experts.v1", "experts.w2").Select(static t => t with { Name = t.Name.Replace("experts.", "experts.mlp.") })]),
        // transformers records these two in the very layout of the file: transposed, gpt-oss with gate and up in turns.
        ["gpt_oss"] = (["v5.GptOssMLP"], "model.layers.0.", Nothing, static (c, p) => [c.As(p + "mlp.router.weight", "router.weight"), c.As(p + "mlp.router.bias", "router.bias"), .. c.AsThey(p + "mlp.", "experts.gate_up_proj", "experts.gate_up_proj_bias", "experts.down_proj", "experts.down_proj_bias")]),
        ["llama4_text"] = (["Llama4TextMoe"], "language_model.model.layers.0.", Nothing, static (c, p) => [c.Router(p + "feed_forward.router.weight"), .. c.AsThey(p + "feed_forward.", "experts.gate_up_proj", "experts.down_proj"), .. c.Shared(p + "feed_forward.shared_expert.")]),
    };

    private static readonly IReadOnlyDictionary<string, RecordedCase> s_cases = RecordedCase.Of("transformers", [.. s_all.Values.SelectMany(static f => f.Functions).Distinct()]);

    /// <summary>The names of the folders; the first word is the family.</summary>
    public static IEnumerable<string> Names => s_all.Keys;

    /// <summary>Folder and case.</summary>
    public static IEnumerable<(string Folder, string Case)> All => s_all.SelectMany(static f => s_cases.Values.Where(c => f.Value.Functions.Contains(Function(c.Name)) && !c.HasTies && !IsTrap(c)).Select(c => (f.Key, c.Name)));

    public static RecordedCase Case(string name) => s_cases[name];

    /// <summary>The first recorded case of a folder.</summary>
    public static string First(string folder) => All.First(f => f.Folder == folder).Case;

    public static string Family(string folder) => folder.Split(' ')[0];

    /// <summary>Writes a folder by hand.</summary>
    public static string Write(TemporaryFolder parent, string folder, string name, string type = "F32") => HandTensor.Folder(parent, $"{folder}-{name}-{type}".Replace(' ', '-'), Config(folder, name), HandMade(folder, name, type));

    /// <summary>The tensors of a folder; selection biases stay in single precision.</summary>
    public static IReadOnlyList<HandTensor> HandMade(string folder, string name, string type = "F32") => [.. s_all[folder].Tensors(new Recorded(s_cases[name], type), s_all[folder].Prefix)];

    public static string Config(string folder, string name)
    {
        var options = JsonNode.Parse(s_cases[name].Options.GetRawText())!.AsObject();
        string family = Family(folder);
        options["num_hidden_layers"] = 1;
        options["first_k_dense_replace"] = 0;
        s_all[folder].Config(options);
        if (family != "llama4_text")
        {
            options["model_type"] = family;
            return options.ToJsonString();
        }

        options["model_type"] = "llama4_text";
        return new JsonObject { ["model_type"] = "llama4", ["text_config"] = options }.ToJsonString();
    }

    /// <summary>Of the recorded outputs, how far the numbers are beyond the suite's tolerance of layer outputs in single precision; not positive where they agree.</summary>
    public static double Excess(string name, float[] actual)
    {
        float[] expected = s_cases[name].Values("output");
        double relative = name.Contains("sat", StringComparison.Ordinal) || name.Contains("clamp", StringComparison.Ordinal) ? 2e-4 : 1e-4;
        return actual.Select((v, i) => Math.Abs(v - expected[i]) - 1e-5 - relative * Math.Abs(expected[i])).Max();
    }

    /// <summary>The layer as the recorded version of transformers has it: of ERNIE it weighs by the biased probabilities, which its authors do not.</summary>
    public static MoELayerSpec AsRecorded(MoELayerSpec spec, string folder) =>
        folder.StartsWith("ernie", StringComparison.Ordinal) ? spec with { Router = spec.Router with { Weigh = spec.Router.Weigh with { BiasedWeights = true } } } : spec;

    // Where transformers departs from the model's authors: see PeerLayerTests.
    private static bool IsTrap(RecordedCase c) => c.Name.Contains("negbias", StringComparison.Ordinal) || (Function(c.Name) == "DeepseekV2MoE" && c.Flag("norm_topk_prob"));

    private static string Function(string name) => name[..name.IndexOf("__", StringComparison.Ordinal)];

    private static void Nothing(JsonObject config)
    {
    }

    private static IEnumerable<HandTensor> DeepSeekV3(Recorded c, string p) =>
        [c.Router(p + "mlp.gate.weight"), c.As(p + "mlp.gate.e_score_correction_bias", "router.e_score_correction_bias"), .. c.Projections(p + "mlp.experts.{0}."), .. c.Shared(p + "mlp.shared_experts.")];

    /// <summary>The weights of a case, one expert at a time and in the layouts of the families.</summary>
    private sealed class Recorded(RecordedCase c, string type)
    {
        private readonly int _experts = c.Shape("router.weight")[0], _d = c.Shape("router.weight")[1], _f = c.Has("experts.down") ? c.Shape("experts.down")[2] : c.Has("experts.down_proj") ? c.Shape("experts.down_proj")[2] : 0;

        public HandTensor Router(string name) => HandTensor.Of(name, [_experts, _d], c.Values("router.weight"), type);

        /// <summary>A tensor just as it was recorded.</summary>
        public HandTensor As(string name, string recorded) => HandTensor.Of(name, [.. c.Shape(recorded)], c.Values(recorded), name.EndsWith("_bias", StringComparison.Ordinal) && recorded.StartsWith("router.", StringComparison.Ordinal) ? "F32" : type);

        public IEnumerable<HandTensor> AsThey(string prefix, params string[] recorded) => recorded.Select(r => As(prefix + r, r));

        public IEnumerable<HandTensor> Optional(string name, string recorded) => c.Has(recorded) ? [As(name, recorded)] : [];

        public IEnumerable<HandTensor> Shared(string prefix) => c.Has("shared.up") ? [As(prefix + "gate_proj.weight", "shared.gate"), As(prefix + "up_proj.weight", "shared.up"), As(prefix + "down_proj.weight", "shared.down")] : [];

        public IEnumerable<HandTensor> Projections(string prefix) => PerExpert(prefix + "gate_proj.weight", prefix + "up_proj.weight", prefix + "down_proj.weight");

        public IEnumerable<HandTensor> PerExpert(string gate, string up, string down)
        {
            for (int e = 0; e < _experts; e++)
            {
                yield return HandTensor.Of(gate.Replace("{0}", $"{e}"), [_f, _d], Gate(e), type);
                yield return HandTensor.Of(up.Replace("{0}", $"{e}"), [_f, _d], Up(e), type);
                yield return HandTensor.Of(down.Replace("{0}", $"{e}"), [_d, _f], Slice(c.Has("experts.down") ? "experts.down" : "experts.down_proj", e), type);
            }
        }

        public IEnumerable<HandTensor> Fused(string gateUp, string down)
        {
            yield return HandTensor.Of(gateUp, [_experts, 2L * _f, _d], [.. Enumerable.Range(0, _experts).SelectMany(e => Gate(e).Concat(Up(e)))], type);
            yield return HandTensor.Of(down, [_experts, _d, _f], [.. Enumerable.Range(0, _experts).SelectMany(e => Slice("experts.down", e))], type);
        }

        private float[] Gate(int e) => c.Has("experts.gate") ? Slice("experts.gate", e) : Slice("experts.gate_up_proj", e)[..(_f * _d)];

        private float[] Up(int e) => c.Has("experts.up") ? Slice("experts.up", e) : Slice("experts.gate_up_proj", e)[(_f * _d)..];

        private float[] Slice(string name, int e)
        {
            int size = c.Values(name).Length / _experts;
            return c.Values(name)[(e * size)..((e + 1) * size)];
        }
    }
}
