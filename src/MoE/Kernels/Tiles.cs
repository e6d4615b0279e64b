using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MoE;

/// <summary>Which vectors the kernels of this process use.</summary>
public enum KernelPath
{
    /// <summary>One number at a time.</summary>
    Scalar,

    /// <summary>128-bit vectors (SSE, NEON).</summary>
    Vector128,

    /// <summary>256-bit vectors (AVX2).</summary>
    Vector256,

    /// <summary>512-bit vectors (AVX-512).</summary>
    Vector512,
}

/// <summary>The choice of a tile by row count and path.</summary>
internal static unsafe partial class Tiles
{
    /// <summary>Columns of a panel of packed weights.</summary>
    public const int Columns = 32;

    /// <summary>Rows of the largest block: 28 accumulators, two vectors of weights and one of rows are 31 of AVX-512's 32 registers.</summary>
    public const int MaxRows = 14;

    /// <summary>The widest vectors the hardware has, unless switched off.</summary>
    public static KernelPath Path { get; } =
        Vector512.IsHardwareAccelerated ? KernelPath.Vector512
        : Vector256.IsHardwareAccelerated ? KernelPath.Vector256
        : Vector128.IsHardwareAccelerated ? KernelPath.Vector128
        : KernelPath.Scalar;

    private static readonly delegate*<float*, nint, float*, nint, float*, float*, nint, void>[] s_512 =
        [null, &V512R1, &V512R2, &V512R3, &V512R4, &V512R5, &V512R6, &V512R7, &V512R8, &V512R9, &V512R10, &V512R11, &V512R12, &V512R13, &V512R14];

    private static readonly delegate*<float*, nint, float*, nint, float*, float*, nint, void>[] s_256 = [null, &V256R1, &V256R2, &V256R3, &V256R4, &V256R5, &V256R6];

    private static readonly delegate*<float*, nint, float*, nint, float*, float*, nint, void>[] s_128 = [null, &V128R1, &V128R2, &V128R3, &V128R4];

    private static readonly delegate*<float*, nint, float*, nint, float*, float*, nint, void>[] s_half =
        [null, &H512R1, &H512R2, &H512R3, &H512R4, &H512R5, &H512R6, &H512R7, &H512R8, &H512R9, &H512R10, &H512R11, &H512R12, &H512R13, &H512R14];

    /// <summary>The same with weights in bfloat16, as <see cref="PackedMatrix"/> lays them out; for 512-bit vectors.</summary>
    public static void MultiplyHalf(int rows, float* a, byte* b, nint k, float* c, byte* ahead, int share = 1) =>
        s_half[rows](a, rows, (float*)b, k, c, ahead is null ? (float*)b : (float*)ahead, ahead is null ? 0 : Columns / 2 / share);

    /// <summary>c[rows, 32] = a[k, rows]^T b[k, 32].</summary>
    /// <param name="path">The vectors.</param>
    /// <param name="rows">1..14.</param>
    /// <param name="a">[k, rows].</param>
    /// <param name="b">[k, 32].</param>
    /// <param name="k">Not negative.</param>
    /// <param name="c">[rows, 32], overwritten.</param>
    /// <param name="ahead">Memory to fetch while the tile is computed; only hinted at, never read. Null: none.</param>
    /// <param name="share">Of [k, 32] one part in this many is fetched: 1, 2 or 4.</param>
    public static void Multiply(KernelPath path, int rows, float* a, float* b, nint k, float* c, float* ahead, int share = 1)
    {
        switch (path)
        {
            case KernelPath.Vector512:
                s_512[rows](a, rows, b, k, c, ahead is null ? b : ahead, ahead is null ? 0 : Columns / share);
                break;
            case KernelPath.Vector256:
                Split(s_256, 6, 16, rows, a, b, k, c);
                break;
            case KernelPath.Vector128:
                Split(s_128, 4, 8, rows, a, b, k, c);
                break;
            default:
                Scalar(rows, a, b, k, c);
                break;
        }
    }

    /// <summary>Over how many of its first blocks an expert's next weights are fetched: as fast as memory gives them.</summary>
    public static int Shares(int blocks) => blocks >= 4 ? 4 : blocks >= 2 ? 2 : 1;

    /// <summary>to = scale from, or to += scale from.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(float* from, int count, float scale, float* to, bool adds)
    {
        int j = 0;
        var s = Vector512.Create(scale);
        for (; j + 16 <= count; j += 16)
        {
            var v = Vector512.Load(from + j);
            (adds ? Vector512.MultiplyAddEstimate(s, v, Vector512.Load(to + j)) : s * v).Store(to + j);
        }

        for (; j < count; j++) to[j] = adds ? to[j] + scale * from[j] : scale * from[j];
    }

    /// <summary>to[k * stride] = from[k]: a row becomes a column of a block or panel.</summary>
    public static void Column(ReadOnlySpan<float> from, float* to, int stride)
    {
        for (int k = 0; k < from.Length; k++) to[(long)k * stride] = from[k];
    }

    /// <summary>The next 64-byte boundary: stack memory has sixteen floats to spare.</summary>
    public static float* Aligned(float* memory) => (float*)(((nint)memory + 63) & ~63);

    private static void Split(delegate*<float*, nint, float*, nint, float*, float*, nint, void>[] tiles, int most, int columns, int rows, float* a, float* b, nint k, float* c)
    {
        for (int r = 0; r < rows; r += most)
        {
            var tile = tiles[Math.Min(most, rows - r)];
            for (int j = 0; j < Columns; j += columns) tile(a + r, rows, b + j, k, c + r * Columns + j, b, 0);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scalar(int rows, float* a, float* b, nint k, float* c)
    {
        new Span<float>(c, rows * Columns).Clear();
        for (nint i = 0; i < k; i++)
        {
            for (int r = 0; r < rows; r++)
            {
                float x = a[i * rows + r];
                for (int j = 0; j < Columns; j++) c[r * Columns + j] += x * b[i * Columns + j];
            }
        }
    }
}
