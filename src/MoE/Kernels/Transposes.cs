using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MoE;

/// <summary>Rows into columns: what packing is made of.</summary>
internal static unsafe class Transposes
{
    private const int Lanes = 16;

    /// <summary>to[i * stride + r] = rows[r][i].</summary>
    /// <param name="rows">Pointers to the rows.</param>
    /// <param name="count">Number of rows, 1..16.</param>
    /// <param name="length">Numbers of a row.</param>
    /// <param name="to">[length, stride]; nothing behind it is written, and columns from <paramref name="count"/> on keep their content only where the stride is <paramref name="count"/> or count is 16.</param>
    /// <param name="stride">At least <paramref name="count"/>.</param>
    public static void Pack(float** rows, int count, nint length, float* to, int stride)
    {
        nint i = 0;
        if (Avx512F.IsSupported && count > 2 && (stride == count || count == Lanes))
        {
            // A store of sixteen numbers reaches into the rows that are written after it; behind the last ones there is nothing to reach into.
            nint last = stride >= Lanes ? length - Lanes : length - Lanes - Lanes / count - 1;
            for (; i <= last; i += Lanes) Sixteen(rows, count, i, to + i * stride, stride);
        }

        for (int r = 0; r < count; r++)
        {
            float* row = rows[r];
            for (nint k = i; k < length; k++) to[k * stride + r] = row[k];
        }
    }

    /// <summary>to[c * stride + t] = rows[t][at + c] for sixteen columns, stored in ascending order; rows from <paramref name="count"/> on are the last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Sixteen(float** rows, int count, nint at, float* to, nint stride)
    {
        int last = count - 1;
        Vector512<float> a0 = Vector512.Load(rows[0] + at), a1 = Vector512.Load(rows[Math.Min(1, last)] + at), a2 = Vector512.Load(rows[Math.Min(2, last)] + at), a3 = Vector512.Load(rows[Math.Min(3, last)] + at);
        Quad(a0, a1, a2, a3, out var p0, out var p1, out var p2, out var p3);
        a0 = Vector512.Load(rows[Math.Min(4, last)] + at);
        a1 = Vector512.Load(rows[Math.Min(5, last)] + at);
        a2 = Vector512.Load(rows[Math.Min(6, last)] + at);
        a3 = Vector512.Load(rows[Math.Min(7, last)] + at);
        Quad(a0, a1, a2, a3, out var q0, out var q1, out var q2, out var q3);
        a0 = Vector512.Load(rows[Math.Min(8, last)] + at);
        a1 = Vector512.Load(rows[Math.Min(9, last)] + at);
        a2 = Vector512.Load(rows[Math.Min(10, last)] + at);
        a3 = Vector512.Load(rows[Math.Min(11, last)] + at);
        Quad(a0, a1, a2, a3, out var r0, out var r1, out var r2, out var r3);
        a0 = Vector512.Load(rows[Math.Min(12, last)] + at);
        a1 = Vector512.Load(rows[Math.Min(13, last)] + at);
        a2 = Vector512.Load(rows[Math.Min(14, last)] + at);
        a3 = Vector512.Load(rows[Math.Min(15, last)] + at);
        Quad(a0, a1, a2, a3, out var s0, out var s1, out var s2, out var s3);
        Even(ref p0, ref q0, ref r0, ref s0);
        Even(ref p1, ref q1, ref r1, ref s1);
        Even(ref p2, ref q2, ref r2, ref s2);
        Even(ref p3, ref q3, ref r3, ref s3);
        // Of each four: p and r are the even parts of the first and second eight rows, q and s the odd ones.
        Avx512F.Shuffle4x128(p0, r0, 0x88).Store(to);
        Avx512F.Shuffle4x128(p1, r1, 0x88).Store(to + stride);
        Avx512F.Shuffle4x128(p2, r2, 0x88).Store(to + 2 * stride);
        Avx512F.Shuffle4x128(p3, r3, 0x88).Store(to + 3 * stride);
        to += 4 * stride;
        Avx512F.Shuffle4x128(q0, s0, 0x88).Store(to);
        Avx512F.Shuffle4x128(q1, s1, 0x88).Store(to + stride);
        Avx512F.Shuffle4x128(q2, s2, 0x88).Store(to + 2 * stride);
        Avx512F.Shuffle4x128(q3, s3, 0x88).Store(to + 3 * stride);
        to += 4 * stride;
        Avx512F.Shuffle4x128(p0, r0, 0xdd).Store(to);
        Avx512F.Shuffle4x128(p1, r1, 0xdd).Store(to + stride);
        Avx512F.Shuffle4x128(p2, r2, 0xdd).Store(to + 2 * stride);
        Avx512F.Shuffle4x128(p3, r3, 0xdd).Store(to + 3 * stride);
        to += 4 * stride;
        Avx512F.Shuffle4x128(q0, s0, 0xdd).Store(to);
        Avx512F.Shuffle4x128(q1, s1, 0xdd).Store(to + stride);
        Avx512F.Shuffle4x128(q2, s2, 0xdd).Store(to + 2 * stride);
        Avx512F.Shuffle4x128(q3, s3, 0xdd).Store(to + 3 * stride);
    }

    // Of four rows, in each 128-bit part: the four columns.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quad(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, out Vector512<float> w, out Vector512<float> x, out Vector512<float> y, out Vector512<float> z)
    {
        var ab = Avx512F.UnpackLow(a, b).AsDouble();
        var cd = Avx512F.UnpackLow(c, d).AsDouble();
        w = Avx512F.UnpackLow(ab, cd).AsSingle();
        x = Avx512F.UnpackHigh(ab, cd).AsSingle();
        ab = Avx512F.UnpackHigh(a, b).AsDouble();
        cd = Avx512F.UnpackHigh(c, d).AsDouble();
        y = Avx512F.UnpackLow(ab, cd).AsSingle();
        z = Avx512F.UnpackHigh(ab, cd).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Even(ref Vector512<float> p, ref Vector512<float> q, ref Vector512<float> r, ref Vector512<float> s)
    {
        (p, q) = (Avx512F.Shuffle4x128(p, q, 0x88), Avx512F.Shuffle4x128(p, q, 0xdd));
        (r, s) = (Avx512F.Shuffle4x128(r, s, 0x88), Avx512F.Shuffle4x128(r, s, 0xdd));
    }
}
