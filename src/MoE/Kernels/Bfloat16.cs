using System.Runtime.Intrinsics;

namespace MoE;

/// <summary>The upper half of single precision.</summary>
internal static class Bfloat16
{
    /// <summary>To nearest, ties to even; NaN stays NaN.</summary>
    public static ushort Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value)) return (ushort)(bits >> 16 | 0x40);
        return (ushort)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }

    public static float Widen(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);

    public static Vector512<float> Widen(Vector256<ushort> values)
    {
        var (low, high) = Vector256.Widen(values);
        return Vector512.ShiftLeft(Vector512.Create(low, high), 16).AsSingle();
    }
}
