using System.Runtime.InteropServices;

namespace MoE;

/// <summary>Element types of weights.</summary>
public enum WeightType
{
    /// <summary>IEEE single precision.</summary>
    Float32,

    /// <summary>bfloat16: the upper half of a single.</summary>
    BFloat16,

    /// <summary>IEEE half precision.</summary>
    Float16,
}

/// <summary>A named tensor as it lies in memory: element type, shape and row-major little-endian bytes.</summary>
public readonly ref struct WeightTensor
{
    /// <summary>Describes memory that somebody else keeps alive.</summary>
    /// <param name="type">Element type.</param>
    /// <param name="shape">Dimensions, none negative.</param>
    /// <param name="data">Exactly the bytes of the shape.</param>
    /// <exception cref="ArgumentException">The bytes do not fit the shape, or the type is not defined.</exception>
    public WeightTensor(WeightType type, ReadOnlySpan<int> shape, ReadOnlySpan<byte> data)
    {
        if (!Enum.IsDefined(type)) throw new ArgumentOutOfRangeException(nameof(type), type, "must be a defined weight type");
        // Shapes come from files: the product saturates instead of wrapping round to a length that fits.
        Int128 bytes = type == WeightType.Float32 ? 4 : 2;
        foreach (int d in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(d, nameof(shape));
            bytes = Int128.Min(bytes * d, long.MaxValue);
        }

        if (bytes != data.Length)
            throw new ArgumentException($"data has {data.Length} bytes; shape [{string.Join(", ", shape.ToArray())}] of {type} needs {bytes}", nameof(data));
        Type = type;
        Shape = shape;
        Data = data;
    }

    /// <summary>Element type.</summary>
    public WeightType Type { get; }

    /// <summary>Dimensions.</summary>
    public ReadOnlySpan<int> Shape { get; }

    /// <summary>Row-major little-endian bytes.</summary>
    public ReadOnlySpan<byte> Data { get; }

    /// <summary>Number of elements.</summary>
    public int Count => Data.Length / (Type == WeightType.Float32 ? 4 : 2);

    /// <summary>The elements as single precision (exact for every <see cref="WeightType"/>).</summary>
    public float[] ToSingles()
    {
        var values = new float[Count];
        CopyTo(0, values);
        return values;
    }

    /// <summary>Elements from a start on, as single precision.</summary>
    internal void CopyTo(int start, Span<float> values)
    {
        int size = Type == WeightType.Float32 ? 4 : 2;
        var data = Data.Slice(checked(start * size), checked(values.Length * size));
        switch (Type)
        {
            case WeightType.Float32:
                MemoryMarshal.Cast<byte, float>(data).CopyTo(values);
                break;
            case WeightType.BFloat16:
                var upper = MemoryMarshal.Cast<byte, ushort>(data);
                for (int i = 0; i < values.Length; i++) values[i] = BitConverter.UInt32BitsToSingle((uint)upper[i] << 16);
                break;
            default:
                var half = MemoryMarshal.Cast<byte, Half>(data);
                for (int i = 0; i < values.Length; i++) values[i] = (float)half[i];
                break;
        }
    }
}
