namespace MoE.Checkpoints;

/// <summary>One tensor of a safetensors file: what its header says, checked.</summary>
public sealed class SafetensorsEntry
{
    private readonly long[] _shape;

    internal SafetensorsEntry(string name, SafetensorsType type, long[] shape, long offset, long length)
    {
        Name = name;
        Type = type;
        _shape = shape;
        Offset = offset;
        Length = length;
    }

    /// <summary>Name; unique in the file, may be empty.</summary>
    public string Name { get; }

    /// <summary>Element type.</summary>
    public SafetensorsType Type { get; }

    /// <summary>Dimensions, none negative; empty for a scalar.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    /// <summary>First byte, counted from the first byte behind the header.</summary>
    public long Offset { get; }

    /// <summary>Number of bytes; exactly that of the type and shape.</summary>
    public long Length { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {SafetensorsTypes.Name(Type)} [{string.Join(", ", _shape)}]";
}
