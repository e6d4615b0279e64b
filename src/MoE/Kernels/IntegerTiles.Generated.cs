// Written by build/GenerateTiles.cs; change that, not this.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MoE;

/// <summary>Integer tiles of 16 columns: for each block of 32 inputs an exact integer product, times both scales, added up in single precision in the order of the blocks.</summary>
internal static unsafe partial class IntegerTiles
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int8R1(sbyte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f0l = default, f0h = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Sse.Prefetch0(w + Distance + 256);
            Sse.Prefetch0(w + Distance + 320);
            Sse.Prefetch0(w + Distance + 384);
            Sse.Prefetch0(w + Distance + 448);
            var i0l = Vector256.Create(sums[0]);
            var i0h = i0l;
            for (int g = 0; g < 8; g++)
            {
                var l = Vector256.Load(w + 64 * g);
                var h = Vector256.Load(w + 64 * g + 32);
                var x0 = Vector256.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, l, x0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, h, x0);
            }

            var sl = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s), 16).AsSingle();
            var sh = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s + 8), 16).AsSingle();
            var z0 = Vector256.Create(scales[0]);
            f0l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0l), sl * z0, f0l);
            f0h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0h), sh * z0, f0h);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f0l.Store(c + 0);
        f0h.Store(c + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int8R2(sbyte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f0l = default, f0h = default;
        Vector256<float> f1l = default, f1h = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Sse.Prefetch0(w + Distance + 256);
            Sse.Prefetch0(w + Distance + 320);
            Sse.Prefetch0(w + Distance + 384);
            Sse.Prefetch0(w + Distance + 448);
            var i0l = Vector256.Create(sums[0]);
            var i0h = i0l;
            var i1l = Vector256.Create(sums[1]);
            var i1h = i1l;
            for (int g = 0; g < 8; g++)
            {
                var l = Vector256.Load(w + 64 * g);
                var h = Vector256.Load(w + 64 * g + 32);
                var x0 = Vector256.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, l, x0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, h, x0);
                var x1 = Vector256.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                i1l = AvxVnni.MultiplyWideningAndAdd(i1l, l, x1);
                i1h = AvxVnni.MultiplyWideningAndAdd(i1h, h, x1);
            }

            var sl = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s), 16).AsSingle();
            var sh = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s + 8), 16).AsSingle();
            var z0 = Vector256.Create(scales[0]);
            f0l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0l), sl * z0, f0l);
            f0h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0h), sh * z0, f0h);
            var z1 = Vector256.Create(scales[1]);
            f1l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1l), sl * z1, f1l);
            f1h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1h), sh * z1, f1h);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f0l.Store(c + 0);
        f0h.Store(c + 8);
        f1l.Store(c + 32);
        f1h.Store(c + 40);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int8R3(sbyte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f0l = default, f0h = default;
        Vector256<float> f1l = default, f1h = default;
        Vector256<float> f2l = default, f2h = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Sse.Prefetch0(w + Distance + 256);
            Sse.Prefetch0(w + Distance + 320);
            Sse.Prefetch0(w + Distance + 384);
            Sse.Prefetch0(w + Distance + 448);
            var i0l = Vector256.Create(sums[0]);
            var i0h = i0l;
            var i1l = Vector256.Create(sums[1]);
            var i1h = i1l;
            var i2l = Vector256.Create(sums[2]);
            var i2h = i2l;
            for (int g = 0; g < 8; g++)
            {
                var l = Vector256.Load(w + 64 * g);
                var h = Vector256.Load(w + 64 * g + 32);
                var x0 = Vector256.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, l, x0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, h, x0);
                var x1 = Vector256.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                i1l = AvxVnni.MultiplyWideningAndAdd(i1l, l, x1);
                i1h = AvxVnni.MultiplyWideningAndAdd(i1h, h, x1);
                var x2 = Vector256.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                i2l = AvxVnni.MultiplyWideningAndAdd(i2l, l, x2);
                i2h = AvxVnni.MultiplyWideningAndAdd(i2h, h, x2);
            }

            var sl = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s), 16).AsSingle();
            var sh = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s + 8), 16).AsSingle();
            var z0 = Vector256.Create(scales[0]);
            f0l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0l), sl * z0, f0l);
            f0h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0h), sh * z0, f0h);
            var z1 = Vector256.Create(scales[1]);
            f1l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1l), sl * z1, f1l);
            f1h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1h), sh * z1, f1h);
            var z2 = Vector256.Create(scales[2]);
            f2l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i2l), sl * z2, f2l);
            f2h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i2h), sh * z2, f2h);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f0l.Store(c + 0);
        f0h.Store(c + 8);
        f1l.Store(c + 32);
        f1h.Store(c + 40);
        f2l.Store(c + 64);
        f2h.Store(c + 72);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int8R4(sbyte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f0l = default, f0h = default;
        Vector256<float> f1l = default, f1h = default;
        Vector256<float> f2l = default, f2h = default;
        Vector256<float> f3l = default, f3h = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Sse.Prefetch0(w + Distance + 256);
            Sse.Prefetch0(w + Distance + 320);
            Sse.Prefetch0(w + Distance + 384);
            Sse.Prefetch0(w + Distance + 448);
            var i0l = Vector256.Create(sums[0]);
            var i0h = i0l;
            var i1l = Vector256.Create(sums[1]);
            var i1h = i1l;
            var i2l = Vector256.Create(sums[2]);
            var i2h = i2l;
            var i3l = Vector256.Create(sums[3]);
            var i3h = i3l;
            for (int g = 0; g < 8; g++)
            {
                var l = Vector256.Load(w + 64 * g);
                var h = Vector256.Load(w + 64 * g + 32);
                var x0 = Vector256.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, l, x0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, h, x0);
                var x1 = Vector256.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                i1l = AvxVnni.MultiplyWideningAndAdd(i1l, l, x1);
                i1h = AvxVnni.MultiplyWideningAndAdd(i1h, h, x1);
                var x2 = Vector256.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                i2l = AvxVnni.MultiplyWideningAndAdd(i2l, l, x2);
                i2h = AvxVnni.MultiplyWideningAndAdd(i2h, h, x2);
                var x3 = Vector256.Create(*(int*)(a + 96 + 4 * g)).AsSByte();
                i3l = AvxVnni.MultiplyWideningAndAdd(i3l, l, x3);
                i3h = AvxVnni.MultiplyWideningAndAdd(i3h, h, x3);
            }

            var sl = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s), 16).AsSingle();
            var sh = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s + 8), 16).AsSingle();
            var z0 = Vector256.Create(scales[0]);
            f0l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0l), sl * z0, f0l);
            f0h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0h), sh * z0, f0h);
            var z1 = Vector256.Create(scales[1]);
            f1l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1l), sl * z1, f1l);
            f1h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1h), sh * z1, f1h);
            var z2 = Vector256.Create(scales[2]);
            f2l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i2l), sl * z2, f2l);
            f2h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i2h), sh * z2, f2h);
            var z3 = Vector256.Create(scales[3]);
            f3l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i3l), sl * z3, f3l);
            f3h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i3h), sh * z3, f3h);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f0l.Store(c + 0);
        f0h.Store(c + 8);
        f1l.Store(c + 32);
        f1h.Store(c + 40);
        f2l.Store(c + 64);
        f2h.Store(c + 72);
        f3l.Store(c + 96);
        f3h.Store(c + 104);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int8R5(sbyte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f0l = default, f0h = default;
        Vector256<float> f1l = default, f1h = default;
        Vector256<float> f2l = default, f2h = default;
        Vector256<float> f3l = default, f3h = default;
        Vector256<float> f4l = default, f4h = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Sse.Prefetch0(w + Distance + 256);
            Sse.Prefetch0(w + Distance + 320);
            Sse.Prefetch0(w + Distance + 384);
            Sse.Prefetch0(w + Distance + 448);
            var i0l = Vector256.Create(sums[0]);
            var i0h = i0l;
            var i1l = Vector256.Create(sums[1]);
            var i1h = i1l;
            var i2l = Vector256.Create(sums[2]);
            var i2h = i2l;
            var i3l = Vector256.Create(sums[3]);
            var i3h = i3l;
            var i4l = Vector256.Create(sums[4]);
            var i4h = i4l;
            for (int g = 0; g < 8; g++)
            {
                var l = Vector256.Load(w + 64 * g);
                var h = Vector256.Load(w + 64 * g + 32);
                var x0 = Vector256.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, l, x0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, h, x0);
                var x1 = Vector256.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                i1l = AvxVnni.MultiplyWideningAndAdd(i1l, l, x1);
                i1h = AvxVnni.MultiplyWideningAndAdd(i1h, h, x1);
                var x2 = Vector256.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                i2l = AvxVnni.MultiplyWideningAndAdd(i2l, l, x2);
                i2h = AvxVnni.MultiplyWideningAndAdd(i2h, h, x2);
                var x3 = Vector256.Create(*(int*)(a + 96 + 4 * g)).AsSByte();
                i3l = AvxVnni.MultiplyWideningAndAdd(i3l, l, x3);
                i3h = AvxVnni.MultiplyWideningAndAdd(i3h, h, x3);
                var x4 = Vector256.Create(*(int*)(a + 128 + 4 * g)).AsSByte();
                i4l = AvxVnni.MultiplyWideningAndAdd(i4l, l, x4);
                i4h = AvxVnni.MultiplyWideningAndAdd(i4h, h, x4);
            }

            var sl = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s), 16).AsSingle();
            var sh = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s + 8), 16).AsSingle();
            var z0 = Vector256.Create(scales[0]);
            f0l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0l), sl * z0, f0l);
            f0h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0h), sh * z0, f0h);
            var z1 = Vector256.Create(scales[1]);
            f1l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1l), sl * z1, f1l);
            f1h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1h), sh * z1, f1h);
            var z2 = Vector256.Create(scales[2]);
            f2l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i2l), sl * z2, f2l);
            f2h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i2h), sh * z2, f2h);
            var z3 = Vector256.Create(scales[3]);
            f3l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i3l), sl * z3, f3l);
            f3h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i3h), sh * z3, f3h);
            var z4 = Vector256.Create(scales[4]);
            f4l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i4l), sl * z4, f4l);
            f4h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i4h), sh * z4, f4h);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f0l.Store(c + 0);
        f0h.Store(c + 8);
        f1l.Store(c + 32);
        f1h.Store(c + 40);
        f2l.Store(c + 64);
        f2h.Store(c + 72);
        f3l.Store(c + 96);
        f3h.Store(c + 104);
        f4l.Store(c + 128);
        f4h.Store(c + 136);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int8R6(sbyte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f0l = default, f0h = default;
        Vector256<float> f1l = default, f1h = default;
        Vector256<float> f2l = default, f2h = default;
        Vector256<float> f3l = default, f3h = default;
        Vector256<float> f4l = default, f4h = default;
        Vector256<float> f5l = default, f5h = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Sse.Prefetch0(w + Distance + 256);
            Sse.Prefetch0(w + Distance + 320);
            Sse.Prefetch0(w + Distance + 384);
            Sse.Prefetch0(w + Distance + 448);
            var i0l = Vector256.Create(sums[0]);
            var i0h = i0l;
            var i1l = Vector256.Create(sums[1]);
            var i1h = i1l;
            var i2l = Vector256.Create(sums[2]);
            var i2h = i2l;
            var i3l = Vector256.Create(sums[3]);
            var i3h = i3l;
            var i4l = Vector256.Create(sums[4]);
            var i4h = i4l;
            var i5l = Vector256.Create(sums[5]);
            var i5h = i5l;
            for (int g = 0; g < 8; g++)
            {
                var l = Vector256.Load(w + 64 * g);
                var h = Vector256.Load(w + 64 * g + 32);
                var x0 = Vector256.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, l, x0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, h, x0);
                var x1 = Vector256.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                i1l = AvxVnni.MultiplyWideningAndAdd(i1l, l, x1);
                i1h = AvxVnni.MultiplyWideningAndAdd(i1h, h, x1);
                var x2 = Vector256.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                i2l = AvxVnni.MultiplyWideningAndAdd(i2l, l, x2);
                i2h = AvxVnni.MultiplyWideningAndAdd(i2h, h, x2);
                var x3 = Vector256.Create(*(int*)(a + 96 + 4 * g)).AsSByte();
                i3l = AvxVnni.MultiplyWideningAndAdd(i3l, l, x3);
                i3h = AvxVnni.MultiplyWideningAndAdd(i3h, h, x3);
                var x4 = Vector256.Create(*(int*)(a + 128 + 4 * g)).AsSByte();
                i4l = AvxVnni.MultiplyWideningAndAdd(i4l, l, x4);
                i4h = AvxVnni.MultiplyWideningAndAdd(i4h, h, x4);
                var x5 = Vector256.Create(*(int*)(a + 160 + 4 * g)).AsSByte();
                i5l = AvxVnni.MultiplyWideningAndAdd(i5l, l, x5);
                i5h = AvxVnni.MultiplyWideningAndAdd(i5h, h, x5);
            }

            var sl = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s), 16).AsSingle();
            var sh = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s + 8), 16).AsSingle();
            var z0 = Vector256.Create(scales[0]);
            f0l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0l), sl * z0, f0l);
            f0h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0h), sh * z0, f0h);
            var z1 = Vector256.Create(scales[1]);
            f1l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1l), sl * z1, f1l);
            f1h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1h), sh * z1, f1h);
            var z2 = Vector256.Create(scales[2]);
            f2l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i2l), sl * z2, f2l);
            f2h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i2h), sh * z2, f2h);
            var z3 = Vector256.Create(scales[3]);
            f3l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i3l), sl * z3, f3l);
            f3h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i3h), sh * z3, f3h);
            var z4 = Vector256.Create(scales[4]);
            f4l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i4l), sl * z4, f4l);
            f4h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i4h), sh * z4, f4h);
            var z5 = Vector256.Create(scales[5]);
            f5l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i5l), sl * z5, f5l);
            f5h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i5h), sh * z5, f5h);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f0l.Store(c + 0);
        f0h.Store(c + 8);
        f1l.Store(c + 32);
        f1h.Store(c + 40);
        f2l.Store(c + 64);
        f2h.Store(c + 72);
        f3l.Store(c + 96);
        f3h.Store(c + 104);
        f4l.Store(c + 128);
        f4h.Store(c + 136);
        f5l.Store(c + 160);
        f5h.Store(c + 168);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int4R1(sbyte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f0l = default, f0h = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            var i0l = Vector256.Create(sums[0]);
            var i0h = i0l;
            for (int g = 0; g < 4; g++)
            {
                var l = Vector256.Load(w + 64 * g);
                var h = Vector256.Load(w + 64 * g + 32);
                var ll = l & Vector256.Create((byte)15);
                var hl = h & Vector256.Create((byte)15);
                l = Vector256.ShiftRightLogical(l.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15);
                h = Vector256.ShiftRightLogical(h.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15);
                var y0 = Vector256.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, ll, y0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, hl, y0);
                var x0 = Vector256.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, l, x0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, h, x0);
            }

            var sl = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s), 16).AsSingle();
            var sh = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s + 8), 16).AsSingle();
            var z0 = Vector256.Create(scales[0]);
            f0l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0l), sl * z0, f0l);
            f0h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0h), sh * z0, f0h);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f0l.Store(c + 0);
        f0h.Store(c + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int4R2(sbyte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f0l = default, f0h = default;
        Vector256<float> f1l = default, f1h = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            var i0l = Vector256.Create(sums[0]);
            var i0h = i0l;
            var i1l = Vector256.Create(sums[1]);
            var i1h = i1l;
            for (int g = 0; g < 4; g++)
            {
                var l = Vector256.Load(w + 64 * g);
                var h = Vector256.Load(w + 64 * g + 32);
                var ll = l & Vector256.Create((byte)15);
                var hl = h & Vector256.Create((byte)15);
                l = Vector256.ShiftRightLogical(l.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15);
                h = Vector256.ShiftRightLogical(h.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15);
                var y0 = Vector256.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, ll, y0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, hl, y0);
                var x0 = Vector256.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, l, x0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, h, x0);
                var y1 = Vector256.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                i1l = AvxVnni.MultiplyWideningAndAdd(i1l, ll, y1);
                i1h = AvxVnni.MultiplyWideningAndAdd(i1h, hl, y1);
                var x1 = Vector256.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i1l = AvxVnni.MultiplyWideningAndAdd(i1l, l, x1);
                i1h = AvxVnni.MultiplyWideningAndAdd(i1h, h, x1);
            }

            var sl = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s), 16).AsSingle();
            var sh = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s + 8), 16).AsSingle();
            var z0 = Vector256.Create(scales[0]);
            f0l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0l), sl * z0, f0l);
            f0h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0h), sh * z0, f0h);
            var z1 = Vector256.Create(scales[1]);
            f1l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1l), sl * z1, f1l);
            f1h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1h), sh * z1, f1h);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f0l.Store(c + 0);
        f0h.Store(c + 8);
        f1l.Store(c + 32);
        f1h.Store(c + 40);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int4R3(sbyte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f0l = default, f0h = default;
        Vector256<float> f1l = default, f1h = default;
        Vector256<float> f2l = default, f2h = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            var i0l = Vector256.Create(sums[0]);
            var i0h = i0l;
            var i1l = Vector256.Create(sums[1]);
            var i1h = i1l;
            var i2l = Vector256.Create(sums[2]);
            var i2h = i2l;
            for (int g = 0; g < 4; g++)
            {
                var l = Vector256.Load(w + 64 * g);
                var h = Vector256.Load(w + 64 * g + 32);
                var ll = l & Vector256.Create((byte)15);
                var hl = h & Vector256.Create((byte)15);
                l = Vector256.ShiftRightLogical(l.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15);
                h = Vector256.ShiftRightLogical(h.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15);
                var y0 = Vector256.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, ll, y0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, hl, y0);
                var x0 = Vector256.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, l, x0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, h, x0);
                var y1 = Vector256.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                i1l = AvxVnni.MultiplyWideningAndAdd(i1l, ll, y1);
                i1h = AvxVnni.MultiplyWideningAndAdd(i1h, hl, y1);
                var x1 = Vector256.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i1l = AvxVnni.MultiplyWideningAndAdd(i1l, l, x1);
                i1h = AvxVnni.MultiplyWideningAndAdd(i1h, h, x1);
                var y2 = Vector256.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                i2l = AvxVnni.MultiplyWideningAndAdd(i2l, ll, y2);
                i2h = AvxVnni.MultiplyWideningAndAdd(i2h, hl, y2);
                var x2 = Vector256.Create(*(int*)(a + 80 + 4 * g)).AsSByte();
                i2l = AvxVnni.MultiplyWideningAndAdd(i2l, l, x2);
                i2h = AvxVnni.MultiplyWideningAndAdd(i2h, h, x2);
            }

            var sl = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s), 16).AsSingle();
            var sh = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s + 8), 16).AsSingle();
            var z0 = Vector256.Create(scales[0]);
            f0l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0l), sl * z0, f0l);
            f0h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0h), sh * z0, f0h);
            var z1 = Vector256.Create(scales[1]);
            f1l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1l), sl * z1, f1l);
            f1h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1h), sh * z1, f1h);
            var z2 = Vector256.Create(scales[2]);
            f2l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i2l), sl * z2, f2l);
            f2h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i2h), sh * z2, f2h);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f0l.Store(c + 0);
        f0h.Store(c + 8);
        f1l.Store(c + 32);
        f1h.Store(c + 40);
        f2l.Store(c + 64);
        f2h.Store(c + 72);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int4R4(sbyte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f0l = default, f0h = default;
        Vector256<float> f1l = default, f1h = default;
        Vector256<float> f2l = default, f2h = default;
        Vector256<float> f3l = default, f3h = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            var i0l = Vector256.Create(sums[0]);
            var i0h = i0l;
            var i1l = Vector256.Create(sums[1]);
            var i1h = i1l;
            var i2l = Vector256.Create(sums[2]);
            var i2h = i2l;
            var i3l = Vector256.Create(sums[3]);
            var i3h = i3l;
            for (int g = 0; g < 4; g++)
            {
                var l = Vector256.Load(w + 64 * g);
                var h = Vector256.Load(w + 64 * g + 32);
                var ll = l & Vector256.Create((byte)15);
                var hl = h & Vector256.Create((byte)15);
                l = Vector256.ShiftRightLogical(l.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15);
                h = Vector256.ShiftRightLogical(h.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15);
                var y0 = Vector256.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, ll, y0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, hl, y0);
                var x0 = Vector256.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, l, x0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, h, x0);
                var y1 = Vector256.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                i1l = AvxVnni.MultiplyWideningAndAdd(i1l, ll, y1);
                i1h = AvxVnni.MultiplyWideningAndAdd(i1h, hl, y1);
                var x1 = Vector256.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i1l = AvxVnni.MultiplyWideningAndAdd(i1l, l, x1);
                i1h = AvxVnni.MultiplyWideningAndAdd(i1h, h, x1);
                var y2 = Vector256.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                i2l = AvxVnni.MultiplyWideningAndAdd(i2l, ll, y2);
                i2h = AvxVnni.MultiplyWideningAndAdd(i2h, hl, y2);
                var x2 = Vector256.Create(*(int*)(a + 80 + 4 * g)).AsSByte();
                i2l = AvxVnni.MultiplyWideningAndAdd(i2l, l, x2);
                i2h = AvxVnni.MultiplyWideningAndAdd(i2h, h, x2);
                var y3 = Vector256.Create(*(int*)(a + 96 + 4 * g)).AsSByte();
                i3l = AvxVnni.MultiplyWideningAndAdd(i3l, ll, y3);
                i3h = AvxVnni.MultiplyWideningAndAdd(i3h, hl, y3);
                var x3 = Vector256.Create(*(int*)(a + 112 + 4 * g)).AsSByte();
                i3l = AvxVnni.MultiplyWideningAndAdd(i3l, l, x3);
                i3h = AvxVnni.MultiplyWideningAndAdd(i3h, h, x3);
            }

            var sl = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s), 16).AsSingle();
            var sh = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s + 8), 16).AsSingle();
            var z0 = Vector256.Create(scales[0]);
            f0l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0l), sl * z0, f0l);
            f0h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0h), sh * z0, f0h);
            var z1 = Vector256.Create(scales[1]);
            f1l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1l), sl * z1, f1l);
            f1h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1h), sh * z1, f1h);
            var z2 = Vector256.Create(scales[2]);
            f2l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i2l), sl * z2, f2l);
            f2h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i2h), sh * z2, f2h);
            var z3 = Vector256.Create(scales[3]);
            f3l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i3l), sl * z3, f3l);
            f3h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i3h), sh * z3, f3h);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f0l.Store(c + 0);
        f0h.Store(c + 8);
        f1l.Store(c + 32);
        f1h.Store(c + 40);
        f2l.Store(c + 64);
        f2h.Store(c + 72);
        f3l.Store(c + 96);
        f3h.Store(c + 104);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int4R5(sbyte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f0l = default, f0h = default;
        Vector256<float> f1l = default, f1h = default;
        Vector256<float> f2l = default, f2h = default;
        Vector256<float> f3l = default, f3h = default;
        Vector256<float> f4l = default, f4h = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            var i0l = Vector256.Create(sums[0]);
            var i0h = i0l;
            var i1l = Vector256.Create(sums[1]);
            var i1h = i1l;
            var i2l = Vector256.Create(sums[2]);
            var i2h = i2l;
            var i3l = Vector256.Create(sums[3]);
            var i3h = i3l;
            var i4l = Vector256.Create(sums[4]);
            var i4h = i4l;
            for (int g = 0; g < 4; g++)
            {
                var l = Vector256.Load(w + 64 * g);
                var h = Vector256.Load(w + 64 * g + 32);
                var ll = l & Vector256.Create((byte)15);
                var hl = h & Vector256.Create((byte)15);
                l = Vector256.ShiftRightLogical(l.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15);
                h = Vector256.ShiftRightLogical(h.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15);
                var y0 = Vector256.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, ll, y0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, hl, y0);
                var x0 = Vector256.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, l, x0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, h, x0);
                var y1 = Vector256.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                i1l = AvxVnni.MultiplyWideningAndAdd(i1l, ll, y1);
                i1h = AvxVnni.MultiplyWideningAndAdd(i1h, hl, y1);
                var x1 = Vector256.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i1l = AvxVnni.MultiplyWideningAndAdd(i1l, l, x1);
                i1h = AvxVnni.MultiplyWideningAndAdd(i1h, h, x1);
                var y2 = Vector256.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                i2l = AvxVnni.MultiplyWideningAndAdd(i2l, ll, y2);
                i2h = AvxVnni.MultiplyWideningAndAdd(i2h, hl, y2);
                var x2 = Vector256.Create(*(int*)(a + 80 + 4 * g)).AsSByte();
                i2l = AvxVnni.MultiplyWideningAndAdd(i2l, l, x2);
                i2h = AvxVnni.MultiplyWideningAndAdd(i2h, h, x2);
                var y3 = Vector256.Create(*(int*)(a + 96 + 4 * g)).AsSByte();
                i3l = AvxVnni.MultiplyWideningAndAdd(i3l, ll, y3);
                i3h = AvxVnni.MultiplyWideningAndAdd(i3h, hl, y3);
                var x3 = Vector256.Create(*(int*)(a + 112 + 4 * g)).AsSByte();
                i3l = AvxVnni.MultiplyWideningAndAdd(i3l, l, x3);
                i3h = AvxVnni.MultiplyWideningAndAdd(i3h, h, x3);
                var y4 = Vector256.Create(*(int*)(a + 128 + 4 * g)).AsSByte();
                i4l = AvxVnni.MultiplyWideningAndAdd(i4l, ll, y4);
                i4h = AvxVnni.MultiplyWideningAndAdd(i4h, hl, y4);
                var x4 = Vector256.Create(*(int*)(a + 144 + 4 * g)).AsSByte();
                i4l = AvxVnni.MultiplyWideningAndAdd(i4l, l, x4);
                i4h = AvxVnni.MultiplyWideningAndAdd(i4h, h, x4);
            }

            var sl = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s), 16).AsSingle();
            var sh = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s + 8), 16).AsSingle();
            var z0 = Vector256.Create(scales[0]);
            f0l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0l), sl * z0, f0l);
            f0h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0h), sh * z0, f0h);
            var z1 = Vector256.Create(scales[1]);
            f1l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1l), sl * z1, f1l);
            f1h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1h), sh * z1, f1h);
            var z2 = Vector256.Create(scales[2]);
            f2l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i2l), sl * z2, f2l);
            f2h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i2h), sh * z2, f2h);
            var z3 = Vector256.Create(scales[3]);
            f3l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i3l), sl * z3, f3l);
            f3h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i3h), sh * z3, f3h);
            var z4 = Vector256.Create(scales[4]);
            f4l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i4l), sl * z4, f4l);
            f4h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i4h), sh * z4, f4h);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f0l.Store(c + 0);
        f0h.Store(c + 8);
        f1l.Store(c + 32);
        f1h.Store(c + 40);
        f2l.Store(c + 64);
        f2h.Store(c + 72);
        f3l.Store(c + 96);
        f3h.Store(c + 104);
        f4l.Store(c + 128);
        f4h.Store(c + 136);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int4R6(sbyte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f0l = default, f0h = default;
        Vector256<float> f1l = default, f1h = default;
        Vector256<float> f2l = default, f2h = default;
        Vector256<float> f3l = default, f3h = default;
        Vector256<float> f4l = default, f4h = default;
        Vector256<float> f5l = default, f5h = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            var i0l = Vector256.Create(sums[0]);
            var i0h = i0l;
            var i1l = Vector256.Create(sums[1]);
            var i1h = i1l;
            var i2l = Vector256.Create(sums[2]);
            var i2h = i2l;
            var i3l = Vector256.Create(sums[3]);
            var i3h = i3l;
            var i4l = Vector256.Create(sums[4]);
            var i4h = i4l;
            var i5l = Vector256.Create(sums[5]);
            var i5h = i5l;
            for (int g = 0; g < 4; g++)
            {
                var l = Vector256.Load(w + 64 * g);
                var h = Vector256.Load(w + 64 * g + 32);
                var ll = l & Vector256.Create((byte)15);
                var hl = h & Vector256.Create((byte)15);
                l = Vector256.ShiftRightLogical(l.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15);
                h = Vector256.ShiftRightLogical(h.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15);
                var y0 = Vector256.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, ll, y0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, hl, y0);
                var x0 = Vector256.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i0l = AvxVnni.MultiplyWideningAndAdd(i0l, l, x0);
                i0h = AvxVnni.MultiplyWideningAndAdd(i0h, h, x0);
                var y1 = Vector256.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                i1l = AvxVnni.MultiplyWideningAndAdd(i1l, ll, y1);
                i1h = AvxVnni.MultiplyWideningAndAdd(i1h, hl, y1);
                var x1 = Vector256.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i1l = AvxVnni.MultiplyWideningAndAdd(i1l, l, x1);
                i1h = AvxVnni.MultiplyWideningAndAdd(i1h, h, x1);
                var y2 = Vector256.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                i2l = AvxVnni.MultiplyWideningAndAdd(i2l, ll, y2);
                i2h = AvxVnni.MultiplyWideningAndAdd(i2h, hl, y2);
                var x2 = Vector256.Create(*(int*)(a + 80 + 4 * g)).AsSByte();
                i2l = AvxVnni.MultiplyWideningAndAdd(i2l, l, x2);
                i2h = AvxVnni.MultiplyWideningAndAdd(i2h, h, x2);
                var y3 = Vector256.Create(*(int*)(a + 96 + 4 * g)).AsSByte();
                i3l = AvxVnni.MultiplyWideningAndAdd(i3l, ll, y3);
                i3h = AvxVnni.MultiplyWideningAndAdd(i3h, hl, y3);
                var x3 = Vector256.Create(*(int*)(a + 112 + 4 * g)).AsSByte();
                i3l = AvxVnni.MultiplyWideningAndAdd(i3l, l, x3);
                i3h = AvxVnni.MultiplyWideningAndAdd(i3h, h, x3);
                var y4 = Vector256.Create(*(int*)(a + 128 + 4 * g)).AsSByte();
                i4l = AvxVnni.MultiplyWideningAndAdd(i4l, ll, y4);
                i4h = AvxVnni.MultiplyWideningAndAdd(i4h, hl, y4);
                var x4 = Vector256.Create(*(int*)(a + 144 + 4 * g)).AsSByte();
                i4l = AvxVnni.MultiplyWideningAndAdd(i4l, l, x4);
                i4h = AvxVnni.MultiplyWideningAndAdd(i4h, h, x4);
                var y5 = Vector256.Create(*(int*)(a + 160 + 4 * g)).AsSByte();
                i5l = AvxVnni.MultiplyWideningAndAdd(i5l, ll, y5);
                i5h = AvxVnni.MultiplyWideningAndAdd(i5h, hl, y5);
                var x5 = Vector256.Create(*(int*)(a + 176 + 4 * g)).AsSByte();
                i5l = AvxVnni.MultiplyWideningAndAdd(i5l, l, x5);
                i5h = AvxVnni.MultiplyWideningAndAdd(i5h, h, x5);
            }

            var sl = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s), 16).AsSingle();
            var sh = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32((ushort*)s + 8), 16).AsSingle();
            var z0 = Vector256.Create(scales[0]);
            f0l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0l), sl * z0, f0l);
            f0h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i0h), sh * z0, f0h);
            var z1 = Vector256.Create(scales[1]);
            f1l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1l), sl * z1, f1l);
            f1h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i1h), sh * z1, f1h);
            var z2 = Vector256.Create(scales[2]);
            f2l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i2l), sl * z2, f2l);
            f2h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i2h), sh * z2, f2h);
            var z3 = Vector256.Create(scales[3]);
            f3l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i3l), sl * z3, f3l);
            f3h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i3h), sh * z3, f3h);
            var z4 = Vector256.Create(scales[4]);
            f4l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i4l), sl * z4, f4l);
            f4h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i4h), sh * z4, f4h);
            var z5 = Vector256.Create(scales[5]);
            f5l = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i5l), sl * z5, f5l);
            f5h = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i5h), sh * z5, f5h);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f0l.Store(c + 0);
        f0h.Store(c + 8);
        f1l.Store(c + 32);
        f1h.Store(c + 40);
        f2l.Store(c + 64);
        f2h.Store(c + 72);
        f3l.Store(c + 96);
        f3h.Store(c + 104);
        f4l.Store(c + 128);
        f4h.Store(c + 136);
        f5l.Store(c + 160);
        f5h.Store(c + 168);
    }
}
