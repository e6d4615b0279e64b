using System.Text.Json.Nodes;
using MoE.Checkpoints;

namespace MoE.Tests.Checkpoints;

/// <summary>
/// From a config to numbers: the settings with which transformers ran a layer, read as a <c>config.json</c>, give a spec whose reference layer returns what transformers returned.
/// </summary>
public sealed class PeerLayerTests
{
    private static readonly Dictionary<string, string> s_types = new()
    {
        ["MixtralSparseMoeBlock"] = "mixtral",
        ["OlmoeSparseMoeBlock.norm"] = "olmoe",
        ["OlmoeSparseMoeBlock.nonorm"] = "olmoe",
        ["Qwen2MoeSparseMoeBlock"] = "qwen2_moe",
        ["Qwen3MoeSparseMoeBlock.norm"] = "qwen3_moe",
        ["Qwen3MoeSparseMoeBlock.nonorm"] = "qwen3_moe",
        ["DeepseekV2MoE"] = "deepseek_v2",
        ["DeepseekV3MoE"] = "deepseek_v3",
        ["v5.GptOssMLP"] = "gpt_oss",
        ["Llama4TextMoe"] = "llama4_text",
    };

    private static readonly IReadOnlyDictionary<string, RecordedCase> s_cases = RecordedCase.Of("transformers", [.. s_types.Keys]);

    public static TheoryData<string> Cases => [.. s_cases.Values.Where(static c => !c.HasTies && !IsTrap(c)).Select(static c => c.Name)];

    public static TheoryData<string> Traps => [.. s_cases.Values.Where(IsTrap).Select(static c => c.Name)];

    [Theory, MemberData(nameof(Cases))]
    public void A_config_and_its_weights_give_the_output_of_the_peer(string name) => Assert.True(LargestExcess(s_cases[name]) <= 0);

    // Negative biases: that version of transformers lets masked groups win. DeepSeek-V2 with norm_topk_prob: it ignores the flag. The model's authors do neither.
    [Theory, MemberData(nameof(Traps))]
    public void Where_transformers_departs_from_the_authors_the_authors_are_followed(string name) => Assert.True(LargestExcess(s_cases[name]) > 1e-3);

    [Fact]
    public void Every_family_of_cases_is_there()
    {
        Assert.Equal(s_types.Keys.Order(), s_cases.Keys.Select(Function).Distinct().Order());
        Assert.Equal(["DeepseekV2MoE__grp_t9_e12_k3_g3_tg1", "DeepseekV3MoE__t7_e8_k4_g4_tg2_negbias"], s_cases.Values.Where(IsTrap).Select(static c => c.Name));
    }

    private static bool IsTrap(RecordedCase c) => c.Name.Contains("negbias", StringComparison.Ordinal) || (Function(c.Name) == "DeepseekV2MoE" && c.Flag("norm_topk_prob"));

    private static string Function(string name) => name[..name.IndexOf("__", StringComparison.Ordinal)];

    private static double LargestExcess(RecordedCase c)
    {
        var config = JsonNode.Parse(c.Options.GetRawText())!.AsObject();
        config["model_type"] = s_types[Function(c.Name)];
        config["num_hidden_layers"] = 1;
        config["first_k_dense_replace"] = 0;
        var spec = HuggingFaceConfig.Parse(config.ToJsonString()).Layers[0]!;
        float[] x = c.Values("hidden_states"), expected = c.Values("output"), y = new float[x.Length];
        using var layer = new ReferenceLayer(spec, Weights(c, spec));
        layer.Forward(x, y);
        // The suite's tolerance of layer outputs in single precision, large activations apart.
        double relative = c.Name.Contains("sat", StringComparison.Ordinal) || c.Name.Contains("clamp", StringComparison.Ordinal) ? 2e-4 : 1e-4;
        return y.Select((v, i) => Math.Abs(v - expected[i]) - 1e-5 - relative * Math.Abs(expected[i])).Max();
    }

    private static WeightDictionary Weights(RecordedCase c, MoELayerSpec spec)
    {
        var weights = new WeightDictionary();
        foreach (var (name, shape) in WeightNames.Of(spec)) weights.Add(name, Weight(c, spec, name), shape);
        return weights;
    }

    private static float[] Weight(RecordedCase c, MoELayerSpec spec, string name)
    {
        int d = spec.Width, f = spec.Expert.Width;
        bool interleaved = spec.Expert.Layout == GluLayout.Interleaved;
        switch (name)
        {
            case WeightNames.SelectionBias: return c.Values("router.e_score_correction_bias");
            case WeightNames.SharedScalarGate: return c.Values("router_shared_gate.weight");
            // Llama 4 and gpt-oss store projections transposed, with gate and up in one: [E, D, 2F], [E, F, D].
            case WeightNames.ExpertGate or WeightNames.ExpertUp when c.Has("experts.gate_up_proj"):
                float[] fused = c.Values("experts.gate_up_proj");
                return [.. from e in Enumerable.Range(0, spec.Router.Experts)
                           from i in Enumerable.Range(0, f)
                           from j in Enumerable.Range(0, d)
                           select fused[(e * d + j) * 2 * f + Column(i)]];
            case WeightNames.ExpertDown when c.Has("experts.down_proj"):
                float[] down = c.Values("experts.down_proj");
                return [.. from e in Enumerable.Range(0, spec.Router.Experts)
                           from j in Enumerable.Range(0, d)
                           from i in Enumerable.Range(0, f)
                           select down[(e * f + i) * d + j]];
            case WeightNames.ExpertGateBias or WeightNames.ExpertUpBias:
                float[] biases = c.Values("experts.gate_up_proj_bias");
                return [.. from e in Enumerable.Range(0, spec.Router.Experts) from i in Enumerable.Range(0, f) select biases[e * 2 * f + Column(i)]];
            case WeightNames.ExpertDownBias: return c.Values("experts.down_proj_bias");
            default: return c.Values(name);
        }

        int Column(int i)
        {
            int up = name is WeightNames.ExpertUp or WeightNames.ExpertUpBias ? 1 : 0;
            return interleaved ? 2 * i + up : up * f + i;
        }
    }
}
