using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MoE.Benchmarks;

/// <summary>Read bandwidth of main memory: the sum of an array far larger than the caches. The same array empties the caches of anything else.</summary>
internal sealed unsafe class ReadProbe : IDisposable
{
    private const nuint Bytes = 256 << 20;
    private const nuint EvictedBytes = 64 << 20;
    private const int Repeats = 2;

    private readonly float* _data;

    public ReadProbe()
    {
        _data = (float*)NativeMemory.AlignedAlloc(Bytes, 4096);
        // Written once, or every page would be the same page of zeros.
        NativeMemory.Fill(_data, Bytes, 1);
    }

    /// <summary>The best of two passes, in GB/s.</summary>
    /// <param name="threads">Threads, each with an equal share of the array.</param>
    public double Measure(int threads)
    {
        nuint share = Bytes / sizeof(float) / (nuint)threads / 32 * 32;
        var sums = new float[threads];
        var best = Team.Best(threads, Repeats, member => sums[member] = Sum(_data + (nuint)member * share, share));
        return share * sizeof(float) * (nuint)threads / best.TotalNanoseconds;
    }

    /// <summary>Reads more than the caches hold.</summary>
    public void EmptyCaches() => _ = Sum(_data, EvictedBytes / sizeof(float));

    /// <inheritdoc/>
    public void Dispose() => NativeMemory.AlignedFree(_data);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Sum(float* p, nuint count)
    {
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (nuint i = 0; i < count; i += 32)
        {
            s0 += Vector256.Load(p + i);
            s1 += Vector256.Load(p + i + 8);
            s2 += Vector256.Load(p + i + 16);
            s3 += Vector256.Load(p + i + 24);
        }

        return Vector256.Sum(s0 + s1 + s2 + s3);
    }
}
