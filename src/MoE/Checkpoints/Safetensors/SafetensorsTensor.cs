namespace MoE.Checkpoints;

/// <summary>A tensor to be written: name, type, shape, and a way to write its bytes, so that a model need not lie in memory at once.</summary>
public sealed class SafetensorsTensor
{
    private readonly long[] _shape;

    /// <summary>A tensor from memory.</summary>
    /// <param name="name">Unique in a file; not <c>__metadata__</c>.</param>
    /// <param name="type">Element type.</param>
    /// <param name="shape">Dimensions, none negative.</param>
    /// <param name="data">Exactly the bytes of the type and shape, row-major and little-endian; kept, not copied.</param>
    /// <exception cref="ArgumentException">The name is reserved, or the bytes do not fit.</exception>
    public SafetensorsTensor(string name, SafetensorsType type, ReadOnlySpan<long> shape, ReadOnlyMemory<byte> data)
        : this(name, type, shape, stream => stream.Write(data.Span))
    {
        if (data.Length != Length) throw new ArgumentException($"data has {data.Length} bytes; {SafetensorsTypes.Name(type)} [{string.Join(", ", _shape)}] needs {Length}", nameof(data));
    }

    /// <summary>A tensor that writes itself when its turn comes.</summary>
    /// <param name="name">Unique in a file; not <c>__metadata__</c>.</param>
    /// <param name="type">Element type.</param>
    /// <param name="shape">Dimensions, none negative.</param>
    /// <param name="write">Writes exactly the bytes of the type and shape.</param>
    /// <exception cref="ArgumentException">The name is reserved, or the shape is no whole number of bytes below 2^63.</exception>
    public SafetensorsTensor(string name, SafetensorsType type, ReadOnlySpan<long> shape, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(write);
        if (name == "__metadata__") throw new ArgumentException("name = __metadata__: is reserved by the format", nameof(name));
        if (!Enum.IsDefined(type)) throw new ArgumentOutOfRangeException(nameof(type), type, "must be a defined type");
        foreach (long d in shape) ArgumentOutOfRangeException.ThrowIfNegative(d, nameof(shape));
        _shape = shape.ToArray();
        Length = SafetensorsTypes.Bytes(type, shape) ?? throw new ArgumentException($"shape [{string.Join(", ", _shape)}] of {SafetensorsTypes.Name(type)} is no whole number of bytes below 2^63", nameof(shape));
        Name = name;
        Type = type;
        Write = write;
    }

    /// <summary>Name.</summary>
    public string Name { get; }

    /// <summary>Element type.</summary>
    public SafetensorsType Type { get; }

    /// <summary>Dimensions.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    /// <summary>Number of bytes.</summary>
    public long Length { get; }

    internal Action<Stream> Write { get; }
}
