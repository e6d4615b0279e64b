// Written by build/GenerateTiles.cs; change that, not this.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MoE;

/// <summary>The k best of e vectors, lane by lane, for the k of published models: levels in registers.</summary>
public static unsafe partial class RouterKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Top1<TOrder>(float* scores, float* bias, int e, float* values, int* indices) where TOrder : struct, IOrder
    {
        var v0 = Vector512.Create(float.NegativeInfinity);
        var n0 = Vector512.Create(-1);
        for (int i = 0; i < e; i++)
        {
            var v = Vector512.Load(scores + i * Lanes);
            if (bias is not null) v += Vector512.Create(bias[i]);
            if (TOrder.NoneBefore(v, v0)) continue;
            var index = Vector512.Create(i);
            n0 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v0).AsInt32(), n0, index);
            v0 = Vector512.MaxNative(v, v0);
        }

        v0.Store(values);
        n0.Store(indices);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Top2<TOrder>(float* scores, float* bias, int e, float* values, int* indices) where TOrder : struct, IOrder
    {
        var v0 = Vector512.Create(float.NegativeInfinity);
        var n0 = Vector512.Create(-1);
        var v1 = Vector512.Create(float.NegativeInfinity);
        var n1 = Vector512.Create(-1);
        for (int i = 0; i < e; i++)
        {
            var v = Vector512.Load(scores + i * Lanes);
            if (bias is not null) v += Vector512.Create(bias[i]);
            if (TOrder.NoneBefore(v, v1)) continue;
            var index = Vector512.Create(i);
            n1 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v1).AsInt32(), n1, index);
            n1 = Vector512.ConditionalSelect(TOrder.Before(v, v0).AsInt32(), n0, n1);
            v1 = Vector512.MaxNative(Vector512.MinNative(v, v0), v1);
            n0 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v0).AsInt32(), n0, index);
            v0 = Vector512.MaxNative(v, v0);
        }

        v0.Store(values);
        n0.Store(indices);
        v1.Store(values + 1 * Lanes);
        n1.Store(indices + 1 * Lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Top4<TOrder>(float* scores, float* bias, int e, float* values, int* indices) where TOrder : struct, IOrder
    {
        var v0 = Vector512.Create(float.NegativeInfinity);
        var n0 = Vector512.Create(-1);
        var v1 = Vector512.Create(float.NegativeInfinity);
        var n1 = Vector512.Create(-1);
        var v2 = Vector512.Create(float.NegativeInfinity);
        var n2 = Vector512.Create(-1);
        var v3 = Vector512.Create(float.NegativeInfinity);
        var n3 = Vector512.Create(-1);
        for (int i = 0; i < e; i++)
        {
            var v = Vector512.Load(scores + i * Lanes);
            if (bias is not null) v += Vector512.Create(bias[i]);
            if (TOrder.NoneBefore(v, v3)) continue;
            var index = Vector512.Create(i);
            n3 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v3).AsInt32(), n3, index);
            n3 = Vector512.ConditionalSelect(TOrder.Before(v, v2).AsInt32(), n2, n3);
            v3 = Vector512.MaxNative(Vector512.MinNative(v, v2), v3);
            n2 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v2).AsInt32(), n2, index);
            n2 = Vector512.ConditionalSelect(TOrder.Before(v, v1).AsInt32(), n1, n2);
            v2 = Vector512.MaxNative(Vector512.MinNative(v, v1), v2);
            n1 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v1).AsInt32(), n1, index);
            n1 = Vector512.ConditionalSelect(TOrder.Before(v, v0).AsInt32(), n0, n1);
            v1 = Vector512.MaxNative(Vector512.MinNative(v, v0), v1);
            n0 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v0).AsInt32(), n0, index);
            v0 = Vector512.MaxNative(v, v0);
        }

        v0.Store(values);
        n0.Store(indices);
        v1.Store(values + 1 * Lanes);
        n1.Store(indices + 1 * Lanes);
        v2.Store(values + 2 * Lanes);
        n2.Store(indices + 2 * Lanes);
        v3.Store(values + 3 * Lanes);
        n3.Store(indices + 3 * Lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Top6<TOrder>(float* scores, float* bias, int e, float* values, int* indices) where TOrder : struct, IOrder
    {
        var v0 = Vector512.Create(float.NegativeInfinity);
        var n0 = Vector512.Create(-1);
        var v1 = Vector512.Create(float.NegativeInfinity);
        var n1 = Vector512.Create(-1);
        var v2 = Vector512.Create(float.NegativeInfinity);
        var n2 = Vector512.Create(-1);
        var v3 = Vector512.Create(float.NegativeInfinity);
        var n3 = Vector512.Create(-1);
        var v4 = Vector512.Create(float.NegativeInfinity);
        var n4 = Vector512.Create(-1);
        var v5 = Vector512.Create(float.NegativeInfinity);
        var n5 = Vector512.Create(-1);
        for (int i = 0; i < e; i++)
        {
            var v = Vector512.Load(scores + i * Lanes);
            if (bias is not null) v += Vector512.Create(bias[i]);
            if (TOrder.NoneBefore(v, v5)) continue;
            var index = Vector512.Create(i);
            n5 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v5).AsInt32(), n5, index);
            n5 = Vector512.ConditionalSelect(TOrder.Before(v, v4).AsInt32(), n4, n5);
            v5 = Vector512.MaxNative(Vector512.MinNative(v, v4), v5);
            n4 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v4).AsInt32(), n4, index);
            n4 = Vector512.ConditionalSelect(TOrder.Before(v, v3).AsInt32(), n3, n4);
            v4 = Vector512.MaxNative(Vector512.MinNative(v, v3), v4);
            n3 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v3).AsInt32(), n3, index);
            n3 = Vector512.ConditionalSelect(TOrder.Before(v, v2).AsInt32(), n2, n3);
            v3 = Vector512.MaxNative(Vector512.MinNative(v, v2), v3);
            n2 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v2).AsInt32(), n2, index);
            n2 = Vector512.ConditionalSelect(TOrder.Before(v, v1).AsInt32(), n1, n2);
            v2 = Vector512.MaxNative(Vector512.MinNative(v, v1), v2);
            n1 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v1).AsInt32(), n1, index);
            n1 = Vector512.ConditionalSelect(TOrder.Before(v, v0).AsInt32(), n0, n1);
            v1 = Vector512.MaxNative(Vector512.MinNative(v, v0), v1);
            n0 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v0).AsInt32(), n0, index);
            v0 = Vector512.MaxNative(v, v0);
        }

        v0.Store(values);
        n0.Store(indices);
        v1.Store(values + 1 * Lanes);
        n1.Store(indices + 1 * Lanes);
        v2.Store(values + 2 * Lanes);
        n2.Store(indices + 2 * Lanes);
        v3.Store(values + 3 * Lanes);
        n3.Store(indices + 3 * Lanes);
        v4.Store(values + 4 * Lanes);
        n4.Store(indices + 4 * Lanes);
        v5.Store(values + 5 * Lanes);
        n5.Store(indices + 5 * Lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Top8<TOrder>(float* scores, float* bias, int e, float* values, int* indices) where TOrder : struct, IOrder
    {
        var v0 = Vector512.Create(float.NegativeInfinity);
        var n0 = Vector512.Create(-1);
        var v1 = Vector512.Create(float.NegativeInfinity);
        var n1 = Vector512.Create(-1);
        var v2 = Vector512.Create(float.NegativeInfinity);
        var n2 = Vector512.Create(-1);
        var v3 = Vector512.Create(float.NegativeInfinity);
        var n3 = Vector512.Create(-1);
        var v4 = Vector512.Create(float.NegativeInfinity);
        var n4 = Vector512.Create(-1);
        var v5 = Vector512.Create(float.NegativeInfinity);
        var n5 = Vector512.Create(-1);
        var v6 = Vector512.Create(float.NegativeInfinity);
        var n6 = Vector512.Create(-1);
        var v7 = Vector512.Create(float.NegativeInfinity);
        var n7 = Vector512.Create(-1);
        for (int i = 0; i < e; i++)
        {
            var v = Vector512.Load(scores + i * Lanes);
            if (bias is not null) v += Vector512.Create(bias[i]);
            if (TOrder.NoneBefore(v, v7)) continue;
            var index = Vector512.Create(i);
            n7 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v7).AsInt32(), n7, index);
            n7 = Vector512.ConditionalSelect(TOrder.Before(v, v6).AsInt32(), n6, n7);
            v7 = Vector512.MaxNative(Vector512.MinNative(v, v6), v7);
            n6 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v6).AsInt32(), n6, index);
            n6 = Vector512.ConditionalSelect(TOrder.Before(v, v5).AsInt32(), n5, n6);
            v6 = Vector512.MaxNative(Vector512.MinNative(v, v5), v6);
            n5 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v5).AsInt32(), n5, index);
            n5 = Vector512.ConditionalSelect(TOrder.Before(v, v4).AsInt32(), n4, n5);
            v5 = Vector512.MaxNative(Vector512.MinNative(v, v4), v5);
            n4 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v4).AsInt32(), n4, index);
            n4 = Vector512.ConditionalSelect(TOrder.Before(v, v3).AsInt32(), n3, n4);
            v4 = Vector512.MaxNative(Vector512.MinNative(v, v3), v4);
            n3 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v3).AsInt32(), n3, index);
            n3 = Vector512.ConditionalSelect(TOrder.Before(v, v2).AsInt32(), n2, n3);
            v3 = Vector512.MaxNative(Vector512.MinNative(v, v2), v3);
            n2 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v2).AsInt32(), n2, index);
            n2 = Vector512.ConditionalSelect(TOrder.Before(v, v1).AsInt32(), n1, n2);
            v2 = Vector512.MaxNative(Vector512.MinNative(v, v1), v2);
            n1 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v1).AsInt32(), n1, index);
            n1 = Vector512.ConditionalSelect(TOrder.Before(v, v0).AsInt32(), n0, n1);
            v1 = Vector512.MaxNative(Vector512.MinNative(v, v0), v1);
            n0 = Vector512.ConditionalSelect(TOrder.NotBefore(v, v0).AsInt32(), n0, index);
            v0 = Vector512.MaxNative(v, v0);
        }

        v0.Store(values);
        n0.Store(indices);
        v1.Store(values + 1 * Lanes);
        n1.Store(indices + 1 * Lanes);
        v2.Store(values + 2 * Lanes);
        n2.Store(indices + 2 * Lanes);
        v3.Store(values + 3 * Lanes);
        n3.Store(indices + 3 * Lanes);
        v4.Store(values + 4 * Lanes);
        n4.Store(indices + 4 * Lanes);
        v5.Store(values + 5 * Lanes);
        n5.Store(indices + 5 * Lanes);
        v6.Store(values + 6 * Lanes);
        n6.Store(indices + 6 * Lanes);
        v7.Store(values + 7 * Lanes);
        n7.Store(indices + 7 * Lanes);
    }
}
