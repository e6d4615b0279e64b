// Written by build/GenerateTiles.cs; change that, not this.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MoE;

/// <summary>Integer tiles of 16 columns: for each block of 32 inputs an exact integer product, times both scales, added up in single precision in the order of the blocks.</summary>
internal static unsafe partial class IntegerTiles
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int8R1(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
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
            var i00 = Vector512.Create(sums[0]);
            for (int g = 0; g < 8; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0.AsInt16() & Vector512.Create((short)255);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 8);
                var x0 = Vector512.Create(*(int*)(a + 0 + 8 * g)).AsInt16();
                var y0 = Vector512.Create(*(int*)(a + 4 + 8 * g)).AsInt16();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i00), s0 * z0, f00);
            a += 64 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int8R2(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
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
            var i00 = Vector512.Create(sums[0]);
            var i10 = Vector512.Create(sums[1]);
            for (int g = 0; g < 8; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0.AsInt16() & Vector512.Create((short)255);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 8);
                var x0 = Vector512.Create(*(int*)(a + 0 + 8 * g)).AsInt16();
                var y0 = Vector512.Create(*(int*)(a + 4 + 8 * g)).AsInt16();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 64 + 8 * g)).AsInt16();
                var y1 = Vector512.Create(*(int*)(a + 68 + 8 * g)).AsInt16();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i00), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i10), s0 * z1, f10);
            a += 64 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int8R3(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        Vector512<float> f20 = default;
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
            var i00 = Vector512.Create(sums[0]);
            var i10 = Vector512.Create(sums[1]);
            var i20 = Vector512.Create(sums[2]);
            for (int g = 0; g < 8; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0.AsInt16() & Vector512.Create((short)255);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 8);
                var x0 = Vector512.Create(*(int*)(a + 0 + 8 * g)).AsInt16();
                var y0 = Vector512.Create(*(int*)(a + 4 + 8 * g)).AsInt16();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 64 + 8 * g)).AsInt16();
                var y1 = Vector512.Create(*(int*)(a + 68 + 8 * g)).AsInt16();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
                var x2 = Vector512.Create(*(int*)(a + 128 + 8 * g)).AsInt16();
                var y2 = Vector512.Create(*(int*)(a + 132 + 8 * g)).AsInt16();
                i20 += Avx512BW.MultiplyAddAdjacent(l0, x2);
                i20 += Avx512BW.MultiplyAddAdjacent(h0, y2);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i00), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i10), s0 * z1, f10);
            var z2 = Vector512.Create(scales[2]);
            f20 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i20), s0 * z2, f20);
            a += 64 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
        f20.Store(c + 64);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int8R4(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        Vector512<float> f20 = default;
        Vector512<float> f30 = default;
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
            var i00 = Vector512.Create(sums[0]);
            var i10 = Vector512.Create(sums[1]);
            var i20 = Vector512.Create(sums[2]);
            var i30 = Vector512.Create(sums[3]);
            for (int g = 0; g < 8; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0.AsInt16() & Vector512.Create((short)255);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 8);
                var x0 = Vector512.Create(*(int*)(a + 0 + 8 * g)).AsInt16();
                var y0 = Vector512.Create(*(int*)(a + 4 + 8 * g)).AsInt16();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 64 + 8 * g)).AsInt16();
                var y1 = Vector512.Create(*(int*)(a + 68 + 8 * g)).AsInt16();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
                var x2 = Vector512.Create(*(int*)(a + 128 + 8 * g)).AsInt16();
                var y2 = Vector512.Create(*(int*)(a + 132 + 8 * g)).AsInt16();
                i20 += Avx512BW.MultiplyAddAdjacent(l0, x2);
                i20 += Avx512BW.MultiplyAddAdjacent(h0, y2);
                var x3 = Vector512.Create(*(int*)(a + 192 + 8 * g)).AsInt16();
                var y3 = Vector512.Create(*(int*)(a + 196 + 8 * g)).AsInt16();
                i30 += Avx512BW.MultiplyAddAdjacent(l0, x3);
                i30 += Avx512BW.MultiplyAddAdjacent(h0, y3);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i00), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i10), s0 * z1, f10);
            var z2 = Vector512.Create(scales[2]);
            f20 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i20), s0 * z2, f20);
            var z3 = Vector512.Create(scales[3]);
            f30 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i30), s0 * z3, f30);
            a += 64 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
        f20.Store(c + 64);
        f30.Store(c + 96);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int8R5(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        Vector512<float> f20 = default;
        Vector512<float> f30 = default;
        Vector512<float> f40 = default;
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
            var i00 = Vector512.Create(sums[0]);
            var i10 = Vector512.Create(sums[1]);
            var i20 = Vector512.Create(sums[2]);
            var i30 = Vector512.Create(sums[3]);
            var i40 = Vector512.Create(sums[4]);
            for (int g = 0; g < 8; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0.AsInt16() & Vector512.Create((short)255);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 8);
                var x0 = Vector512.Create(*(int*)(a + 0 + 8 * g)).AsInt16();
                var y0 = Vector512.Create(*(int*)(a + 4 + 8 * g)).AsInt16();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 64 + 8 * g)).AsInt16();
                var y1 = Vector512.Create(*(int*)(a + 68 + 8 * g)).AsInt16();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
                var x2 = Vector512.Create(*(int*)(a + 128 + 8 * g)).AsInt16();
                var y2 = Vector512.Create(*(int*)(a + 132 + 8 * g)).AsInt16();
                i20 += Avx512BW.MultiplyAddAdjacent(l0, x2);
                i20 += Avx512BW.MultiplyAddAdjacent(h0, y2);
                var x3 = Vector512.Create(*(int*)(a + 192 + 8 * g)).AsInt16();
                var y3 = Vector512.Create(*(int*)(a + 196 + 8 * g)).AsInt16();
                i30 += Avx512BW.MultiplyAddAdjacent(l0, x3);
                i30 += Avx512BW.MultiplyAddAdjacent(h0, y3);
                var x4 = Vector512.Create(*(int*)(a + 256 + 8 * g)).AsInt16();
                var y4 = Vector512.Create(*(int*)(a + 260 + 8 * g)).AsInt16();
                i40 += Avx512BW.MultiplyAddAdjacent(l0, x4);
                i40 += Avx512BW.MultiplyAddAdjacent(h0, y4);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i00), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i10), s0 * z1, f10);
            var z2 = Vector512.Create(scales[2]);
            f20 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i20), s0 * z2, f20);
            var z3 = Vector512.Create(scales[3]);
            f30 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i30), s0 * z3, f30);
            var z4 = Vector512.Create(scales[4]);
            f40 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i40), s0 * z4, f40);
            a += 64 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
        f20.Store(c + 64);
        f30.Store(c + 96);
        f40.Store(c + 128);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int8R6(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        Vector512<float> f20 = default;
        Vector512<float> f30 = default;
        Vector512<float> f40 = default;
        Vector512<float> f50 = default;
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
            var i00 = Vector512.Create(sums[0]);
            var i10 = Vector512.Create(sums[1]);
            var i20 = Vector512.Create(sums[2]);
            var i30 = Vector512.Create(sums[3]);
            var i40 = Vector512.Create(sums[4]);
            var i50 = Vector512.Create(sums[5]);
            for (int g = 0; g < 8; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0.AsInt16() & Vector512.Create((short)255);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 8);
                var x0 = Vector512.Create(*(int*)(a + 0 + 8 * g)).AsInt16();
                var y0 = Vector512.Create(*(int*)(a + 4 + 8 * g)).AsInt16();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 64 + 8 * g)).AsInt16();
                var y1 = Vector512.Create(*(int*)(a + 68 + 8 * g)).AsInt16();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
                var x2 = Vector512.Create(*(int*)(a + 128 + 8 * g)).AsInt16();
                var y2 = Vector512.Create(*(int*)(a + 132 + 8 * g)).AsInt16();
                i20 += Avx512BW.MultiplyAddAdjacent(l0, x2);
                i20 += Avx512BW.MultiplyAddAdjacent(h0, y2);
                var x3 = Vector512.Create(*(int*)(a + 192 + 8 * g)).AsInt16();
                var y3 = Vector512.Create(*(int*)(a + 196 + 8 * g)).AsInt16();
                i30 += Avx512BW.MultiplyAddAdjacent(l0, x3);
                i30 += Avx512BW.MultiplyAddAdjacent(h0, y3);
                var x4 = Vector512.Create(*(int*)(a + 256 + 8 * g)).AsInt16();
                var y4 = Vector512.Create(*(int*)(a + 260 + 8 * g)).AsInt16();
                i40 += Avx512BW.MultiplyAddAdjacent(l0, x4);
                i40 += Avx512BW.MultiplyAddAdjacent(h0, y4);
                var x5 = Vector512.Create(*(int*)(a + 320 + 8 * g)).AsInt16();
                var y5 = Vector512.Create(*(int*)(a + 324 + 8 * g)).AsInt16();
                i50 += Avx512BW.MultiplyAddAdjacent(l0, x5);
                i50 += Avx512BW.MultiplyAddAdjacent(h0, y5);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i00), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i10), s0 * z1, f10);
            var z2 = Vector512.Create(scales[2]);
            f20 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i20), s0 * z2, f20);
            var z3 = Vector512.Create(scales[3]);
            f30 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i30), s0 * z3, f30);
            var z4 = Vector512.Create(scales[4]);
            f40 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i40), s0 * z4, f40);
            var z5 = Vector512.Create(scales[5]);
            f50 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i50), s0 * z5, f50);
            a += 64 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
        f20.Store(c + 64);
        f30.Store(c + 96);
        f40.Store(c + 128);
        f50.Store(c + 160);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int8R7(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        Vector512<float> f20 = default;
        Vector512<float> f30 = default;
        Vector512<float> f40 = default;
        Vector512<float> f50 = default;
        Vector512<float> f60 = default;
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
            var i00 = Vector512.Create(sums[0]);
            var i10 = Vector512.Create(sums[1]);
            var i20 = Vector512.Create(sums[2]);
            var i30 = Vector512.Create(sums[3]);
            var i40 = Vector512.Create(sums[4]);
            var i50 = Vector512.Create(sums[5]);
            var i60 = Vector512.Create(sums[6]);
            for (int g = 0; g < 8; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0.AsInt16() & Vector512.Create((short)255);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 8);
                var x0 = Vector512.Create(*(int*)(a + 0 + 8 * g)).AsInt16();
                var y0 = Vector512.Create(*(int*)(a + 4 + 8 * g)).AsInt16();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 64 + 8 * g)).AsInt16();
                var y1 = Vector512.Create(*(int*)(a + 68 + 8 * g)).AsInt16();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
                var x2 = Vector512.Create(*(int*)(a + 128 + 8 * g)).AsInt16();
                var y2 = Vector512.Create(*(int*)(a + 132 + 8 * g)).AsInt16();
                i20 += Avx512BW.MultiplyAddAdjacent(l0, x2);
                i20 += Avx512BW.MultiplyAddAdjacent(h0, y2);
                var x3 = Vector512.Create(*(int*)(a + 192 + 8 * g)).AsInt16();
                var y3 = Vector512.Create(*(int*)(a + 196 + 8 * g)).AsInt16();
                i30 += Avx512BW.MultiplyAddAdjacent(l0, x3);
                i30 += Avx512BW.MultiplyAddAdjacent(h0, y3);
                var x4 = Vector512.Create(*(int*)(a + 256 + 8 * g)).AsInt16();
                var y4 = Vector512.Create(*(int*)(a + 260 + 8 * g)).AsInt16();
                i40 += Avx512BW.MultiplyAddAdjacent(l0, x4);
                i40 += Avx512BW.MultiplyAddAdjacent(h0, y4);
                var x5 = Vector512.Create(*(int*)(a + 320 + 8 * g)).AsInt16();
                var y5 = Vector512.Create(*(int*)(a + 324 + 8 * g)).AsInt16();
                i50 += Avx512BW.MultiplyAddAdjacent(l0, x5);
                i50 += Avx512BW.MultiplyAddAdjacent(h0, y5);
                var x6 = Vector512.Create(*(int*)(a + 384 + 8 * g)).AsInt16();
                var y6 = Vector512.Create(*(int*)(a + 388 + 8 * g)).AsInt16();
                i60 += Avx512BW.MultiplyAddAdjacent(l0, x6);
                i60 += Avx512BW.MultiplyAddAdjacent(h0, y6);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i00), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i10), s0 * z1, f10);
            var z2 = Vector512.Create(scales[2]);
            f20 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i20), s0 * z2, f20);
            var z3 = Vector512.Create(scales[3]);
            f30 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i30), s0 * z3, f30);
            var z4 = Vector512.Create(scales[4]);
            f40 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i40), s0 * z4, f40);
            var z5 = Vector512.Create(scales[5]);
            f50 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i50), s0 * z5, f50);
            var z6 = Vector512.Create(scales[6]);
            f60 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(i60), s0 * z6, f60);
            a += 64 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
        f20.Store(c + 64);
        f30.Store(c + 96);
        f40.Store(c + 128);
        f50.Store(c + 160);
        f60.Store(c + 192);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int4R1(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector512<short> i00 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0 & Vector512.Create((byte)15);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector512.Create((byte)15);
                var x0 = Vector512.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector512.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i00, Vector512.Create((short)1)) + Vector512.Create(sums[0])), s0 * z0, f00);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int4R2(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector512<short> i00 = default;
            Vector512<short> i10 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0 & Vector512.Create((byte)15);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector512.Create((byte)15);
                var x0 = Vector512.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector512.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                var y1 = Vector512.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i00, Vector512.Create((short)1)) + Vector512.Create(sums[0])), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i10, Vector512.Create((short)1)) + Vector512.Create(sums[1])), s0 * z1, f10);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int4R3(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        Vector512<float> f20 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector512<short> i00 = default;
            Vector512<short> i10 = default;
            Vector512<short> i20 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0 & Vector512.Create((byte)15);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector512.Create((byte)15);
                var x0 = Vector512.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector512.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                var y1 = Vector512.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
                var x2 = Vector512.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                var y2 = Vector512.Create(*(int*)(a + 80 + 4 * g)).AsSByte();
                i20 += Avx512BW.MultiplyAddAdjacent(l0, x2);
                i20 += Avx512BW.MultiplyAddAdjacent(h0, y2);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i00, Vector512.Create((short)1)) + Vector512.Create(sums[0])), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i10, Vector512.Create((short)1)) + Vector512.Create(sums[1])), s0 * z1, f10);
            var z2 = Vector512.Create(scales[2]);
            f20 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i20, Vector512.Create((short)1)) + Vector512.Create(sums[2])), s0 * z2, f20);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
        f20.Store(c + 64);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int4R4(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        Vector512<float> f20 = default;
        Vector512<float> f30 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector512<short> i00 = default;
            Vector512<short> i10 = default;
            Vector512<short> i20 = default;
            Vector512<short> i30 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0 & Vector512.Create((byte)15);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector512.Create((byte)15);
                var x0 = Vector512.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector512.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                var y1 = Vector512.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
                var x2 = Vector512.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                var y2 = Vector512.Create(*(int*)(a + 80 + 4 * g)).AsSByte();
                i20 += Avx512BW.MultiplyAddAdjacent(l0, x2);
                i20 += Avx512BW.MultiplyAddAdjacent(h0, y2);
                var x3 = Vector512.Create(*(int*)(a + 96 + 4 * g)).AsSByte();
                var y3 = Vector512.Create(*(int*)(a + 112 + 4 * g)).AsSByte();
                i30 += Avx512BW.MultiplyAddAdjacent(l0, x3);
                i30 += Avx512BW.MultiplyAddAdjacent(h0, y3);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i00, Vector512.Create((short)1)) + Vector512.Create(sums[0])), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i10, Vector512.Create((short)1)) + Vector512.Create(sums[1])), s0 * z1, f10);
            var z2 = Vector512.Create(scales[2]);
            f20 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i20, Vector512.Create((short)1)) + Vector512.Create(sums[2])), s0 * z2, f20);
            var z3 = Vector512.Create(scales[3]);
            f30 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i30, Vector512.Create((short)1)) + Vector512.Create(sums[3])), s0 * z3, f30);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
        f20.Store(c + 64);
        f30.Store(c + 96);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int4R5(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        Vector512<float> f20 = default;
        Vector512<float> f30 = default;
        Vector512<float> f40 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector512<short> i00 = default;
            Vector512<short> i10 = default;
            Vector512<short> i20 = default;
            Vector512<short> i30 = default;
            Vector512<short> i40 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0 & Vector512.Create((byte)15);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector512.Create((byte)15);
                var x0 = Vector512.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector512.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                var y1 = Vector512.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
                var x2 = Vector512.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                var y2 = Vector512.Create(*(int*)(a + 80 + 4 * g)).AsSByte();
                i20 += Avx512BW.MultiplyAddAdjacent(l0, x2);
                i20 += Avx512BW.MultiplyAddAdjacent(h0, y2);
                var x3 = Vector512.Create(*(int*)(a + 96 + 4 * g)).AsSByte();
                var y3 = Vector512.Create(*(int*)(a + 112 + 4 * g)).AsSByte();
                i30 += Avx512BW.MultiplyAddAdjacent(l0, x3);
                i30 += Avx512BW.MultiplyAddAdjacent(h0, y3);
                var x4 = Vector512.Create(*(int*)(a + 128 + 4 * g)).AsSByte();
                var y4 = Vector512.Create(*(int*)(a + 144 + 4 * g)).AsSByte();
                i40 += Avx512BW.MultiplyAddAdjacent(l0, x4);
                i40 += Avx512BW.MultiplyAddAdjacent(h0, y4);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i00, Vector512.Create((short)1)) + Vector512.Create(sums[0])), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i10, Vector512.Create((short)1)) + Vector512.Create(sums[1])), s0 * z1, f10);
            var z2 = Vector512.Create(scales[2]);
            f20 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i20, Vector512.Create((short)1)) + Vector512.Create(sums[2])), s0 * z2, f20);
            var z3 = Vector512.Create(scales[3]);
            f30 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i30, Vector512.Create((short)1)) + Vector512.Create(sums[3])), s0 * z3, f30);
            var z4 = Vector512.Create(scales[4]);
            f40 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i40, Vector512.Create((short)1)) + Vector512.Create(sums[4])), s0 * z4, f40);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
        f20.Store(c + 64);
        f30.Store(c + 96);
        f40.Store(c + 128);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int4R6(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        Vector512<float> f20 = default;
        Vector512<float> f30 = default;
        Vector512<float> f40 = default;
        Vector512<float> f50 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector512<short> i00 = default;
            Vector512<short> i10 = default;
            Vector512<short> i20 = default;
            Vector512<short> i30 = default;
            Vector512<short> i40 = default;
            Vector512<short> i50 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0 & Vector512.Create((byte)15);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector512.Create((byte)15);
                var x0 = Vector512.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector512.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                var y1 = Vector512.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
                var x2 = Vector512.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                var y2 = Vector512.Create(*(int*)(a + 80 + 4 * g)).AsSByte();
                i20 += Avx512BW.MultiplyAddAdjacent(l0, x2);
                i20 += Avx512BW.MultiplyAddAdjacent(h0, y2);
                var x3 = Vector512.Create(*(int*)(a + 96 + 4 * g)).AsSByte();
                var y3 = Vector512.Create(*(int*)(a + 112 + 4 * g)).AsSByte();
                i30 += Avx512BW.MultiplyAddAdjacent(l0, x3);
                i30 += Avx512BW.MultiplyAddAdjacent(h0, y3);
                var x4 = Vector512.Create(*(int*)(a + 128 + 4 * g)).AsSByte();
                var y4 = Vector512.Create(*(int*)(a + 144 + 4 * g)).AsSByte();
                i40 += Avx512BW.MultiplyAddAdjacent(l0, x4);
                i40 += Avx512BW.MultiplyAddAdjacent(h0, y4);
                var x5 = Vector512.Create(*(int*)(a + 160 + 4 * g)).AsSByte();
                var y5 = Vector512.Create(*(int*)(a + 176 + 4 * g)).AsSByte();
                i50 += Avx512BW.MultiplyAddAdjacent(l0, x5);
                i50 += Avx512BW.MultiplyAddAdjacent(h0, y5);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i00, Vector512.Create((short)1)) + Vector512.Create(sums[0])), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i10, Vector512.Create((short)1)) + Vector512.Create(sums[1])), s0 * z1, f10);
            var z2 = Vector512.Create(scales[2]);
            f20 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i20, Vector512.Create((short)1)) + Vector512.Create(sums[2])), s0 * z2, f20);
            var z3 = Vector512.Create(scales[3]);
            f30 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i30, Vector512.Create((short)1)) + Vector512.Create(sums[3])), s0 * z3, f30);
            var z4 = Vector512.Create(scales[4]);
            f40 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i40, Vector512.Create((short)1)) + Vector512.Create(sums[4])), s0 * z4, f40);
            var z5 = Vector512.Create(scales[5]);
            f50 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i50, Vector512.Create((short)1)) + Vector512.Create(sums[5])), s0 * z5, f50);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
        f20.Store(c + 64);
        f30.Store(c + 96);
        f40.Store(c + 128);
        f50.Store(c + 160);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int4R7(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        Vector512<float> f20 = default;
        Vector512<float> f30 = default;
        Vector512<float> f40 = default;
        Vector512<float> f50 = default;
        Vector512<float> f60 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector512<short> i00 = default;
            Vector512<short> i10 = default;
            Vector512<short> i20 = default;
            Vector512<short> i30 = default;
            Vector512<short> i40 = default;
            Vector512<short> i50 = default;
            Vector512<short> i60 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0 & Vector512.Create((byte)15);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector512.Create((byte)15);
                var x0 = Vector512.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector512.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                var y1 = Vector512.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
                var x2 = Vector512.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                var y2 = Vector512.Create(*(int*)(a + 80 + 4 * g)).AsSByte();
                i20 += Avx512BW.MultiplyAddAdjacent(l0, x2);
                i20 += Avx512BW.MultiplyAddAdjacent(h0, y2);
                var x3 = Vector512.Create(*(int*)(a + 96 + 4 * g)).AsSByte();
                var y3 = Vector512.Create(*(int*)(a + 112 + 4 * g)).AsSByte();
                i30 += Avx512BW.MultiplyAddAdjacent(l0, x3);
                i30 += Avx512BW.MultiplyAddAdjacent(h0, y3);
                var x4 = Vector512.Create(*(int*)(a + 128 + 4 * g)).AsSByte();
                var y4 = Vector512.Create(*(int*)(a + 144 + 4 * g)).AsSByte();
                i40 += Avx512BW.MultiplyAddAdjacent(l0, x4);
                i40 += Avx512BW.MultiplyAddAdjacent(h0, y4);
                var x5 = Vector512.Create(*(int*)(a + 160 + 4 * g)).AsSByte();
                var y5 = Vector512.Create(*(int*)(a + 176 + 4 * g)).AsSByte();
                i50 += Avx512BW.MultiplyAddAdjacent(l0, x5);
                i50 += Avx512BW.MultiplyAddAdjacent(h0, y5);
                var x6 = Vector512.Create(*(int*)(a + 192 + 4 * g)).AsSByte();
                var y6 = Vector512.Create(*(int*)(a + 208 + 4 * g)).AsSByte();
                i60 += Avx512BW.MultiplyAddAdjacent(l0, x6);
                i60 += Avx512BW.MultiplyAddAdjacent(h0, y6);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i00, Vector512.Create((short)1)) + Vector512.Create(sums[0])), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i10, Vector512.Create((short)1)) + Vector512.Create(sums[1])), s0 * z1, f10);
            var z2 = Vector512.Create(scales[2]);
            f20 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i20, Vector512.Create((short)1)) + Vector512.Create(sums[2])), s0 * z2, f20);
            var z3 = Vector512.Create(scales[3]);
            f30 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i30, Vector512.Create((short)1)) + Vector512.Create(sums[3])), s0 * z3, f30);
            var z4 = Vector512.Create(scales[4]);
            f40 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i40, Vector512.Create((short)1)) + Vector512.Create(sums[4])), s0 * z4, f40);
            var z5 = Vector512.Create(scales[5]);
            f50 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i50, Vector512.Create((short)1)) + Vector512.Create(sums[5])), s0 * z5, f50);
            var z6 = Vector512.Create(scales[6]);
            f60 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i60, Vector512.Create((short)1)) + Vector512.Create(sums[6])), s0 * z6, f60);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
        f20.Store(c + 64);
        f30.Store(c + 96);
        f40.Store(c + 128);
        f50.Store(c + 160);
        f60.Store(c + 192);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int4ZR1(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector512<short> i00 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0 & Vector512.Create((byte)15);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector512.Create((byte)15);
                var x0 = Vector512.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector512.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var o0 = Zeros(s + 32).AsInt16();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i00, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[0]).AsInt16())), s0 * z0, f00);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int4ZR2(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector512<short> i00 = default;
            Vector512<short> i10 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0 & Vector512.Create((byte)15);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector512.Create((byte)15);
                var x0 = Vector512.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector512.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                var y1 = Vector512.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var o0 = Zeros(s + 32).AsInt16();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i00, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[0]).AsInt16())), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i10, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[1]).AsInt16())), s0 * z1, f10);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int4ZR3(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        Vector512<float> f20 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector512<short> i00 = default;
            Vector512<short> i10 = default;
            Vector512<short> i20 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0 & Vector512.Create((byte)15);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector512.Create((byte)15);
                var x0 = Vector512.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector512.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                var y1 = Vector512.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
                var x2 = Vector512.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                var y2 = Vector512.Create(*(int*)(a + 80 + 4 * g)).AsSByte();
                i20 += Avx512BW.MultiplyAddAdjacent(l0, x2);
                i20 += Avx512BW.MultiplyAddAdjacent(h0, y2);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var o0 = Zeros(s + 32).AsInt16();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i00, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[0]).AsInt16())), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i10, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[1]).AsInt16())), s0 * z1, f10);
            var z2 = Vector512.Create(scales[2]);
            f20 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i20, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[2]).AsInt16())), s0 * z2, f20);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
        f20.Store(c + 64);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int4ZR4(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        Vector512<float> f20 = default;
        Vector512<float> f30 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector512<short> i00 = default;
            Vector512<short> i10 = default;
            Vector512<short> i20 = default;
            Vector512<short> i30 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0 & Vector512.Create((byte)15);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector512.Create((byte)15);
                var x0 = Vector512.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector512.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                var y1 = Vector512.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
                var x2 = Vector512.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                var y2 = Vector512.Create(*(int*)(a + 80 + 4 * g)).AsSByte();
                i20 += Avx512BW.MultiplyAddAdjacent(l0, x2);
                i20 += Avx512BW.MultiplyAddAdjacent(h0, y2);
                var x3 = Vector512.Create(*(int*)(a + 96 + 4 * g)).AsSByte();
                var y3 = Vector512.Create(*(int*)(a + 112 + 4 * g)).AsSByte();
                i30 += Avx512BW.MultiplyAddAdjacent(l0, x3);
                i30 += Avx512BW.MultiplyAddAdjacent(h0, y3);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var o0 = Zeros(s + 32).AsInt16();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i00, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[0]).AsInt16())), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i10, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[1]).AsInt16())), s0 * z1, f10);
            var z2 = Vector512.Create(scales[2]);
            f20 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i20, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[2]).AsInt16())), s0 * z2, f20);
            var z3 = Vector512.Create(scales[3]);
            f30 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i30, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[3]).AsInt16())), s0 * z3, f30);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
        f20.Store(c + 64);
        f30.Store(c + 96);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int4ZR5(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        Vector512<float> f20 = default;
        Vector512<float> f30 = default;
        Vector512<float> f40 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector512<short> i00 = default;
            Vector512<short> i10 = default;
            Vector512<short> i20 = default;
            Vector512<short> i30 = default;
            Vector512<short> i40 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0 & Vector512.Create((byte)15);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector512.Create((byte)15);
                var x0 = Vector512.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector512.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                var y1 = Vector512.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
                var x2 = Vector512.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                var y2 = Vector512.Create(*(int*)(a + 80 + 4 * g)).AsSByte();
                i20 += Avx512BW.MultiplyAddAdjacent(l0, x2);
                i20 += Avx512BW.MultiplyAddAdjacent(h0, y2);
                var x3 = Vector512.Create(*(int*)(a + 96 + 4 * g)).AsSByte();
                var y3 = Vector512.Create(*(int*)(a + 112 + 4 * g)).AsSByte();
                i30 += Avx512BW.MultiplyAddAdjacent(l0, x3);
                i30 += Avx512BW.MultiplyAddAdjacent(h0, y3);
                var x4 = Vector512.Create(*(int*)(a + 128 + 4 * g)).AsSByte();
                var y4 = Vector512.Create(*(int*)(a + 144 + 4 * g)).AsSByte();
                i40 += Avx512BW.MultiplyAddAdjacent(l0, x4);
                i40 += Avx512BW.MultiplyAddAdjacent(h0, y4);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var o0 = Zeros(s + 32).AsInt16();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i00, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[0]).AsInt16())), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i10, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[1]).AsInt16())), s0 * z1, f10);
            var z2 = Vector512.Create(scales[2]);
            f20 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i20, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[2]).AsInt16())), s0 * z2, f20);
            var z3 = Vector512.Create(scales[3]);
            f30 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i30, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[3]).AsInt16())), s0 * z3, f30);
            var z4 = Vector512.Create(scales[4]);
            f40 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i40, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[4]).AsInt16())), s0 * z4, f40);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
        f20.Store(c + 64);
        f30.Store(c + 96);
        f40.Store(c + 128);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int4ZR6(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        Vector512<float> f20 = default;
        Vector512<float> f30 = default;
        Vector512<float> f40 = default;
        Vector512<float> f50 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector512<short> i00 = default;
            Vector512<short> i10 = default;
            Vector512<short> i20 = default;
            Vector512<short> i30 = default;
            Vector512<short> i40 = default;
            Vector512<short> i50 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0 & Vector512.Create((byte)15);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector512.Create((byte)15);
                var x0 = Vector512.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector512.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                var y1 = Vector512.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
                var x2 = Vector512.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                var y2 = Vector512.Create(*(int*)(a + 80 + 4 * g)).AsSByte();
                i20 += Avx512BW.MultiplyAddAdjacent(l0, x2);
                i20 += Avx512BW.MultiplyAddAdjacent(h0, y2);
                var x3 = Vector512.Create(*(int*)(a + 96 + 4 * g)).AsSByte();
                var y3 = Vector512.Create(*(int*)(a + 112 + 4 * g)).AsSByte();
                i30 += Avx512BW.MultiplyAddAdjacent(l0, x3);
                i30 += Avx512BW.MultiplyAddAdjacent(h0, y3);
                var x4 = Vector512.Create(*(int*)(a + 128 + 4 * g)).AsSByte();
                var y4 = Vector512.Create(*(int*)(a + 144 + 4 * g)).AsSByte();
                i40 += Avx512BW.MultiplyAddAdjacent(l0, x4);
                i40 += Avx512BW.MultiplyAddAdjacent(h0, y4);
                var x5 = Vector512.Create(*(int*)(a + 160 + 4 * g)).AsSByte();
                var y5 = Vector512.Create(*(int*)(a + 176 + 4 * g)).AsSByte();
                i50 += Avx512BW.MultiplyAddAdjacent(l0, x5);
                i50 += Avx512BW.MultiplyAddAdjacent(h0, y5);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var o0 = Zeros(s + 32).AsInt16();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i00, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[0]).AsInt16())), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i10, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[1]).AsInt16())), s0 * z1, f10);
            var z2 = Vector512.Create(scales[2]);
            f20 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i20, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[2]).AsInt16())), s0 * z2, f20);
            var z3 = Vector512.Create(scales[3]);
            f30 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i30, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[3]).AsInt16())), s0 * z3, f30);
            var z4 = Vector512.Create(scales[4]);
            f40 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i40, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[4]).AsInt16())), s0 * z4, f40);
            var z5 = Vector512.Create(scales[5]);
            f50 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i50, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[5]).AsInt16())), s0 * z5, f50);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
        f20.Store(c + 64);
        f30.Store(c + 96);
        f40.Store(c + 128);
        f50.Store(c + 160);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V512Int4ZR7(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector512<float> f00 = default;
        Vector512<float> f10 = default;
        Vector512<float> f20 = default;
        Vector512<float> f30 = default;
        Vector512<float> f40 = default;
        Vector512<float> f50 = default;
        Vector512<float> f60 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector512<short> i00 = default;
            Vector512<short> i10 = default;
            Vector512<short> i20 = default;
            Vector512<short> i30 = default;
            Vector512<short> i40 = default;
            Vector512<short> i50 = default;
            Vector512<short> i60 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector512.Load(w + 64 * g);
                var l0 = w0 & Vector512.Create((byte)15);
                var h0 = Vector512.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector512.Create((byte)15);
                var x0 = Vector512.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector512.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx512BW.MultiplyAddAdjacent(l0, x0);
                i00 += Avx512BW.MultiplyAddAdjacent(h0, y0);
                var x1 = Vector512.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                var y1 = Vector512.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i10 += Avx512BW.MultiplyAddAdjacent(l0, x1);
                i10 += Avx512BW.MultiplyAddAdjacent(h0, y1);
                var x2 = Vector512.Create(*(int*)(a + 64 + 4 * g)).AsSByte();
                var y2 = Vector512.Create(*(int*)(a + 80 + 4 * g)).AsSByte();
                i20 += Avx512BW.MultiplyAddAdjacent(l0, x2);
                i20 += Avx512BW.MultiplyAddAdjacent(h0, y2);
                var x3 = Vector512.Create(*(int*)(a + 96 + 4 * g)).AsSByte();
                var y3 = Vector512.Create(*(int*)(a + 112 + 4 * g)).AsSByte();
                i30 += Avx512BW.MultiplyAddAdjacent(l0, x3);
                i30 += Avx512BW.MultiplyAddAdjacent(h0, y3);
                var x4 = Vector512.Create(*(int*)(a + 128 + 4 * g)).AsSByte();
                var y4 = Vector512.Create(*(int*)(a + 144 + 4 * g)).AsSByte();
                i40 += Avx512BW.MultiplyAddAdjacent(l0, x4);
                i40 += Avx512BW.MultiplyAddAdjacent(h0, y4);
                var x5 = Vector512.Create(*(int*)(a + 160 + 4 * g)).AsSByte();
                var y5 = Vector512.Create(*(int*)(a + 176 + 4 * g)).AsSByte();
                i50 += Avx512BW.MultiplyAddAdjacent(l0, x5);
                i50 += Avx512BW.MultiplyAddAdjacent(h0, y5);
                var x6 = Vector512.Create(*(int*)(a + 192 + 4 * g)).AsSByte();
                var y6 = Vector512.Create(*(int*)(a + 208 + 4 * g)).AsSByte();
                i60 += Avx512BW.MultiplyAddAdjacent(l0, x6);
                i60 += Avx512BW.MultiplyAddAdjacent(h0, y6);
            }

            var s0 = Vector512.ShiftLeft(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)s)), 16).AsSingle();
            var o0 = Zeros(s + 32).AsInt16();
            var z0 = Vector512.Create(scales[0]);
            f00 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i00, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[0]).AsInt16())), s0 * z0, f00);
            var z1 = Vector512.Create(scales[1]);
            f10 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i10, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[1]).AsInt16())), s0 * z1, f10);
            var z2 = Vector512.Create(scales[2]);
            f20 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i20, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[2]).AsInt16())), s0 * z2, f20);
            var z3 = Vector512.Create(scales[3]);
            f30 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i30, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[3]).AsInt16())), s0 * z3, f30);
            var z4 = Vector512.Create(scales[4]);
            f40 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i40, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[4]).AsInt16())), s0 * z4, f40);
            var z5 = Vector512.Create(scales[5]);
            f50 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i50, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[5]).AsInt16())), s0 * z5, f50);
            var z6 = Vector512.Create(scales[6]);
            f60 = Vector512.MultiplyAddEstimate(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(i60, Vector512.Create((short)1)) + Avx512BW.MultiplyAddAdjacent(o0, Vector512.Create(sums[6]).AsInt16())), s0 * z6, f60);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f10.Store(c + 32);
        f20.Store(c + 64);
        f30.Store(c + 96);
        f40.Store(c + 128);
        f50.Store(c + 160);
        f60.Store(c + 192);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V256Int8R1(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f00 = default;
        Vector256<float> f01 = default;
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
            var i00 = Vector256.Create(sums[0]);
            var i01 = Vector256.Create(sums[0]);
            for (int g = 0; g < 8; g++)
            {
                var w0 = Vector256.Load(w + 64 * g);
                var l0 = w0.AsInt16() & Vector256.Create((short)255);
                var h0 = Vector256.ShiftRightLogical(w0.AsInt16(), 8);
                var w1 = Vector256.Load(w + 64 * g + 32);
                var l1 = w1.AsInt16() & Vector256.Create((short)255);
                var h1 = Vector256.ShiftRightLogical(w1.AsInt16(), 8);
                var x0 = Vector256.Create(*(int*)(a + 0 + 8 * g)).AsInt16();
                var y0 = Vector256.Create(*(int*)(a + 4 + 8 * g)).AsInt16();
                i00 += Avx2.MultiplyAddAdjacent(l0, x0);
                i00 += Avx2.MultiplyAddAdjacent(h0, y0);
                i01 += Avx2.MultiplyAddAdjacent(l1, x0);
                i01 += Avx2.MultiplyAddAdjacent(h1, y0);
            }

            var s0 = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32(Vector128.Load((ushort*)s + 0)), 16).AsSingle();
            var s1 = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32(Vector128.Load((ushort*)s + 8)), 16).AsSingle();
            var z0 = Vector256.Create(scales[0]);
            f00 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i00), s0 * z0, f00);
            f01 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i01), s1 * z0, f01);
            a += 64 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f01.Store(c + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V256Int8R2(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f00 = default;
        Vector256<float> f01 = default;
        Vector256<float> f10 = default;
        Vector256<float> f11 = default;
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
            var i00 = Vector256.Create(sums[0]);
            var i01 = Vector256.Create(sums[0]);
            var i10 = Vector256.Create(sums[1]);
            var i11 = Vector256.Create(sums[1]);
            for (int g = 0; g < 8; g++)
            {
                var w0 = Vector256.Load(w + 64 * g);
                var l0 = w0.AsInt16() & Vector256.Create((short)255);
                var h0 = Vector256.ShiftRightLogical(w0.AsInt16(), 8);
                var w1 = Vector256.Load(w + 64 * g + 32);
                var l1 = w1.AsInt16() & Vector256.Create((short)255);
                var h1 = Vector256.ShiftRightLogical(w1.AsInt16(), 8);
                var x0 = Vector256.Create(*(int*)(a + 0 + 8 * g)).AsInt16();
                var y0 = Vector256.Create(*(int*)(a + 4 + 8 * g)).AsInt16();
                i00 += Avx2.MultiplyAddAdjacent(l0, x0);
                i00 += Avx2.MultiplyAddAdjacent(h0, y0);
                i01 += Avx2.MultiplyAddAdjacent(l1, x0);
                i01 += Avx2.MultiplyAddAdjacent(h1, y0);
                var x1 = Vector256.Create(*(int*)(a + 64 + 8 * g)).AsInt16();
                var y1 = Vector256.Create(*(int*)(a + 68 + 8 * g)).AsInt16();
                i10 += Avx2.MultiplyAddAdjacent(l0, x1);
                i10 += Avx2.MultiplyAddAdjacent(h0, y1);
                i11 += Avx2.MultiplyAddAdjacent(l1, x1);
                i11 += Avx2.MultiplyAddAdjacent(h1, y1);
            }

            var s0 = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32(Vector128.Load((ushort*)s + 0)), 16).AsSingle();
            var s1 = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32(Vector128.Load((ushort*)s + 8)), 16).AsSingle();
            var z0 = Vector256.Create(scales[0]);
            f00 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i00), s0 * z0, f00);
            f01 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i01), s1 * z0, f01);
            var z1 = Vector256.Create(scales[1]);
            f10 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i10), s0 * z1, f10);
            f11 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(i11), s1 * z1, f11);
            a += 64 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f01.Store(c + 8);
        f10.Store(c + 32);
        f11.Store(c + 40);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V256Int4R1(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f00 = default;
        Vector256<float> f01 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector256<short> i00 = default;
            Vector256<short> i01 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector256.Load(w + 64 * g);
                var l0 = w0 & Vector256.Create((byte)15);
                var h0 = Vector256.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector256.Create((byte)15);
                var w1 = Vector256.Load(w + 64 * g + 32);
                var l1 = w1 & Vector256.Create((byte)15);
                var h1 = Vector256.ShiftRightLogical(w1.AsInt16(), 4).AsByte() & Vector256.Create((byte)15);
                var x0 = Vector256.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector256.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx2.MultiplyAddAdjacent(l0, x0);
                i00 += Avx2.MultiplyAddAdjacent(h0, y0);
                i01 += Avx2.MultiplyAddAdjacent(l1, x0);
                i01 += Avx2.MultiplyAddAdjacent(h1, y0);
            }

            var s0 = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32(Vector128.Load((ushort*)s + 0)), 16).AsSingle();
            var s1 = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32(Vector128.Load((ushort*)s + 8)), 16).AsSingle();
            var z0 = Vector256.Create(scales[0]);
            f00 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(Avx2.MultiplyAddAdjacent(i00, Vector256.Create((short)1)) + Vector256.Create(sums[0])), s0 * z0, f00);
            f01 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(Avx2.MultiplyAddAdjacent(i01, Vector256.Create((short)1)) + Vector256.Create(sums[0])), s1 * z0, f01);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f01.Store(c + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V256Int4R2(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f00 = default;
        Vector256<float> f01 = default;
        Vector256<float> f10 = default;
        Vector256<float> f11 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector256<short> i00 = default;
            Vector256<short> i01 = default;
            Vector256<short> i10 = default;
            Vector256<short> i11 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector256.Load(w + 64 * g);
                var l0 = w0 & Vector256.Create((byte)15);
                var h0 = Vector256.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector256.Create((byte)15);
                var w1 = Vector256.Load(w + 64 * g + 32);
                var l1 = w1 & Vector256.Create((byte)15);
                var h1 = Vector256.ShiftRightLogical(w1.AsInt16(), 4).AsByte() & Vector256.Create((byte)15);
                var x0 = Vector256.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector256.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx2.MultiplyAddAdjacent(l0, x0);
                i00 += Avx2.MultiplyAddAdjacent(h0, y0);
                i01 += Avx2.MultiplyAddAdjacent(l1, x0);
                i01 += Avx2.MultiplyAddAdjacent(h1, y0);
                var x1 = Vector256.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                var y1 = Vector256.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i10 += Avx2.MultiplyAddAdjacent(l0, x1);
                i10 += Avx2.MultiplyAddAdjacent(h0, y1);
                i11 += Avx2.MultiplyAddAdjacent(l1, x1);
                i11 += Avx2.MultiplyAddAdjacent(h1, y1);
            }

            var s0 = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32(Vector128.Load((ushort*)s + 0)), 16).AsSingle();
            var s1 = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32(Vector128.Load((ushort*)s + 8)), 16).AsSingle();
            var z0 = Vector256.Create(scales[0]);
            f00 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(Avx2.MultiplyAddAdjacent(i00, Vector256.Create((short)1)) + Vector256.Create(sums[0])), s0 * z0, f00);
            f01 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(Avx2.MultiplyAddAdjacent(i01, Vector256.Create((short)1)) + Vector256.Create(sums[0])), s1 * z0, f01);
            var z1 = Vector256.Create(scales[1]);
            f10 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(Avx2.MultiplyAddAdjacent(i10, Vector256.Create((short)1)) + Vector256.Create(sums[1])), s0 * z1, f10);
            f11 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(Avx2.MultiplyAddAdjacent(i11, Vector256.Create((short)1)) + Vector256.Create(sums[1])), s1 * z1, f11);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f01.Store(c + 8);
        f10.Store(c + 32);
        f11.Store(c + 40);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V256Int4ZR1(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f00 = default;
        Vector256<float> f01 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector256<short> i00 = default;
            Vector256<short> i01 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector256.Load(w + 64 * g);
                var l0 = w0 & Vector256.Create((byte)15);
                var h0 = Vector256.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector256.Create((byte)15);
                var w1 = Vector256.Load(w + 64 * g + 32);
                var l1 = w1 & Vector256.Create((byte)15);
                var h1 = Vector256.ShiftRightLogical(w1.AsInt16(), 4).AsByte() & Vector256.Create((byte)15);
                var x0 = Vector256.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector256.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx2.MultiplyAddAdjacent(l0, x0);
                i00 += Avx2.MultiplyAddAdjacent(h0, y0);
                i01 += Avx2.MultiplyAddAdjacent(l1, x0);
                i01 += Avx2.MultiplyAddAdjacent(h1, y0);
            }

            var s0 = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32(Vector128.Load((ushort*)s + 0)), 16).AsSingle();
            var s1 = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32(Vector128.Load((ushort*)s + 8)), 16).AsSingle();
            var o0 = Zeros(s + 32, 0).AsInt16();
            var o1 = Zeros(s + 32, 1).AsInt16();
            var z0 = Vector256.Create(scales[0]);
            f00 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(Avx2.MultiplyAddAdjacent(i00, Vector256.Create((short)1)) + Avx2.MultiplyAddAdjacent(o0, Vector256.Create(sums[0]).AsInt16())), s0 * z0, f00);
            f01 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(Avx2.MultiplyAddAdjacent(i01, Vector256.Create((short)1)) + Avx2.MultiplyAddAdjacent(o1, Vector256.Create(sums[0]).AsInt16())), s1 * z0, f01);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f01.Store(c + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void V256Int4ZR2(byte* a, float* scales, int* sums, nint rows, byte* w, nint step, byte* s, nint scaleStep, nint blocks, float* c)
    {
        Vector256<float> f00 = default;
        Vector256<float> f01 = default;
        Vector256<float> f10 = default;
        Vector256<float> f11 = default;
        for (nint b = 0; b < blocks; b++)
        {
            Sse.Prefetch0(w + Distance);
            Sse.Prefetch0(w + Distance + 64);
            Sse.Prefetch0(w + Distance + 128);
            Sse.Prefetch0(w + Distance + 192);
            Vector256<short> i00 = default;
            Vector256<short> i01 = default;
            Vector256<short> i10 = default;
            Vector256<short> i11 = default;
            for (int g = 0; g < 4; g++)
            {
                var w0 = Vector256.Load(w + 64 * g);
                var l0 = w0 & Vector256.Create((byte)15);
                var h0 = Vector256.ShiftRightLogical(w0.AsInt16(), 4).AsByte() & Vector256.Create((byte)15);
                var w1 = Vector256.Load(w + 64 * g + 32);
                var l1 = w1 & Vector256.Create((byte)15);
                var h1 = Vector256.ShiftRightLogical(w1.AsInt16(), 4).AsByte() & Vector256.Create((byte)15);
                var x0 = Vector256.Create(*(int*)(a + 0 + 4 * g)).AsSByte();
                var y0 = Vector256.Create(*(int*)(a + 16 + 4 * g)).AsSByte();
                i00 += Avx2.MultiplyAddAdjacent(l0, x0);
                i00 += Avx2.MultiplyAddAdjacent(h0, y0);
                i01 += Avx2.MultiplyAddAdjacent(l1, x0);
                i01 += Avx2.MultiplyAddAdjacent(h1, y0);
                var x1 = Vector256.Create(*(int*)(a + 32 + 4 * g)).AsSByte();
                var y1 = Vector256.Create(*(int*)(a + 48 + 4 * g)).AsSByte();
                i10 += Avx2.MultiplyAddAdjacent(l0, x1);
                i10 += Avx2.MultiplyAddAdjacent(h0, y1);
                i11 += Avx2.MultiplyAddAdjacent(l1, x1);
                i11 += Avx2.MultiplyAddAdjacent(h1, y1);
            }

            var s0 = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32(Vector128.Load((ushort*)s + 0)), 16).AsSingle();
            var s1 = Vector256.ShiftLeft(Avx2.ConvertToVector256Int32(Vector128.Load((ushort*)s + 8)), 16).AsSingle();
            var o0 = Zeros(s + 32, 0).AsInt16();
            var o1 = Zeros(s + 32, 1).AsInt16();
            var z0 = Vector256.Create(scales[0]);
            f00 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(Avx2.MultiplyAddAdjacent(i00, Vector256.Create((short)1)) + Avx2.MultiplyAddAdjacent(o0, Vector256.Create(sums[0]).AsInt16())), s0 * z0, f00);
            f01 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(Avx2.MultiplyAddAdjacent(i01, Vector256.Create((short)1)) + Avx2.MultiplyAddAdjacent(o1, Vector256.Create(sums[0]).AsInt16())), s1 * z0, f01);
            var z1 = Vector256.Create(scales[1]);
            f10 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(Avx2.MultiplyAddAdjacent(i10, Vector256.Create((short)1)) + Avx2.MultiplyAddAdjacent(o0, Vector256.Create(sums[1]).AsInt16())), s0 * z1, f10);
            f11 = Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(Avx2.MultiplyAddAdjacent(i11, Vector256.Create((short)1)) + Avx2.MultiplyAddAdjacent(o1, Vector256.Create(sums[1]).AsInt16())), s1 * z1, f11);
            a += 32 * rows;
            scales += rows;
            sums += rows;
            w += step;
            s += scaleStep;
        }

        f00.Store(c + 0);
        f01.Store(c + 8);
        f10.Store(c + 32);
        f11.Store(c + 40);
    }
}
