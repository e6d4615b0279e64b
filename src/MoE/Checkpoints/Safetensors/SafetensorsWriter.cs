using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace MoE.Checkpoints;

/// <summary>
/// Writes safetensors files as the reference implementation does: tensors by type in falling order of <see cref="SafetensorsType"/>, then by name in byte order; the header padded with spaces to eight bytes. The file appears under its name only when complete.
/// </summary>
public static class SafetensorsWriter
{
    /// <summary>Writes a file.</summary>
    /// <param name="path">Overwritten if it exists.</param>
    /// <param name="tensors">In any order; names unique.</param>
    /// <param name="metadata">Free text, written in the order given; null: none.</param>
    /// <exception cref="ArgumentException">A name is there twice or is no text (a lone surrogate), or the header would be larger than readers accept.</exception>
    /// <exception cref="InvalidOperationException">A tensor wrote another number of bytes than its shape has.</exception>
    /// <exception cref="IOException">The file cannot be written; nothing is left behind.</exception>
    public static void Write(string path, IEnumerable<SafetensorsTensor> tensors, IEnumerable<KeyValuePair<string, string>>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        var ordered = Order(tensors);
        byte[] header = Header(ordered, metadata);
        using var file = new ReplacementFile(path);
        var stream = file.Stream;
        stream.Write(header);
        foreach (var tensor in ordered)
        {
            long before = stream.Position;
            tensor.Write(stream);
            if (stream.Position - before != tensor.Length)
                throw new InvalidOperationException($"tensor {tensor.Name} wrote {stream.Position - before} bytes; must write {tensor.Length}");
        }

        file.Commit();
    }

    private static SafetensorsTensor[] Order(IEnumerable<SafetensorsTensor> tensors)
    {
        SafetensorsTensor[] ordered = [.. tensors];
        var keys = Array.ConvertAll(ordered, static t => (t.Type, Name: Utf8(t.Name)));
        Array.Sort(keys, ordered, Comparer<(SafetensorsType Type, byte[] Name)>.Create(static (a, b) => a.Type != b.Type ? b.Type.CompareTo(a.Type) : a.Name.AsSpan().SequenceCompareTo(b.Name)));
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tensor in ordered)
        {
            if (!names.Add(tensor.Name)) throw new ArgumentException($"tensor {tensor.Name} is there twice", nameof(tensors));
        }

        return ordered;
    }

    private static byte[] Header(SafetensorsTensor[] tensors, IEnumerable<KeyValuePair<string, string>>? metadata)
    {
        var json = new StringBuilder("{");
        if (metadata is not null)
        {
            var keys = new HashSet<string>(StringComparer.Ordinal);
            json.Append("\"__metadata__\":{");
            foreach (var (key, value) in metadata)
            {
                if (!keys.Add(key)) throw new ArgumentException($"metadata {key} is there twice", nameof(metadata));
                if (keys.Count > 1) json.Append(',');
                Quote(json, key);
                json.Append(':');
                Quote(json, value);
            }

            json.Append('}');
        }

        Int128 offset = 0;
        foreach (var tensor in tensors)
        {
            if (json.Length > 1) json.Append(',');
            Quote(json, tensor.Name);
            json.Append(CultureInfo.InvariantCulture, $":{{\"dtype\":\"{SafetensorsTypes.Name(tensor.Type)}\",\"shape\":[{string.Join(',', tensor.Shape.ToArray())}],\"data_offsets\":[{offset},");
            offset += tensor.Length;
            if (offset > long.MaxValue) throw new ArgumentException("the tensors together have 2^63 bytes or more", nameof(tensors));
            json.Append(CultureInfo.InvariantCulture, $"{offset}]}}");
        }

        json.Append('}');
        byte[] text = Utf8(json.ToString());
        int padded = (text.Length + 7) / 8 * 8;
        if (padded > SafetensorsHeader.LargestHeader) throw new ArgumentException($"the header would have {padded} bytes; readers accept {SafetensorsHeader.LargestHeader}", nameof(tensors));
        byte[] header = new byte[8 + padded];
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)padded);
        text.CopyTo(header, 8);
        header.AsSpan(8 + text.Length).Fill((byte)' ');
        return header;
    }

    // Only what JSON demands is escaped, as the reference implementation does.
    private static void Quote(StringBuilder json, string text)
    {
        json.Append('"');
        foreach (char c in text)
        {
            switch (c)
            {
                case '"': json.Append("\\\""); break;
                case '\\': json.Append("\\\\"); break;
                case '\b': json.Append("\\b"); break;
                case '\f': json.Append("\\f"); break;
                case '\n': json.Append("\\n"); break;
                case '\r': json.Append("\\r"); break;
                case '\t': json.Append("\\t"); break;
                case < ' ': json.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"); break;
                default: json.Append(c); break;
            }
        }

        json.Append('"');
    }

    private static byte[] Utf8(string text)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetBytes(text);
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException($"a name or text is not valid: {e.Message}", e);
        }
    }
}
