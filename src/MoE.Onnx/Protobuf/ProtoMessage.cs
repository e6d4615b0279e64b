using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace MoE.Onnx;

/// <summary>
/// One protobuf message under construction, in wire format. Small fields are encoded at once; nested messages and payloads are kept by reference,
/// so the length is always known and large tensors stream to the target without a copy of the whole.
/// </summary>
internal sealed class ProtoMessage
{
    /// <summary>What a protobuf parser accepts: lengths are signed 32-bit.</summary>
    public const long MaxLength = int.MaxValue;

    private const int VarintType = 0, LengthType = 2, Fixed32Type = 5;
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ArrayBufferWriter<byte> _small = new();
    private readonly List<(int SmallEnd, ProtoMessage? Message, IProtoPayload? Payload)> _parts = [];
    private long _partsLength;

    /// <summary>Encoded length in bytes.</summary>
    public long Length => _small.WrittenCount + _partsLength;

    /// <summary>Writes an integer, enum or bool field; negative values take ten bytes, as protobuf's int64 does.</summary>
    public ProtoMessage Varint(int field, long value)
    {
        Tag(field, VarintType);
        Raw((ulong)value);
        return this;
    }

    /// <summary>Writes a float field.</summary>
    public ProtoMessage Float(int field, float value)
    {
        Tag(field, Fixed32Type);
        BinaryPrimitives.WriteSingleLittleEndian(_small.GetSpan(4), value);
        _small.Advance(4);
        return this;
    }

    /// <summary>Writes a string field as UTF-8.</summary>
    /// <exception cref="EncoderFallbackException">The text has a lone surrogate.</exception>
    public ProtoMessage Text(int field, string value)
    {
        int count = Utf8.GetByteCount(value);
        Tag(field, LengthType);
        Raw((ulong)count);
        Utf8.GetBytes(value, _small.GetSpan(count));
        _small.Advance(count);
        return this;
    }

    /// <summary>Writes a nested message. It must be complete: its length is taken now.</summary>
    public ProtoMessage Message(int field, ProtoMessage value)
    {
        Tag(field, LengthType);
        Raw((ulong)value.Length);
        _parts.Add((_small.WrittenCount, value, null));
        _partsLength += value.Length;
        return this;
    }

    /// <summary>Writes a bytes field whose content is produced when the message is written out.</summary>
    public ProtoMessage Payload(int field, IProtoPayload value)
    {
        Tag(field, LengthType);
        Raw((ulong)value.Length);
        _parts.Add((_small.WrittenCount, null, value));
        _partsLength += value.Length;
        return this;
    }

    /// <summary>Writes a repeated integer field in packed form; nothing if empty.</summary>
    public ProtoMessage PackedVarints(int field, ReadOnlySpan<long> values)
    {
        if (values.IsEmpty) return this;
        long bytes = 0;
        foreach (long value in values) bytes += VarintSize((ulong)value);
        Tag(field, LengthType);
        Raw((ulong)bytes);
        foreach (long value in values) Raw((ulong)value);
        return this;
    }

    /// <summary>Writes a repeated float field in packed form; nothing if empty.</summary>
    public ProtoMessage PackedFloats(int field, ReadOnlySpan<float> values)
    {
        if (values.IsEmpty) return this;
        Tag(field, LengthType);
        Raw((ulong)values.Length * sizeof(float));
        foreach (float value in values)
        {
            BinaryPrimitives.WriteSingleLittleEndian(_small.GetSpan(4), value);
            _small.Advance(4);
        }

        return this;
    }

    /// <summary>Writes the message to a stream.</summary>
    /// <exception cref="InvalidOperationException">A payload wrote another number of bytes than it announced.</exception>
    public void CopyTo(Stream target)
    {
        int start = 0;
        foreach (var (end, message, payload) in _parts)
        {
            target.Write(_small.WrittenSpan[start..end]);
            start = end;
            message?.CopyTo(target);
            payload?.CopyTo(target);
        }

        target.Write(_small.WrittenSpan[start..]);
    }

    /// <summary>Bytes that a varint takes: seven bits each.</summary>
    public static int VarintSize(ulong value) => (BitOperations.Log2(value | 1) / 7) + 1;

    private void Tag(int field, int wireType) => Raw(((ulong)field << 3) | (uint)wireType);

    private void Raw(ulong value)
    {
        var span = _small.GetSpan(10);
        int i = 0;
        for (; value >= 0x80; value >>= 7) span[i++] = (byte)(value | 0x80);
        span[i++] = (byte)value;
        _small.Advance(i);
    }
}
