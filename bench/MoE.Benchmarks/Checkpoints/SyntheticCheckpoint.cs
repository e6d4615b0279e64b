using System.Runtime.InteropServices;
using MoE.Checkpoints;

namespace MoE.Benchmarks;

/// <summary>A layer of Mixtral's form in bfloat16, as large as asked for: uniform weights within +-0.04, in a safetensors file with neutral names.</summary>
internal static class SyntheticCheckpoint
{
    public const int Width = 2048, Experts = 8, Choices = 2;

    private const int Step = 1 << 20;

    /// <summary>The layer whose file has about so many bytes.</summary>
    public static MoELayerSpec Spec(long bytes) => LayerProfiles.Mixtral(Width, (int)Math.Max(32, bytes / (3L * Experts * Width * sizeof(ushort)) / 32 * 32), Experts, Choices);

    /// <summary>Writes the file.</summary>
    public static void Write(string path, MoELayerSpec spec)
    {
        ulong seed = 1;
        SafetensorsWriter.Write(path, WeightNames.Of(spec).Select(t =>
        {
            ulong start = seed++ * 0x9E3779B97F4A7C15;
            long count = t.Shape.Aggregate(1L, static (a, b) => a * b);
            return new SafetensorsTensor(t.Name, SafetensorsType.BF16, [.. t.Shape.Select(static d => (long)d)], stream => Fill(stream, count, start));
        }));
    }

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
