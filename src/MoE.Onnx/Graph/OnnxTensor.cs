namespace MoE.Onnx;

/// <summary>A named constant tensor: an initializer of a graph or the value of an attribute. Whether the data fits the shape is checked when the model is written.</summary>
public sealed class OnnxTensor
{
    private readonly long[] _shape;

    private OnnxTensor(string name, OnnxElementType type, ReadOnlySpan<long> shape, IProtoPayload data)
    {
        Name = name;
        Type = type;
        _shape = shape.ToArray();
        Data = data;
    }

    /// <summary>Value name.</summary>
    public string Name { get; }

    /// <summary>Element type.</summary>
    public OnnxElementType Type { get; }

    /// <summary>Dimensions; empty: a scalar.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    /// <summary>Length of the data in bytes.</summary>
    public long ByteLength => Data.Length;

    internal IProtoPayload Data { get; }

    /// <summary>The tensor of a weight source whose bytes these are, from <see cref="OriginStart"/> on; null where they are made or rearranged.</summary>
    internal string? Origin { get; init; }

    /// <summary>In bytes.</summary>
    internal long OriginStart { get; init; }

    /// <summary>A tensor over values that the caller keeps unchanged until the model is written; they are not copied.</summary>
    /// <typeparam name="T">float, byte, sbyte, int, long, bool or Half.</typeparam>
    /// <param name="name">Value name.</param>
    /// <param name="values">Row-major values.</param>
    /// <param name="shape">Dimensions; none: a scalar.</param>
    /// <exception cref="ArgumentException"><typeparamref name="T"/> is another type.</exception>
    public static OnnxTensor Create<T>(string name, ReadOnlyMemory<T> values, params ReadOnlySpan<long> shape) where T : unmanaged =>
        new(name, OnnxElementTypes.Of<T>(), shape, new MemoryPayload<T>(values));

    /// <summary>A tensor over raw bytes that the caller keeps unchanged until the model is written; they are not copied.</summary>
    /// <param name="name">Value name.</param>
    /// <param name="type">Element type.</param>
    /// <param name="data">Row-major little-endian bytes.</param>
    /// <param name="shape">Dimensions; none: a scalar.</param>
    public static OnnxTensor Raw(string name, OnnxElementType type, ReadOnlyMemory<byte> data, params ReadOnlySpan<long> shape) =>
        new(name, type, shape, new MemoryPayload<byte>(data));

    /// <summary>A tensor whose bytes are produced while the model is written, for weights that are rearranged on the way and need never exist as a whole.</summary>
    /// <param name="name">Value name.</param>
    /// <param name="type">Element type.</param>
    /// <param name="byteLength">Exactly how many bytes <paramref name="write"/> writes.</param>
    /// <param name="write">Writes row-major little-endian bytes; called once per written file, with the same result every time.</param>
    /// <param name="shape">Dimensions; none: a scalar.</param>
    public static OnnxTensor Deferred(string name, OnnxElementType type, long byteLength, Action<Stream> write, params ReadOnlySpan<long> shape)
    {
        ArgumentNullException.ThrowIfNull(write);
        ArgumentOutOfRangeException.ThrowIfNegative(byteLength);
        return new OnnxTensor(name, type, shape, new DeferredPayload(byteLength, write));
    }

    /// <summary>The same tensor with its origin told.</summary>
    internal OnnxTensor From(string origin, long start) => new(Name, Type, Shape, Data) { Origin = origin, OriginStart = start };
}
