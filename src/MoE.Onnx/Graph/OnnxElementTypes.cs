namespace MoE.Onnx;

internal static class OnnxElementTypes
{
    public static int Size(this OnnxElementType type) => type switch
    {
        OnnxElementType.UInt8 or OnnxElementType.Int8 or OnnxElementType.Bool => 1,
        OnnxElementType.Float16 or OnnxElementType.BFloat16 => 2,
        OnnxElementType.Float32 or OnnxElementType.Int32 => 4,
        OnnxElementType.Int64 => 8,
        _ => 0,
    };

    public static OnnxElementType Of<T>() where T : unmanaged
    {
        if (typeof(T) == typeof(float)) return OnnxElementType.Float32;
        if (typeof(T) == typeof(byte)) return OnnxElementType.UInt8;
        if (typeof(T) == typeof(sbyte)) return OnnxElementType.Int8;
        if (typeof(T) == typeof(int)) return OnnxElementType.Int32;
        if (typeof(T) == typeof(long)) return OnnxElementType.Int64;
        if (typeof(T) == typeof(bool)) return OnnxElementType.Bool;
        if (typeof(T) == typeof(Half)) return OnnxElementType.Float16;
        throw new ArgumentException($"T = {typeof(T)}: must be float, byte, sbyte, int, long, bool or Half; write others as bytes with {nameof(OnnxTensor)}.{nameof(OnnxTensor.Raw)}");
    }
}
