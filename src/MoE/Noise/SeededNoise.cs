using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace MoE;

/// <summary>Counter-based noise (Philox 4x32-10, Salmon et al. 2011): element i of a draw depends on (seed, name, step, i) and on nothing else. Thread-safe.</summary>
/// <param name="seed">Any value.</param>
public sealed class SeededNoise(ulong seed) : INoiseSource
{
    /// <inheritdoc/>
    public void Fill(string name, long step, NoiseKind kind, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(name);
        ulong stream = seed ^ Hash(name);
        Span<uint> block = stackalloc uint[4];
        for (int i = 0; i < destination.Length; i += 4)
        {
            Philox((uint)(i / 4), 0, (ulong)step, stream, block);
            var four = destination.Slice(i, Math.Min(4, destination.Length - i));
            for (int j = 0; j < four.Length; j++) four[j] = Shape(kind, block, j);
        }
    }

    private static float Shape(NoiseKind kind, ReadOnlySpan<uint> block, int j) => kind switch
    {
        NoiseKind.Uniform => (block[j] >> 8) * (1f / (1 << 24)),
        NoiseKind.Normal => (float)Normal(block, j),
        NoiseKind.Gumbel => (float)-Math.Log(-Math.Log(Open(block[j]))),
        NoiseKind.Exponential => (float)-Math.Log(Open(block[j])),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "must be a defined noise kind"),
    };

    // In (0, 1): never an end, so that logarithms are finite.
    private static double Open(uint bits) => (bits + 0.5) * (1.0 / 4294967296.0);

    // Box-Muller on the pairs (0, 1) and (2, 3) of a block.
    private static double Normal(ReadOnlySpan<uint> block, int j)
    {
        int pair = j & ~1;
        double radius = Math.Sqrt(-2 * Math.Log(Open(block[pair])));
        var (sin, cos) = Math.SinCos(2 * Math.PI * Open(block[pair + 1]));
        return radius * ((j & 1) == 0 ? cos : sin);
    }

    private static ulong Hash(string name)
    {
        Span<byte> digest = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes(name), digest);
        return BinaryPrimitives.ReadUInt64LittleEndian(digest);
    }

    internal static void Philox(uint c0, uint c1, ulong step, ulong key, Span<uint> block)
    {
        uint c2 = (uint)step, c3 = (uint)(step >> 32), k0 = (uint)key, k1 = (uint)(key >> 32);
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = 0xD2511F53UL * c0, p1 = 0xCD9E8D57UL * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }

        (block[0], block[1], block[2], block[3]) = (c0, c1, c2, c3);
    }
}
