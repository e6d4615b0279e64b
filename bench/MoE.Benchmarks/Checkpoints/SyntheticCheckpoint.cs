using System.Globalization;
using System.Runtime.InteropServices;
using MoE.Checkpoints;

namespace MoE.Benchmarks;

/// <summary>A Mixtral of one layer as a Hugging Face folder, as large as asked for: the router and the experts, uniform weights within +-0.04 in bfloat16. Attention and embeddings are left out.</summary>
internal static class SyntheticCheckpoint
{
    public const int Width = 2048, Experts = 8, Choices = 2;

    private const int Step = 1 << 20;

    /// <summary>The layer whose file has about so many bytes.</summary>
    public static MoELayerSpec Spec(long bytes) => LayerProfiles.Mixtral(Width, (int)Math.Max(32, bytes / (3L * Experts * Width * sizeof(ushort)) / 32 * 32), Experts, Choices);

    /// <summary>Writes the folder; returns the bytes of the weights.</summary>
    public static long Write(string folder, MoELayerSpec spec)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), string.Create(CultureInfo.InvariantCulture, $$"""
            {
              "architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "hidden_act": "silu", "num_hidden_layers": 1,
              "hidden_size": {{spec.Width}}, "intermediate_size": {{spec.Expert.Width}}, "num_local_experts": {{spec.Router.Experts}}, "num_experts_per_tok": {{spec.Router.TopK}}
            }
            """));
        int d = spec.Width, f = spec.Expert.Width;
        const string Prefix = "model.layers.0.block_sparse_moe.";
        var tensors = new List<SafetensorsTensor> { Tensor(Prefix + "gate.weight", 1, spec.Router.Experts, d) };
        for (int e = 0; e < spec.Router.Experts; e++)
        {
            tensors.Add(Tensor($"{Prefix}experts.{e}.w1.weight", 3 * (ulong)e + 2, f, d));
            tensors.Add(Tensor($"{Prefix}experts.{e}.w2.weight", 3 * (ulong)e + 3, d, f));
            tensors.Add(Tensor($"{Prefix}experts.{e}.w3.weight", 3 * (ulong)e + 4, f, d));
        }

        string path = Path.Combine(folder, "model.safetensors");
        SafetensorsWriter.Write(path, tensors);
        return new FileInfo(path).Length;
    }

    private static SafetensorsTensor Tensor(string name, ulong seed, long rows, long columns) =>
        new(name, SafetensorsType.BF16, [rows, columns], stream => Fill(stream, rows * columns, seed * 0x9E3779B97F4A7C15));

    private static void Fill(Stream stream, long count, ulong state)
    {
        ushort[] part = new ushort[Step];
        for (long from = 0; from < count; from += Step)
        {
            int n = (int)Math.Min(Step, count - from);
            for (int i = 0; i < n; i++)
            {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                float value = ((int)(state >> 40) - (1 << 23)) * (0.04f / (1 << 23));
                part[i] = (ushort)((BitConverter.SingleToUInt32Bits(value) + 0x8000) >> 16);
            }

            stream.Write(MemoryMarshal.AsBytes(part.AsSpan(0, n)));
        }
    }
}
