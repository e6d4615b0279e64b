// Written by build/GenerateTiles.cs; change that, not this.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MoE;

/// <summary>Register tiles: c[m, columns] = sum_k a[k, m] b[k, columns], each element one chain of fused multiply-adds in the order of k.</summary>
internal static unsafe partial class Tiles
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512R1(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector512.Load(b);
            var h = Vector512.Load(b + 16);
            Sse.Prefetch0(ahead);
            Sse.Prefetch0(ahead + 16);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512R2(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector512.Load(b);
            var h = Vector512.Load(b + 16);
            Sse.Prefetch0(ahead);
            Sse.Prefetch0(ahead + 16);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512R3(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector512.Load(b);
            var h = Vector512.Load(b + 16);
            Sse.Prefetch0(ahead);
            Sse.Prefetch0(ahead + 16);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512R4(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector512.Load(b);
            var h = Vector512.Load(b + 16);
            Sse.Prefetch0(ahead);
            Sse.Prefetch0(ahead + 16);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512R5(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector512.Load(b);
            var h = Vector512.Load(b + 16);
            Sse.Prefetch0(ahead);
            Sse.Prefetch0(ahead + 16);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512R6(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector512.Load(b);
            var h = Vector512.Load(b + 16);
            Sse.Prefetch0(ahead);
            Sse.Prefetch0(ahead + 16);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512R7(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        Vector512<float> c6l = default, c6h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector512.Load(b);
            var h = Vector512.Load(b + 16);
            Sse.Prefetch0(ahead);
            Sse.Prefetch0(ahead + 16);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            var x6 = Vector512.Create(a[6]);
            c6l = Vector512.MultiplyAddEstimate(x6, l, c6l);
            c6h = Vector512.MultiplyAddEstimate(x6, h, c6h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
        c6l.Store(c + 6 * Columns);
        c6h.Store(c + 6 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512R8(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        Vector512<float> c6l = default, c6h = default;
        Vector512<float> c7l = default, c7h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector512.Load(b);
            var h = Vector512.Load(b + 16);
            Sse.Prefetch0(ahead);
            Sse.Prefetch0(ahead + 16);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            var x6 = Vector512.Create(a[6]);
            c6l = Vector512.MultiplyAddEstimate(x6, l, c6l);
            c6h = Vector512.MultiplyAddEstimate(x6, h, c6h);
            var x7 = Vector512.Create(a[7]);
            c7l = Vector512.MultiplyAddEstimate(x7, l, c7l);
            c7h = Vector512.MultiplyAddEstimate(x7, h, c7h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
        c6l.Store(c + 6 * Columns);
        c6h.Store(c + 6 * Columns + 16);
        c7l.Store(c + 7 * Columns);
        c7h.Store(c + 7 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512R9(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        Vector512<float> c6l = default, c6h = default;
        Vector512<float> c7l = default, c7h = default;
        Vector512<float> c8l = default, c8h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector512.Load(b);
            var h = Vector512.Load(b + 16);
            Sse.Prefetch0(ahead);
            Sse.Prefetch0(ahead + 16);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            var x6 = Vector512.Create(a[6]);
            c6l = Vector512.MultiplyAddEstimate(x6, l, c6l);
            c6h = Vector512.MultiplyAddEstimate(x6, h, c6h);
            var x7 = Vector512.Create(a[7]);
            c7l = Vector512.MultiplyAddEstimate(x7, l, c7l);
            c7h = Vector512.MultiplyAddEstimate(x7, h, c7h);
            var x8 = Vector512.Create(a[8]);
            c8l = Vector512.MultiplyAddEstimate(x8, l, c8l);
            c8h = Vector512.MultiplyAddEstimate(x8, h, c8h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
        c6l.Store(c + 6 * Columns);
        c6h.Store(c + 6 * Columns + 16);
        c7l.Store(c + 7 * Columns);
        c7h.Store(c + 7 * Columns + 16);
        c8l.Store(c + 8 * Columns);
        c8h.Store(c + 8 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512R10(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        Vector512<float> c6l = default, c6h = default;
        Vector512<float> c7l = default, c7h = default;
        Vector512<float> c8l = default, c8h = default;
        Vector512<float> c9l = default, c9h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector512.Load(b);
            var h = Vector512.Load(b + 16);
            Sse.Prefetch0(ahead);
            Sse.Prefetch0(ahead + 16);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            var x6 = Vector512.Create(a[6]);
            c6l = Vector512.MultiplyAddEstimate(x6, l, c6l);
            c6h = Vector512.MultiplyAddEstimate(x6, h, c6h);
            var x7 = Vector512.Create(a[7]);
            c7l = Vector512.MultiplyAddEstimate(x7, l, c7l);
            c7h = Vector512.MultiplyAddEstimate(x7, h, c7h);
            var x8 = Vector512.Create(a[8]);
            c8l = Vector512.MultiplyAddEstimate(x8, l, c8l);
            c8h = Vector512.MultiplyAddEstimate(x8, h, c8h);
            var x9 = Vector512.Create(a[9]);
            c9l = Vector512.MultiplyAddEstimate(x9, l, c9l);
            c9h = Vector512.MultiplyAddEstimate(x9, h, c9h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
        c6l.Store(c + 6 * Columns);
        c6h.Store(c + 6 * Columns + 16);
        c7l.Store(c + 7 * Columns);
        c7h.Store(c + 7 * Columns + 16);
        c8l.Store(c + 8 * Columns);
        c8h.Store(c + 8 * Columns + 16);
        c9l.Store(c + 9 * Columns);
        c9h.Store(c + 9 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512R11(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        Vector512<float> c6l = default, c6h = default;
        Vector512<float> c7l = default, c7h = default;
        Vector512<float> c8l = default, c8h = default;
        Vector512<float> c9l = default, c9h = default;
        Vector512<float> c10l = default, c10h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector512.Load(b);
            var h = Vector512.Load(b + 16);
            Sse.Prefetch0(ahead);
            Sse.Prefetch0(ahead + 16);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            var x6 = Vector512.Create(a[6]);
            c6l = Vector512.MultiplyAddEstimate(x6, l, c6l);
            c6h = Vector512.MultiplyAddEstimate(x6, h, c6h);
            var x7 = Vector512.Create(a[7]);
            c7l = Vector512.MultiplyAddEstimate(x7, l, c7l);
            c7h = Vector512.MultiplyAddEstimate(x7, h, c7h);
            var x8 = Vector512.Create(a[8]);
            c8l = Vector512.MultiplyAddEstimate(x8, l, c8l);
            c8h = Vector512.MultiplyAddEstimate(x8, h, c8h);
            var x9 = Vector512.Create(a[9]);
            c9l = Vector512.MultiplyAddEstimate(x9, l, c9l);
            c9h = Vector512.MultiplyAddEstimate(x9, h, c9h);
            var x10 = Vector512.Create(a[10]);
            c10l = Vector512.MultiplyAddEstimate(x10, l, c10l);
            c10h = Vector512.MultiplyAddEstimate(x10, h, c10h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
        c6l.Store(c + 6 * Columns);
        c6h.Store(c + 6 * Columns + 16);
        c7l.Store(c + 7 * Columns);
        c7h.Store(c + 7 * Columns + 16);
        c8l.Store(c + 8 * Columns);
        c8h.Store(c + 8 * Columns + 16);
        c9l.Store(c + 9 * Columns);
        c9h.Store(c + 9 * Columns + 16);
        c10l.Store(c + 10 * Columns);
        c10h.Store(c + 10 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512R12(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        Vector512<float> c6l = default, c6h = default;
        Vector512<float> c7l = default, c7h = default;
        Vector512<float> c8l = default, c8h = default;
        Vector512<float> c9l = default, c9h = default;
        Vector512<float> c10l = default, c10h = default;
        Vector512<float> c11l = default, c11h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector512.Load(b);
            var h = Vector512.Load(b + 16);
            Sse.Prefetch0(ahead);
            Sse.Prefetch0(ahead + 16);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            var x6 = Vector512.Create(a[6]);
            c6l = Vector512.MultiplyAddEstimate(x6, l, c6l);
            c6h = Vector512.MultiplyAddEstimate(x6, h, c6h);
            var x7 = Vector512.Create(a[7]);
            c7l = Vector512.MultiplyAddEstimate(x7, l, c7l);
            c7h = Vector512.MultiplyAddEstimate(x7, h, c7h);
            var x8 = Vector512.Create(a[8]);
            c8l = Vector512.MultiplyAddEstimate(x8, l, c8l);
            c8h = Vector512.MultiplyAddEstimate(x8, h, c8h);
            var x9 = Vector512.Create(a[9]);
            c9l = Vector512.MultiplyAddEstimate(x9, l, c9l);
            c9h = Vector512.MultiplyAddEstimate(x9, h, c9h);
            var x10 = Vector512.Create(a[10]);
            c10l = Vector512.MultiplyAddEstimate(x10, l, c10l);
            c10h = Vector512.MultiplyAddEstimate(x10, h, c10h);
            var x11 = Vector512.Create(a[11]);
            c11l = Vector512.MultiplyAddEstimate(x11, l, c11l);
            c11h = Vector512.MultiplyAddEstimate(x11, h, c11h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
        c6l.Store(c + 6 * Columns);
        c6h.Store(c + 6 * Columns + 16);
        c7l.Store(c + 7 * Columns);
        c7h.Store(c + 7 * Columns + 16);
        c8l.Store(c + 8 * Columns);
        c8h.Store(c + 8 * Columns + 16);
        c9l.Store(c + 9 * Columns);
        c9h.Store(c + 9 * Columns + 16);
        c10l.Store(c + 10 * Columns);
        c10h.Store(c + 10 * Columns + 16);
        c11l.Store(c + 11 * Columns);
        c11h.Store(c + 11 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512R13(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        Vector512<float> c6l = default, c6h = default;
        Vector512<float> c7l = default, c7h = default;
        Vector512<float> c8l = default, c8h = default;
        Vector512<float> c9l = default, c9h = default;
        Vector512<float> c10l = default, c10h = default;
        Vector512<float> c11l = default, c11h = default;
        Vector512<float> c12l = default, c12h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector512.Load(b);
            var h = Vector512.Load(b + 16);
            Sse.Prefetch0(ahead);
            Sse.Prefetch0(ahead + 16);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            var x6 = Vector512.Create(a[6]);
            c6l = Vector512.MultiplyAddEstimate(x6, l, c6l);
            c6h = Vector512.MultiplyAddEstimate(x6, h, c6h);
            var x7 = Vector512.Create(a[7]);
            c7l = Vector512.MultiplyAddEstimate(x7, l, c7l);
            c7h = Vector512.MultiplyAddEstimate(x7, h, c7h);
            var x8 = Vector512.Create(a[8]);
            c8l = Vector512.MultiplyAddEstimate(x8, l, c8l);
            c8h = Vector512.MultiplyAddEstimate(x8, h, c8h);
            var x9 = Vector512.Create(a[9]);
            c9l = Vector512.MultiplyAddEstimate(x9, l, c9l);
            c9h = Vector512.MultiplyAddEstimate(x9, h, c9h);
            var x10 = Vector512.Create(a[10]);
            c10l = Vector512.MultiplyAddEstimate(x10, l, c10l);
            c10h = Vector512.MultiplyAddEstimate(x10, h, c10h);
            var x11 = Vector512.Create(a[11]);
            c11l = Vector512.MultiplyAddEstimate(x11, l, c11l);
            c11h = Vector512.MultiplyAddEstimate(x11, h, c11h);
            var x12 = Vector512.Create(a[12]);
            c12l = Vector512.MultiplyAddEstimate(x12, l, c12l);
            c12h = Vector512.MultiplyAddEstimate(x12, h, c12h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
        c6l.Store(c + 6 * Columns);
        c6h.Store(c + 6 * Columns + 16);
        c7l.Store(c + 7 * Columns);
        c7h.Store(c + 7 * Columns + 16);
        c8l.Store(c + 8 * Columns);
        c8h.Store(c + 8 * Columns + 16);
        c9l.Store(c + 9 * Columns);
        c9h.Store(c + 9 * Columns + 16);
        c10l.Store(c + 10 * Columns);
        c10h.Store(c + 10 * Columns + 16);
        c11l.Store(c + 11 * Columns);
        c11h.Store(c + 11 * Columns + 16);
        c12l.Store(c + 12 * Columns);
        c12h.Store(c + 12 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512R14(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        Vector512<float> c6l = default, c6h = default;
        Vector512<float> c7l = default, c7h = default;
        Vector512<float> c8l = default, c8h = default;
        Vector512<float> c9l = default, c9h = default;
        Vector512<float> c10l = default, c10h = default;
        Vector512<float> c11l = default, c11h = default;
        Vector512<float> c12l = default, c12h = default;
        Vector512<float> c13l = default, c13h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector512.Load(b);
            var h = Vector512.Load(b + 16);
            Sse.Prefetch0(ahead);
            Sse.Prefetch0(ahead + 16);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            var x6 = Vector512.Create(a[6]);
            c6l = Vector512.MultiplyAddEstimate(x6, l, c6l);
            c6h = Vector512.MultiplyAddEstimate(x6, h, c6h);
            var x7 = Vector512.Create(a[7]);
            c7l = Vector512.MultiplyAddEstimate(x7, l, c7l);
            c7h = Vector512.MultiplyAddEstimate(x7, h, c7h);
            var x8 = Vector512.Create(a[8]);
            c8l = Vector512.MultiplyAddEstimate(x8, l, c8l);
            c8h = Vector512.MultiplyAddEstimate(x8, h, c8h);
            var x9 = Vector512.Create(a[9]);
            c9l = Vector512.MultiplyAddEstimate(x9, l, c9l);
            c9h = Vector512.MultiplyAddEstimate(x9, h, c9h);
            var x10 = Vector512.Create(a[10]);
            c10l = Vector512.MultiplyAddEstimate(x10, l, c10l);
            c10h = Vector512.MultiplyAddEstimate(x10, h, c10h);
            var x11 = Vector512.Create(a[11]);
            c11l = Vector512.MultiplyAddEstimate(x11, l, c11l);
            c11h = Vector512.MultiplyAddEstimate(x11, h, c11h);
            var x12 = Vector512.Create(a[12]);
            c12l = Vector512.MultiplyAddEstimate(x12, l, c12l);
            c12h = Vector512.MultiplyAddEstimate(x12, h, c12h);
            var x13 = Vector512.Create(a[13]);
            c13l = Vector512.MultiplyAddEstimate(x13, l, c13l);
            c13h = Vector512.MultiplyAddEstimate(x13, h, c13h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
        c6l.Store(c + 6 * Columns);
        c6h.Store(c + 6 * Columns + 16);
        c7l.Store(c + 7 * Columns);
        c7h.Store(c + 7 * Columns + 16);
        c8l.Store(c + 8 * Columns);
        c8h.Store(c + 8 * Columns + 16);
        c9l.Store(c + 9 * Columns);
        c9h.Store(c + 9 * Columns + 16);
        c10l.Store(c + 10 * Columns);
        c10h.Store(c + 10 * Columns + 16);
        c11l.Store(c + 11 * Columns);
        c11h.Store(c + 11 * Columns + 16);
        c12l.Store(c + 12 * Columns);
        c12h.Store(c + 12 * Columns + 16);
        c13l.Store(c + 13 * Columns);
        c13h.Store(c + 13 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V256R1(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector256<float> c0l = default, c0h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector256.Load(b);
            var h = Vector256.Load(b + 8);
            var x0 = Vector256.Create(a[0]);
            c0l = Vector256.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector256.MultiplyAddEstimate(x0, h, c0h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V256R2(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector256<float> c0l = default, c0h = default;
        Vector256<float> c1l = default, c1h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector256.Load(b);
            var h = Vector256.Load(b + 8);
            var x0 = Vector256.Create(a[0]);
            c0l = Vector256.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector256.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector256.Create(a[1]);
            c1l = Vector256.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector256.MultiplyAddEstimate(x1, h, c1h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 8);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V256R3(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector256<float> c0l = default, c0h = default;
        Vector256<float> c1l = default, c1h = default;
        Vector256<float> c2l = default, c2h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector256.Load(b);
            var h = Vector256.Load(b + 8);
            var x0 = Vector256.Create(a[0]);
            c0l = Vector256.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector256.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector256.Create(a[1]);
            c1l = Vector256.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector256.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector256.Create(a[2]);
            c2l = Vector256.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector256.MultiplyAddEstimate(x2, h, c2h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 8);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 8);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V256R4(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector256<float> c0l = default, c0h = default;
        Vector256<float> c1l = default, c1h = default;
        Vector256<float> c2l = default, c2h = default;
        Vector256<float> c3l = default, c3h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector256.Load(b);
            var h = Vector256.Load(b + 8);
            var x0 = Vector256.Create(a[0]);
            c0l = Vector256.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector256.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector256.Create(a[1]);
            c1l = Vector256.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector256.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector256.Create(a[2]);
            c2l = Vector256.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector256.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector256.Create(a[3]);
            c3l = Vector256.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector256.MultiplyAddEstimate(x3, h, c3h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 8);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 8);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 8);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V256R5(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector256<float> c0l = default, c0h = default;
        Vector256<float> c1l = default, c1h = default;
        Vector256<float> c2l = default, c2h = default;
        Vector256<float> c3l = default, c3h = default;
        Vector256<float> c4l = default, c4h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector256.Load(b);
            var h = Vector256.Load(b + 8);
            var x0 = Vector256.Create(a[0]);
            c0l = Vector256.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector256.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector256.Create(a[1]);
            c1l = Vector256.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector256.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector256.Create(a[2]);
            c2l = Vector256.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector256.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector256.Create(a[3]);
            c3l = Vector256.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector256.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector256.Create(a[4]);
            c4l = Vector256.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector256.MultiplyAddEstimate(x4, h, c4h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 8);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 8);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 8);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 8);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V256R6(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector256<float> c0l = default, c0h = default;
        Vector256<float> c1l = default, c1h = default;
        Vector256<float> c2l = default, c2h = default;
        Vector256<float> c3l = default, c3h = default;
        Vector256<float> c4l = default, c4h = default;
        Vector256<float> c5l = default, c5h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector256.Load(b);
            var h = Vector256.Load(b + 8);
            var x0 = Vector256.Create(a[0]);
            c0l = Vector256.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector256.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector256.Create(a[1]);
            c1l = Vector256.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector256.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector256.Create(a[2]);
            c2l = Vector256.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector256.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector256.Create(a[3]);
            c3l = Vector256.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector256.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector256.Create(a[4]);
            c4l = Vector256.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector256.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector256.Create(a[5]);
            c5l = Vector256.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector256.MultiplyAddEstimate(x5, h, c5h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 8);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 8);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 8);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 8);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 8);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V128R1(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector128<float> c0l = default, c0h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector128.Load(b);
            var h = Vector128.Load(b + 4);
            var x0 = Vector128.Create(a[0]);
            c0l = Vector128.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector128.MultiplyAddEstimate(x0, h, c0h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V128R2(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector128<float> c0l = default, c0h = default;
        Vector128<float> c1l = default, c1h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector128.Load(b);
            var h = Vector128.Load(b + 4);
            var x0 = Vector128.Create(a[0]);
            c0l = Vector128.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector128.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector128.Create(a[1]);
            c1l = Vector128.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector128.MultiplyAddEstimate(x1, h, c1h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 4);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V128R3(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector128<float> c0l = default, c0h = default;
        Vector128<float> c1l = default, c1h = default;
        Vector128<float> c2l = default, c2h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector128.Load(b);
            var h = Vector128.Load(b + 4);
            var x0 = Vector128.Create(a[0]);
            c0l = Vector128.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector128.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector128.Create(a[1]);
            c1l = Vector128.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector128.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector128.Create(a[2]);
            c2l = Vector128.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector128.MultiplyAddEstimate(x2, h, c2h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 4);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 4);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V128R4(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector128<float> c0l = default, c0h = default;
        Vector128<float> c1l = default, c1h = default;
        Vector128<float> c2l = default, c2h = default;
        Vector128<float> c3l = default, c3h = default;
        for (nint i = 0; i < k; i++)
        {
            var l = Vector128.Load(b);
            var h = Vector128.Load(b + 4);
            var x0 = Vector128.Create(a[0]);
            c0l = Vector128.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector128.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector128.Create(a[1]);
            c1l = Vector128.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector128.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector128.Create(a[2]);
            c2l = Vector128.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector128.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector128.Create(a[3]);
            c3l = Vector128.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector128.MultiplyAddEstimate(x3, h, c3h);
            a += stride;
            b += Columns;
        }

        c0l.Store(c);
        c0h.Store(c + 4);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 4);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 4);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void H512R1(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        for (nint i = 0; i < k; i++)
        {
            var both = Vector512.Load((uint*)b);
            var l = Vector512.ShiftLeft(both, 16).AsSingle();
            var h = (both & Vector512.Create(0xffff0000u)).AsSingle();
            Sse.Prefetch0(ahead);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            a += stride;
            b += Columns / 2;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void H512R2(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        for (nint i = 0; i < k; i++)
        {
            var both = Vector512.Load((uint*)b);
            var l = Vector512.ShiftLeft(both, 16).AsSingle();
            var h = (both & Vector512.Create(0xffff0000u)).AsSingle();
            Sse.Prefetch0(ahead);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            a += stride;
            b += Columns / 2;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void H512R3(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        for (nint i = 0; i < k; i++)
        {
            var both = Vector512.Load((uint*)b);
            var l = Vector512.ShiftLeft(both, 16).AsSingle();
            var h = (both & Vector512.Create(0xffff0000u)).AsSingle();
            Sse.Prefetch0(ahead);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            a += stride;
            b += Columns / 2;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void H512R4(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        for (nint i = 0; i < k; i++)
        {
            var both = Vector512.Load((uint*)b);
            var l = Vector512.ShiftLeft(both, 16).AsSingle();
            var h = (both & Vector512.Create(0xffff0000u)).AsSingle();
            Sse.Prefetch0(ahead);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            a += stride;
            b += Columns / 2;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void H512R5(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        for (nint i = 0; i < k; i++)
        {
            var both = Vector512.Load((uint*)b);
            var l = Vector512.ShiftLeft(both, 16).AsSingle();
            var h = (both & Vector512.Create(0xffff0000u)).AsSingle();
            Sse.Prefetch0(ahead);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            a += stride;
            b += Columns / 2;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void H512R6(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        for (nint i = 0; i < k; i++)
        {
            var both = Vector512.Load((uint*)b);
            var l = Vector512.ShiftLeft(both, 16).AsSingle();
            var h = (both & Vector512.Create(0xffff0000u)).AsSingle();
            Sse.Prefetch0(ahead);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            a += stride;
            b += Columns / 2;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void H512R7(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        Vector512<float> c6l = default, c6h = default;
        for (nint i = 0; i < k; i++)
        {
            var both = Vector512.Load((uint*)b);
            var l = Vector512.ShiftLeft(both, 16).AsSingle();
            var h = (both & Vector512.Create(0xffff0000u)).AsSingle();
            Sse.Prefetch0(ahead);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            var x6 = Vector512.Create(a[6]);
            c6l = Vector512.MultiplyAddEstimate(x6, l, c6l);
            c6h = Vector512.MultiplyAddEstimate(x6, h, c6h);
            a += stride;
            b += Columns / 2;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
        c6l.Store(c + 6 * Columns);
        c6h.Store(c + 6 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void H512R8(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        Vector512<float> c6l = default, c6h = default;
        Vector512<float> c7l = default, c7h = default;
        for (nint i = 0; i < k; i++)
        {
            var both = Vector512.Load((uint*)b);
            var l = Vector512.ShiftLeft(both, 16).AsSingle();
            var h = (both & Vector512.Create(0xffff0000u)).AsSingle();
            Sse.Prefetch0(ahead);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            var x6 = Vector512.Create(a[6]);
            c6l = Vector512.MultiplyAddEstimate(x6, l, c6l);
            c6h = Vector512.MultiplyAddEstimate(x6, h, c6h);
            var x7 = Vector512.Create(a[7]);
            c7l = Vector512.MultiplyAddEstimate(x7, l, c7l);
            c7h = Vector512.MultiplyAddEstimate(x7, h, c7h);
            a += stride;
            b += Columns / 2;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
        c6l.Store(c + 6 * Columns);
        c6h.Store(c + 6 * Columns + 16);
        c7l.Store(c + 7 * Columns);
        c7h.Store(c + 7 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void H512R9(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        Vector512<float> c6l = default, c6h = default;
        Vector512<float> c7l = default, c7h = default;
        Vector512<float> c8l = default, c8h = default;
        for (nint i = 0; i < k; i++)
        {
            var both = Vector512.Load((uint*)b);
            var l = Vector512.ShiftLeft(both, 16).AsSingle();
            var h = (both & Vector512.Create(0xffff0000u)).AsSingle();
            Sse.Prefetch0(ahead);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            var x6 = Vector512.Create(a[6]);
            c6l = Vector512.MultiplyAddEstimate(x6, l, c6l);
            c6h = Vector512.MultiplyAddEstimate(x6, h, c6h);
            var x7 = Vector512.Create(a[7]);
            c7l = Vector512.MultiplyAddEstimate(x7, l, c7l);
            c7h = Vector512.MultiplyAddEstimate(x7, h, c7h);
            var x8 = Vector512.Create(a[8]);
            c8l = Vector512.MultiplyAddEstimate(x8, l, c8l);
            c8h = Vector512.MultiplyAddEstimate(x8, h, c8h);
            a += stride;
            b += Columns / 2;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
        c6l.Store(c + 6 * Columns);
        c6h.Store(c + 6 * Columns + 16);
        c7l.Store(c + 7 * Columns);
        c7h.Store(c + 7 * Columns + 16);
        c8l.Store(c + 8 * Columns);
        c8h.Store(c + 8 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void H512R10(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        Vector512<float> c6l = default, c6h = default;
        Vector512<float> c7l = default, c7h = default;
        Vector512<float> c8l = default, c8h = default;
        Vector512<float> c9l = default, c9h = default;
        for (nint i = 0; i < k; i++)
        {
            var both = Vector512.Load((uint*)b);
            var l = Vector512.ShiftLeft(both, 16).AsSingle();
            var h = (both & Vector512.Create(0xffff0000u)).AsSingle();
            Sse.Prefetch0(ahead);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            var x6 = Vector512.Create(a[6]);
            c6l = Vector512.MultiplyAddEstimate(x6, l, c6l);
            c6h = Vector512.MultiplyAddEstimate(x6, h, c6h);
            var x7 = Vector512.Create(a[7]);
            c7l = Vector512.MultiplyAddEstimate(x7, l, c7l);
            c7h = Vector512.MultiplyAddEstimate(x7, h, c7h);
            var x8 = Vector512.Create(a[8]);
            c8l = Vector512.MultiplyAddEstimate(x8, l, c8l);
            c8h = Vector512.MultiplyAddEstimate(x8, h, c8h);
            var x9 = Vector512.Create(a[9]);
            c9l = Vector512.MultiplyAddEstimate(x9, l, c9l);
            c9h = Vector512.MultiplyAddEstimate(x9, h, c9h);
            a += stride;
            b += Columns / 2;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
        c6l.Store(c + 6 * Columns);
        c6h.Store(c + 6 * Columns + 16);
        c7l.Store(c + 7 * Columns);
        c7h.Store(c + 7 * Columns + 16);
        c8l.Store(c + 8 * Columns);
        c8h.Store(c + 8 * Columns + 16);
        c9l.Store(c + 9 * Columns);
        c9h.Store(c + 9 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void H512R11(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        Vector512<float> c6l = default, c6h = default;
        Vector512<float> c7l = default, c7h = default;
        Vector512<float> c8l = default, c8h = default;
        Vector512<float> c9l = default, c9h = default;
        Vector512<float> c10l = default, c10h = default;
        for (nint i = 0; i < k; i++)
        {
            var both = Vector512.Load((uint*)b);
            var l = Vector512.ShiftLeft(both, 16).AsSingle();
            var h = (both & Vector512.Create(0xffff0000u)).AsSingle();
            Sse.Prefetch0(ahead);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            var x6 = Vector512.Create(a[6]);
            c6l = Vector512.MultiplyAddEstimate(x6, l, c6l);
            c6h = Vector512.MultiplyAddEstimate(x6, h, c6h);
            var x7 = Vector512.Create(a[7]);
            c7l = Vector512.MultiplyAddEstimate(x7, l, c7l);
            c7h = Vector512.MultiplyAddEstimate(x7, h, c7h);
            var x8 = Vector512.Create(a[8]);
            c8l = Vector512.MultiplyAddEstimate(x8, l, c8l);
            c8h = Vector512.MultiplyAddEstimate(x8, h, c8h);
            var x9 = Vector512.Create(a[9]);
            c9l = Vector512.MultiplyAddEstimate(x9, l, c9l);
            c9h = Vector512.MultiplyAddEstimate(x9, h, c9h);
            var x10 = Vector512.Create(a[10]);
            c10l = Vector512.MultiplyAddEstimate(x10, l, c10l);
            c10h = Vector512.MultiplyAddEstimate(x10, h, c10h);
            a += stride;
            b += Columns / 2;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
        c6l.Store(c + 6 * Columns);
        c6h.Store(c + 6 * Columns + 16);
        c7l.Store(c + 7 * Columns);
        c7h.Store(c + 7 * Columns + 16);
        c8l.Store(c + 8 * Columns);
        c8h.Store(c + 8 * Columns + 16);
        c9l.Store(c + 9 * Columns);
        c9h.Store(c + 9 * Columns + 16);
        c10l.Store(c + 10 * Columns);
        c10h.Store(c + 10 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void H512R12(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        Vector512<float> c6l = default, c6h = default;
        Vector512<float> c7l = default, c7h = default;
        Vector512<float> c8l = default, c8h = default;
        Vector512<float> c9l = default, c9h = default;
        Vector512<float> c10l = default, c10h = default;
        Vector512<float> c11l = default, c11h = default;
        for (nint i = 0; i < k; i++)
        {
            var both = Vector512.Load((uint*)b);
            var l = Vector512.ShiftLeft(both, 16).AsSingle();
            var h = (both & Vector512.Create(0xffff0000u)).AsSingle();
            Sse.Prefetch0(ahead);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            var x6 = Vector512.Create(a[6]);
            c6l = Vector512.MultiplyAddEstimate(x6, l, c6l);
            c6h = Vector512.MultiplyAddEstimate(x6, h, c6h);
            var x7 = Vector512.Create(a[7]);
            c7l = Vector512.MultiplyAddEstimate(x7, l, c7l);
            c7h = Vector512.MultiplyAddEstimate(x7, h, c7h);
            var x8 = Vector512.Create(a[8]);
            c8l = Vector512.MultiplyAddEstimate(x8, l, c8l);
            c8h = Vector512.MultiplyAddEstimate(x8, h, c8h);
            var x9 = Vector512.Create(a[9]);
            c9l = Vector512.MultiplyAddEstimate(x9, l, c9l);
            c9h = Vector512.MultiplyAddEstimate(x9, h, c9h);
            var x10 = Vector512.Create(a[10]);
            c10l = Vector512.MultiplyAddEstimate(x10, l, c10l);
            c10h = Vector512.MultiplyAddEstimate(x10, h, c10h);
            var x11 = Vector512.Create(a[11]);
            c11l = Vector512.MultiplyAddEstimate(x11, l, c11l);
            c11h = Vector512.MultiplyAddEstimate(x11, h, c11h);
            a += stride;
            b += Columns / 2;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
        c6l.Store(c + 6 * Columns);
        c6h.Store(c + 6 * Columns + 16);
        c7l.Store(c + 7 * Columns);
        c7h.Store(c + 7 * Columns + 16);
        c8l.Store(c + 8 * Columns);
        c8h.Store(c + 8 * Columns + 16);
        c9l.Store(c + 9 * Columns);
        c9h.Store(c + 9 * Columns + 16);
        c10l.Store(c + 10 * Columns);
        c10h.Store(c + 10 * Columns + 16);
        c11l.Store(c + 11 * Columns);
        c11h.Store(c + 11 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void H512R13(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        Vector512<float> c6l = default, c6h = default;
        Vector512<float> c7l = default, c7h = default;
        Vector512<float> c8l = default, c8h = default;
        Vector512<float> c9l = default, c9h = default;
        Vector512<float> c10l = default, c10h = default;
        Vector512<float> c11l = default, c11h = default;
        Vector512<float> c12l = default, c12h = default;
        for (nint i = 0; i < k; i++)
        {
            var both = Vector512.Load((uint*)b);
            var l = Vector512.ShiftLeft(both, 16).AsSingle();
            var h = (both & Vector512.Create(0xffff0000u)).AsSingle();
            Sse.Prefetch0(ahead);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            var x6 = Vector512.Create(a[6]);
            c6l = Vector512.MultiplyAddEstimate(x6, l, c6l);
            c6h = Vector512.MultiplyAddEstimate(x6, h, c6h);
            var x7 = Vector512.Create(a[7]);
            c7l = Vector512.MultiplyAddEstimate(x7, l, c7l);
            c7h = Vector512.MultiplyAddEstimate(x7, h, c7h);
            var x8 = Vector512.Create(a[8]);
            c8l = Vector512.MultiplyAddEstimate(x8, l, c8l);
            c8h = Vector512.MultiplyAddEstimate(x8, h, c8h);
            var x9 = Vector512.Create(a[9]);
            c9l = Vector512.MultiplyAddEstimate(x9, l, c9l);
            c9h = Vector512.MultiplyAddEstimate(x9, h, c9h);
            var x10 = Vector512.Create(a[10]);
            c10l = Vector512.MultiplyAddEstimate(x10, l, c10l);
            c10h = Vector512.MultiplyAddEstimate(x10, h, c10h);
            var x11 = Vector512.Create(a[11]);
            c11l = Vector512.MultiplyAddEstimate(x11, l, c11l);
            c11h = Vector512.MultiplyAddEstimate(x11, h, c11h);
            var x12 = Vector512.Create(a[12]);
            c12l = Vector512.MultiplyAddEstimate(x12, l, c12l);
            c12h = Vector512.MultiplyAddEstimate(x12, h, c12h);
            a += stride;
            b += Columns / 2;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
        c6l.Store(c + 6 * Columns);
        c6h.Store(c + 6 * Columns + 16);
        c7l.Store(c + 7 * Columns);
        c7h.Store(c + 7 * Columns + 16);
        c8l.Store(c + 8 * Columns);
        c8h.Store(c + 8 * Columns + 16);
        c9l.Store(c + 9 * Columns);
        c9h.Store(c + 9 * Columns + 16);
        c10l.Store(c + 10 * Columns);
        c10h.Store(c + 10 * Columns + 16);
        c11l.Store(c + 11 * Columns);
        c11h.Store(c + 11 * Columns + 16);
        c12l.Store(c + 12 * Columns);
        c12h.Store(c + 12 * Columns + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void H512R14(float* a, nint stride, float* b, nint k, float* c, float* ahead, nint step)
    {
        Vector512<float> c0l = default, c0h = default;
        Vector512<float> c1l = default, c1h = default;
        Vector512<float> c2l = default, c2h = default;
        Vector512<float> c3l = default, c3h = default;
        Vector512<float> c4l = default, c4h = default;
        Vector512<float> c5l = default, c5h = default;
        Vector512<float> c6l = default, c6h = default;
        Vector512<float> c7l = default, c7h = default;
        Vector512<float> c8l = default, c8h = default;
        Vector512<float> c9l = default, c9h = default;
        Vector512<float> c10l = default, c10h = default;
        Vector512<float> c11l = default, c11h = default;
        Vector512<float> c12l = default, c12h = default;
        Vector512<float> c13l = default, c13h = default;
        for (nint i = 0; i < k; i++)
        {
            var both = Vector512.Load((uint*)b);
            var l = Vector512.ShiftLeft(both, 16).AsSingle();
            var h = (both & Vector512.Create(0xffff0000u)).AsSingle();
            Sse.Prefetch0(ahead);
            ahead += step;
            var x0 = Vector512.Create(a[0]);
            c0l = Vector512.MultiplyAddEstimate(x0, l, c0l);
            c0h = Vector512.MultiplyAddEstimate(x0, h, c0h);
            var x1 = Vector512.Create(a[1]);
            c1l = Vector512.MultiplyAddEstimate(x1, l, c1l);
            c1h = Vector512.MultiplyAddEstimate(x1, h, c1h);
            var x2 = Vector512.Create(a[2]);
            c2l = Vector512.MultiplyAddEstimate(x2, l, c2l);
            c2h = Vector512.MultiplyAddEstimate(x2, h, c2h);
            var x3 = Vector512.Create(a[3]);
            c3l = Vector512.MultiplyAddEstimate(x3, l, c3l);
            c3h = Vector512.MultiplyAddEstimate(x3, h, c3h);
            var x4 = Vector512.Create(a[4]);
            c4l = Vector512.MultiplyAddEstimate(x4, l, c4l);
            c4h = Vector512.MultiplyAddEstimate(x4, h, c4h);
            var x5 = Vector512.Create(a[5]);
            c5l = Vector512.MultiplyAddEstimate(x5, l, c5l);
            c5h = Vector512.MultiplyAddEstimate(x5, h, c5h);
            var x6 = Vector512.Create(a[6]);
            c6l = Vector512.MultiplyAddEstimate(x6, l, c6l);
            c6h = Vector512.MultiplyAddEstimate(x6, h, c6h);
            var x7 = Vector512.Create(a[7]);
            c7l = Vector512.MultiplyAddEstimate(x7, l, c7l);
            c7h = Vector512.MultiplyAddEstimate(x7, h, c7h);
            var x8 = Vector512.Create(a[8]);
            c8l = Vector512.MultiplyAddEstimate(x8, l, c8l);
            c8h = Vector512.MultiplyAddEstimate(x8, h, c8h);
            var x9 = Vector512.Create(a[9]);
            c9l = Vector512.MultiplyAddEstimate(x9, l, c9l);
            c9h = Vector512.MultiplyAddEstimate(x9, h, c9h);
            var x10 = Vector512.Create(a[10]);
            c10l = Vector512.MultiplyAddEstimate(x10, l, c10l);
            c10h = Vector512.MultiplyAddEstimate(x10, h, c10h);
            var x11 = Vector512.Create(a[11]);
            c11l = Vector512.MultiplyAddEstimate(x11, l, c11l);
            c11h = Vector512.MultiplyAddEstimate(x11, h, c11h);
            var x12 = Vector512.Create(a[12]);
            c12l = Vector512.MultiplyAddEstimate(x12, l, c12l);
            c12h = Vector512.MultiplyAddEstimate(x12, h, c12h);
            var x13 = Vector512.Create(a[13]);
            c13l = Vector512.MultiplyAddEstimate(x13, l, c13l);
            c13h = Vector512.MultiplyAddEstimate(x13, h, c13h);
            a += stride;
            b += Columns / 2;
        }

        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Columns);
        c1h.Store(c + 1 * Columns + 16);
        c2l.Store(c + 2 * Columns);
        c2h.Store(c + 2 * Columns + 16);
        c3l.Store(c + 3 * Columns);
        c3h.Store(c + 3 * Columns + 16);
        c4l.Store(c + 4 * Columns);
        c4h.Store(c + 4 * Columns + 16);
        c5l.Store(c + 5 * Columns);
        c5h.Store(c + 5 * Columns + 16);
        c6l.Store(c + 6 * Columns);
        c6h.Store(c + 6 * Columns + 16);
        c7l.Store(c + 7 * Columns);
        c7h.Store(c + 7 * Columns + 16);
        c8l.Store(c + 8 * Columns);
        c8h.Store(c + 8 * Columns + 16);
        c9l.Store(c + 9 * Columns);
        c9h.Store(c + 9 * Columns + 16);
        c10l.Store(c + 10 * Columns);
        c10h.Store(c + 10 * Columns + 16);
        c11l.Store(c + 11 * Columns);
        c11h.Store(c + 11 * Columns + 16);
        c12l.Store(c + 12 * Columns);
        c12h.Store(c + 12 * Columns + 16);
        c13l.Store(c + 13 * Columns);
        c13h.Store(c + 13 * Columns + 16);
    }
}
