using MoE.Checkpoints;
using MoE.Tests.Checkpoints.Safetensors;

namespace MoE.Tests.Checkpoints.Families;

/// <summary>Layouts of training frameworks, which have no <c>config.json</c>: files made by hand with the weights of recorded runs.</summary>
public sealed class FrameworkLayoutTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // torchtitan trains DeepSeek-V3's layer.
    [Theory]
    [InlineData("w1_EFD", "w2_EDF", "w3_EFD", "expert_bias_E", "layers.0.")]
    [InlineData("w1", "w2", "w3", "expert_bias", "model.layers.0.")]
    public void Torchtitan_gives_the_output_of_the_model_it_trains(string w1, string w2, string w3, string bias, string root)
    {
        const string name = "DeepseekV3MoE__t12_e16_k4_g4_tg2_bias";
        var c = FamilyFolders.Case(name);
        HandTensor[] tensors =
        [
            As(root + "moe.router.gate.weight", "router.weight"), As(root + "moe." + bias, "router.e_score_correction_bias"),
            As(root + "moe.experts." + w1, "experts.gate"), As(root + "moe.experts." + w2, "experts.down"), As(root + "moe.experts." + w3, "experts.up"),
            As(root + "moe.shared_experts.w1.weight", "shared.gate"), As(root + "moe.shared_experts.w2.weight", "shared.down"), As(root + "moe.shared_experts.w3.weight", "shared.up"),
        ];
        Check("torchtitan", LayerProfiles.DeepSeekV3(8, 4, 16, 4, 4, 2, 2.5), name, tensors);

        HandTensor As(string tensor, string recorded) => HandTensor.Of(tensor, [.. c.Shape(recorded)], c.Values(recorded));
    }

    // OLMo-core trains OLMoE; MoEMLP computes x W, DroplessMoEMLP x W^T with the down projection still x W.
    [Theory]
    [InlineData("olmo_core", false, false)]
    [InlineData("olmo_core", true, true)]
    [InlineData("olmo_core_dropless", false, true)]
    public void OLMo_core_gives_the_output_of_the_model_it_trains(string layout, bool flatExperts, bool flatRouter)
    {
        const string name = "OlmoeSparseMoeBlock.nonorm__t16_e4_k2";
        var c = FamilyFolders.Case(name);
        int experts = c.Shape("experts.gate")[0], f = c.Shape("experts.gate")[1], d = c.Shape("experts.gate")[2];
        bool transposed = layout == "olmo_core";
        HandTensor[] tensors =
        [
            HandTensor.Of("blocks.0.feed_forward_moe.router.weight", flatRouter ? [(long)experts * d] : [experts, d], c.Values("router.weight")),
            Expert("w1", transposed ? Transposed(c.Values("experts.gate"), experts, f, d) : c.Values("experts.gate"), transposed ? d : f),
            Expert("w3", transposed ? Transposed(c.Values("experts.up"), experts, f, d) : c.Values("experts.up"), transposed ? d : f),
            Expert("w2", Transposed(c.Values("experts.down"), experts, d, f), f),
        ];
        Check(layout, LayerProfiles.Olmoe(d, f, experts, 2), name, tensors);

        HandTensor Expert(string tensor, float[] values, int rows) => HandTensor.Of("blocks.0.feed_forward_moe.experts.mlp." + tensor, flatExperts ? [(long)experts * rows, values.Length / experts / rows] : [experts, rows, values.Length / experts / rows], values);
    }

    // llama.cpp's names in a safetensors file, as converters write them; the attention beside the block is not looked at.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Names_of_gguf_give_the_output_of_the_model(bool fused)
    {
        const string name = "Qwen2MoeSparseMoeBlock__t16_e4_k2";
        var c = FamilyFolders.Case(name);
        int experts = c.Shape("experts.gate")[0], f = c.Shape("experts.gate")[1], d = c.Shape("experts.gate")[2], size = f * d;
        float[] gate = c.Values("experts.gate"), up = c.Values("experts.up");
        HandTensor[] stacked = fused
            ? [HandTensor.Of("blk.0.ffn_gate_up_exps.weight", [experts, 2 * f, d], [.. Enumerable.Range(0, experts).SelectMany(e => gate[(e * size)..((e + 1) * size)].Concat(up[(e * size)..((e + 1) * size)]))])]
            : [HandTensor.Of("blk.0.ffn_gate_exps.weight", [experts, f, d], gate), HandTensor.Of("blk.0.ffn_up_exps.weight", [experts, f, d], up)];
        HandTensor[] tensors =
        [
            As("blk.0.ffn_gate_inp.weight", "router.weight"), .. stacked, As("blk.0.ffn_down_exps.weight", "experts.down"), As("blk.0.ffn_gate_shexp.weight", "shared.gate"), As("blk.0.ffn_up_shexp.weight", "shared.up"),
            As("blk.0.ffn_down_shexp.weight", "shared.down"), HandTensor.Of("blk.0.ffn_gate_inp_shexp.weight", [d], c.Values("router_shared_gate.weight")),
        ];
        Check("gguf", LayerProfiles.Qwen2Moe(d, f, c.Shape("shared.up")[0], experts, 2, normalize: true), name, tensors);
        string path = Bytes.Write(_folder, HandTensor.File([.. tensors, HandTensor.Of("blk.0.attn_q.weight", [1], [0]), HandTensor.Of("blk.0.ffn_norm.weight", [1], [0]), HandTensor.Of("blk.0.exp_probs_b.bias", [1], [0])]));
        using var checkpoint = SafetensorsCheckpoint.Open(path);
        string message = Assert.Throws<InvalidDataException>(() => CheckpointLayer.Open(checkpoint, CheckpointLayout.Of("gguf"), LayerProfiles.Qwen2Moe(d, f, c.Shape("shared.up")[0], experts, 2))).Message;
        Assert.EndsWith("layer 0: blk.0.exp_probs_b.bias is no tensor of such a layer", message, StringComparison.Ordinal);

        HandTensor As(string tensor, string recorded) => HandTensor.Of(tensor, [.. c.Shape(recorded)], c.Values(recorded));
    }

    [Fact]
    public void Tutel_gives_its_own_output()
    {
        const string name = "moe_forward__t16_e4_k2_cf1";
        var c = RecordedCase.Of("tutel", "moe_forward")[name];
        int[] w1 = c.Shape("experts.w1");
        // Recorded as x w1 and h w2; Tutel keeps the first one turned, [E, F, D].
        HandTensor[] tensors =
        [
            HandTensor.Of("gates.0.wg.weight", [w1[0], w1[1]], c.Values("router.weight")),
            HandTensor.Of("experts.batched_fc1_w", [w1[0], w1[2], w1[1]], Transposed(c.Values("experts.w1"), w1[0], w1[1], w1[2])),
            HandTensor.Of("experts.batched_fc2_w", [w1[0], w1[2], w1[1]], c.Values("experts.w2")),
        ];
        var spec = new MoELayerSpec { Width = w1[1], Router = RouterProfiles.Tutel(w1[0], 2), Expert = new ExpertSpec { Form = ExpertForm.FeedForward, Activation = Activation.Relu, Width = w1[2] } };
        using var engine = Engine("tutel", spec, tensors);
        float[] x = c.Values("x"), y = new float[x.Length], expected = c.Values("output");
        engine.Forward(x, y);
        for (int i = 0; i < y.Length; i++) Assert.Equal(expected[i], y[i], 1e-5f + 1e-4f * Math.Abs(expected[i]));
    }

    [Fact]
    public void A_layout_that_cannot_hold_a_layer_says_so()
    {
        var glu = LayerProfiles.Mixtral(8, 4, 4);
        Assert.Throws<ArgumentException>("spec", () => CheckpointLayout.Of("tutel").Tensors(glu, 0));
        Assert.Throws<ArgumentException>("spec", () => CheckpointLayout.Of("mixtral").Tensors(glu with { Expert = glu.Expert with { Biases = true } }, 0));
        Assert.Throws<ArgumentException>("spec", () => CheckpointLayout.Of("mixtral").Tensors(glu with { RouterBias = true }, 0));
        // Rows of 8 are no whole blocks of 32, so that only the form without 4 bits can hold it.
        Assert.Equal("model.layers.0.mlp.experts.gate_up_proj", CheckpointLayout.Of("gpt_oss").Tensors(LayerProfiles.GptOss(8, 4, 4), 0)[2].Name);
        Assert.Throws<ArgumentException>("spec", () => CheckpointLayout.Of("gpt_oss").Tensors(LayerProfiles.GptOss(8, 4, 4), 0, "packed"));
    }

    private void Check(string layout, MoELayerSpec spec, string name, HandTensor[] tensors)
    {
        using var engine = Engine(layout, spec, tensors);
        float[] x = FamilyFolders.Case(name).Values("hidden_states"), y = new float[x.Length];
        engine.Forward(x, y);
        Assert.InRange(FamilyFolders.Excess(name, y), double.NegativeInfinity, 0);
    }

    private ManagedMoEEngine Engine(string layout, MoELayerSpec spec, HandTensor[] tensors)
    {
        string path = Bytes.Write(_folder, HandTensor.File(tensors));
        using var checkpoint = SafetensorsCheckpoint.Open(path);
        var layer = CheckpointLayer.Open(checkpoint, CheckpointLayout.Of(layout), spec);
        // Written again by the layout, they are the same numbers.
        string again = Path.Combine(_folder.Path, "again.safetensors");
        SafetensorsWriter.Write(again, CheckpointLayout.Of(layout).Export(spec, 0, layer, form: layer.Form));
        using var written = SafetensorsCheckpoint.Open(again);
        Assert.Equal(tensors.Length, written.Names.Count());
        foreach (var tensor in tensors)
        {
            string key = written.Names.Single(n => n.EndsWith(tensor.Name[(tensor.Name.IndexOf("layers.0.", StringComparison.Ordinal) is >= 0 and var at ? at : 0)..], StringComparison.Ordinal));
            Assert.True(written.TryGet(key, out var file, out var entry));
            Assert.Equal(tensor.Data, file.Bytes(entry).ToArray());
        }

        return new ManagedMoEEngine(spec, layer);
    }

    private static float[] Transposed(float[] values, int matrices, int rows, int columns) =>
        [.. from m in Enumerable.Range(0, matrices) from c in Enumerable.Range(0, columns) from r in Enumerable.Range(0, rows) select values[(m * rows + r) * columns + c]];
}
