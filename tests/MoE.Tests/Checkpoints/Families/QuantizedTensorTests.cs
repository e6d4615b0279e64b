using MoE.Checkpoints;
using MoE.Tests.Checkpoints.Safetensors;

namespace MoE.Tests.Checkpoints.Families;

/// <summary>Weights of 8 and 4 bits: every number is what the description of the format says.</summary>
public sealed class QuantizedTensorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // DeepSeek-V3: E4M3 (OCP: excess 7, no infinity), multiplied by the scale of its block of rows and columns; the last blocks are cut off.
    [Theory]
    [InlineData(128, 128, false)]
    [InlineData(64, 32, true)]
    public void Eight_bits_in_blocks(int blockRows, int blockColumns, bool exponents)
    {
        const int d = 136, f = 130;
        var random = new Random(1);
        var tensors = new List<HandTensor> { Plain("gate.weight", [2, d]), HandTensor.Of("model.layers.0.mlp.gate.e_score_correction_bias", [2], [0, 0]) };
        var expected = new Dictionary<string, float[]>();
        foreach (string part in (string[])["experts.0", "experts.1", "shared_experts"])
        {
            Add($"{part}.gate_proj.weight", f, d);
            Add($"{part}.up_proj.weight", f, d);
            Add($"{part}.down_proj.weight", d, f);
        }

        string config = $$"""
            {"model_type":"deepseek_v3","hidden_size":{{d}},"moe_intermediate_size":{{f}},"num_hidden_layers":1,"first_k_dense_replace":0,"n_routed_experts":2,"num_experts_per_tok":1,"n_group":1,"topk_group":1,
             "quantization_config":{"quant_method":"fp8","fmt":"e4m3","weight_block_size":[{{blockRows}},{{blockColumns}}]} }
            """;
        string path = HandTensor.Folder(_folder, "fp8", config, tensors);
        using var model = HuggingFaceCheckpoint.Open(path);
        Assert.Empty(model.Problems());
        var layer = model.Layer(0);
        var values = new float[f * d];
        foreach (var (name, neutral, expert) in new[] { ("experts.0.gate_proj.weight", WeightNames.ExpertGate, 0), ("experts.1.up_proj.weight", WeightNames.ExpertUp, 1), ("experts.1.down_proj.weight", WeightNames.ExpertDown, 1), ("shared_experts.down_proj.weight", WeightNames.SharedDown, 0) })
        {
            layer.Read(neutral, expert, values);
            Assert.Equal(expected[name], values);
        }

        // No type of 16 bits holds them, so they are given in single precision.
        Assert.True(layer.TryGet(WeightNames.ExpertDown, out var down));
        Assert.Equal(WeightType.Float32, down.Type);
        Assert.Equal(expected["experts.1.down_proj.weight"], down.ToSingles()[(d * f)..]);
        using var engine = ManagedMoEEngine.FromPretrained(path, 0, precision: new ExpertPrecision(WeightFormat.BFloat16));
        var y = new float[d];
        engine.Forward(new float[d].Select(static (_, i) => i / 100f).ToArray(), y);
        Assert.All(y, static v => Assert.True(float.IsFinite(v)));

        void Add(string name, int rows, int columns)
        {
            byte[] bytes = [.. Enumerable.Range(0, rows * columns).Select(_ => { byte b; do b = (byte)random.Next(256); while ((b & 127) == 127); return b; })];
            int scaleRows = (rows + blockRows - 1) / blockRows, scaleColumns = (columns + blockColumns - 1) / blockColumns;
            byte[] powers = [.. Enumerable.Range(0, scaleRows * scaleColumns).Select(_ => (byte)random.Next(110, 130))];
            float[] scales = [.. powers.Select(p => exponents ? (float)Math.Pow(2, p - 127) : 0.001f * p)];
            tensors.Add(new HandTensor($"model.layers.0.mlp.{name}", "F8_E4M3", [rows, columns], bytes));
            tensors.Add(exponents ? new HandTensor($"model.layers.0.mlp.{name}_scale_inv", "F8_E8M0", [scaleRows, scaleColumns], powers) : HandTensor.Of($"model.layers.0.mlp.{name}_scale_inv", [scaleRows, scaleColumns], scales));
            expected[name] = [.. bytes.Select((b, i) => (float)E4M3(b) * scales[i / columns / blockRows * scaleColumns + i % columns / blockColumns])];
        }
    }

    [Fact]
    public void A_scale_that_is_missing_or_misshapen_and_a_number_that_is_none_are_named()
    {
        const int d = 8, f = 4;
        var tensors = new List<HandTensor> { Plain("gate.weight", [1, d]), HandTensor.Of("model.layers.0.mlp.gate.e_score_correction_bias", [1], [0]) };
        foreach (var (name, shape) in new[] { ("gate_proj", new long[] { f, d }), ("up_proj", [f, d]), ("down_proj", [d, f]) }) tensors.Add(new HandTensor($"model.layers.0.mlp.experts.0.{name}.weight", "F8_E4M3", shape, new byte[d * f]));
        tensors.Add(HandTensor.Of("model.layers.0.mlp.experts.0.up_proj.weight_scale_inv", [2, 1], [1, 1]));
        string config = """{"model_type":"deepseek_v3","hidden_size":8,"moe_intermediate_size":4,"num_hidden_layers":1,"first_k_dense_replace":0,"n_routed_experts":1,"num_experts_per_tok":1,"n_group":1,"topk_group":1,"n_shared_experts":0}""";
        using (var model = HuggingFaceCheckpoint.Open(HandTensor.Folder(_folder, "scales", config, tensors)))
        {
            string message = Assert.Throws<InvalidDataException>(() => model.Layer(0)).Message;
            Assert.Contains("experts.0.gate_proj.weight_scale_inv is missing; must be [1, 1]", message, StringComparison.Ordinal);
            Assert.Contains("experts.0.up_proj.weight_scale_inv is [2, 1]; must be [1, 1]", message, StringComparison.Ordinal);
        }

        tensors.RemoveAt(tensors.Count - 1);
        foreach (string name in (string[])["gate_proj", "up_proj", "down_proj"]) tensors.Add(HandTensor.Of($"model.layers.0.mlp.experts.0.{name}.weight_scale_inv", [1, 1], [1]));
        tensors[3] = tensors[3] with { Data = [.. Enumerable.Range(0, d * f).Select(static i => (byte)(i == 9 ? 0xFF : 1))] };
        using (var model = HuggingFaceCheckpoint.Open(HandTensor.Folder(_folder, "none", config, tensors)))
            Assert.Contains("experts.0.up_proj.weight[9] is NaN", Assert.Throws<InvalidDataException>(model.Layer(0).Verify).Message, StringComparison.Ordinal);
    }

    // gpt-oss: rows [E, 2F] of D numbers in blocks of 32 with one exponent; E2M1, the first of a pair in the lower half of its byte; gate and up in turns.
    [Fact]
    public void Four_bits_with_an_exponent_for_each_block()
    {
        const int experts = 2, d = 64, f = 32;
        var random = new Random(2);
        var (gateUp, gateUpBlocks, gateUpScales) = Numbers(random, experts * 2 * f, d);
        var (down, downBlocks, downScales) = Numbers(random, experts * d, f);
        float[] gateUpBias = Values(random, experts * 2 * f), downBias = Values(random, experts * d);
        List<HandTensor> router = [Plain("router.weight", [experts, d]), Plain("router.bias", [experts]), HandTensor.Of("model.layers.0.mlp.experts.gate_up_proj_bias", [experts, 2 * f], gateUpBias), HandTensor.Of("model.layers.0.mlp.experts.down_proj_bias", [experts, d], downBias)];
        List<HandTensor> packed =
        [
            .. router, new("model.layers.0.mlp.experts.gate_up_proj_blocks", "U8", [experts, 2 * f, d / 32, 16], gateUpBlocks), new("model.layers.0.mlp.experts.gate_up_proj_scales", "U8", [experts, 2 * f, d / 32], gateUpScales),
            new("model.layers.0.mlp.experts.down_proj_blocks", "U8", [experts, d, f / 32, 16], downBlocks), new("model.layers.0.mlp.experts.down_proj_scales", "U8", [experts, d, f / 32], downScales),
        ];
        string config = $$"""{"model_type":"gpt_oss","hidden_size":{{d}},"intermediate_size":{{f}},"num_hidden_layers":1,"num_local_experts":{{experts}},"num_experts_per_tok":1,"quantization_config":{"quant_method":"mxfp4"} }""";
        string path = HandTensor.Folder(_folder, "mxfp4", config, packed);
        using (var model = HuggingFaceCheckpoint.Open(path))
        {
            Assert.Empty(model.Problems());
            Assert.Equal("packed", model.Layer(0).Form);
            float[] gate = new float[f * d], up = new float[f * d];
            model.Layer(0).Read(WeightNames.ExpertGate, 1, gate);
            model.Layer(0).Read(WeightNames.ExpertUp, 1, up);
            for (int i = 0; i < f; i++)
            {
                Assert.Equal(gateUp.AsSpan((2 * f + 2 * i) * d, d), gate.AsSpan(i * d, d));
                Assert.Equal(gateUp.AsSpan((2 * f + 2 * i + 1) * d, d), up.AsSpan(i * d, d));
            }
        }

        // The same numbers as transformers keeps them in memory and saves them again: [E, D, 2F] and [E, F, D], exact in bfloat16.
        float[] turned = [.. from e in Enumerable.Range(0, experts) from j in Enumerable.Range(0, d) from i in Enumerable.Range(0, 2 * f) select gateUp[(e * 2 * f + i) * d + j]];
        float[] turnedDown = [.. from e in Enumerable.Range(0, experts) from i in Enumerable.Range(0, f) from j in Enumerable.Range(0, d) select down[(e * d + j) * f + i]];
        string plain = HandTensor.Folder(_folder, "plain", config, [.. router, HandTensor.Of("model.layers.0.mlp.experts.gate_up_proj", [experts, d, 2 * f], turned, "BF16"), HandTensor.Of("model.layers.0.mlp.experts.down_proj", [experts, f, d], turnedDown, "BF16")]);
        float[] x = Values(random, 5 * d), y = new float[x.Length], z = new float[x.Length];
        using (var engine = ManagedMoEEngine.FromPretrained(path, 0)) engine.Forward(x, y);
        using (var engine = ManagedMoEEngine.FromPretrained(plain, 0)) engine.Forward(x, z);
        Assert.Equal(z, y);

        packed[5] = packed[5] with { Data = [.. packed[5].Data.Select(static (s, i) => i == 3 ? (byte)255 : s)] };
        using var broken = HuggingFaceCheckpoint.Open(HandTensor.Folder(_folder, "nan", config, packed));
        Assert.Contains("mlp.experts.gate_up_proj[96] is NaN", Assert.Throws<InvalidDataException>(broken.Layer(0).Verify).Message, StringComparison.Ordinal);
    }

    private static HandTensor Plain(string name, long[] shape) => HandTensor.Of("model.layers.0.mlp." + name, shape, Values(new Random(3), (int)shape.Aggregate(1L, static (n, k) => n * k)));

    private static float[] Values(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];

    private static (float[] Values, byte[] Blocks, byte[] Scales) Numbers(Random random, int rows, int columns)
    {
        double[] magnitudes = [0, 0.5, 1, 1.5, 2, 3, 4, 6];
        var values = new float[rows * columns];
        byte[] blocks = new byte[values.Length / 2], scales = new byte[values.Length / 32];
        random.NextBytes(blocks);
        for (int i = 0; i < scales.Length; i++) scales[i] = (byte)random.Next(118, 130);
        for (int i = 0; i < values.Length; i++)
        {
            int bits = i % 2 == 0 ? blocks[i / 2] % 16 : blocks[i / 2] / 16;
            values[i] = (float)((bits >= 8 ? -1 : 1) * magnitudes[bits % 8] * Math.Pow(2, scales[i / 32] - 127));
        }

        return (values, blocks, scales);
    }

    private static double E4M3(byte b)
    {
        int exponent = (b >> 3) % 16, mantissa = b % 8;
        return (b >= 128 ? -1 : 1) * (exponent == 0 ? mantissa * Math.Pow(2, -9) : (8 + mantissa) * Math.Pow(2, exponent - 10));
    }
}
