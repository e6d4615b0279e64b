using System.Text.Json;

namespace MoE.Checkpoints;

/// <summary>The header of a file, parsed as hostile input: every number is checked before it is used, and nothing is allocated from a number in it.</summary>
internal sealed class SafetensorsHeader
{
    /// <summary>The limit of the reference implementation.</summary>
    public const int LargestHeader = 100_000_000;

    private const string MetadataKey = "__metadata__";

    private readonly Dictionary<string, SafetensorsEntry> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);

    private SafetensorsHeader()
    {
    }

    public IReadOnlyDictionary<string, SafetensorsEntry> ByName => _byName;

    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <summary>In the order of the data.</summary>
    public SafetensorsEntry[] Entries { get; private set; } = [];

    /// <param name="json">The bytes of the header.</param>
    /// <param name="dataLength">Bytes behind it.</param>
    /// <exception cref="InvalidDataException">The header breaks a rule of the format.</exception>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long dataLength)
    {
        if (json.IsEmpty || json[0] != (byte)'{') throw new InvalidDataException("the header does not begin with {");
        // Padding is spaces only; the reader would also pass over line breaks.
        int end = json.TrimEnd((byte)' ').Length;
        var header = new SafetensorsHeader();
        try
        {
            var reader = new Utf8JsonReader(json[..end], new JsonReaderOptions { MaxDepth = 3 });
            reader.Read();
            header.ReadRoot(ref reader);
            if (reader.Read()) throw new InvalidDataException("the header goes on behind its last brace");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"the header is not the JSON of the format: {e.Message}", e);
        }

        header.CheckLayout(dataLength);
        return header;
    }

    private void ReadRoot(ref Utf8JsonReader reader)
    {
        bool metadata = false;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string name = reader.GetString()!;
            reader.Read();
            if (name == MetadataKey)
            {
                if (metadata) throw new InvalidDataException($"{MetadataKey} is there twice");
                metadata = true;
                ReadMetadata(ref reader);
            }
            else if (!_byName.TryAdd(name, ReadEntry(ref reader, name)))
            {
                throw new InvalidDataException($"tensor {Short(name)} is there twice");
            }
        }
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw new InvalidDataException($"{MetadataKey} is not an object");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String) throw new InvalidDataException($"{MetadataKey}.{Short(key)} is not a string");
            if (!_metadata.TryAdd(key, reader.GetString()!)) throw new InvalidDataException($"{MetadataKey}.{Short(key)} is there twice");
        }
    }

    private static SafetensorsEntry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw new InvalidDataException($"tensor {Short(name)} is not an object");
        SafetensorsType? type = null;
        long[]? shape = null, offsets = null;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            bool again;
            if (reader.ValueTextEquals("dtype"u8))
            {
                again = type is not null;
                reader.Read();
                type = ReadType(ref reader, name);
            }
            else if (reader.ValueTextEquals("shape"u8))
            {
                again = shape is not null;
                reader.Read();
                shape = ReadWholes(ref reader, $"the shape of tensor {Short(name)}");
            }
            else if (reader.ValueTextEquals("data_offsets"u8))
            {
                again = offsets is not null;
                reader.Read();
                offsets = ReadWholes(ref reader, $"data_offsets of tensor {Short(name)}");
            }
            else
            {
                throw new InvalidDataException($"tensor {Short(name)} has the unknown key {Short(reader.GetString()!)}");
            }

            if (again) throw new InvalidDataException($"tensor {Short(name)} has a key twice");
        }

        if (type is not { } t || shape is null || offsets is null) throw new InvalidDataException($"tensor {Short(name)} lacks dtype, shape or data_offsets");
        if (offsets.Length != 2 || offsets[1] < offsets[0]) throw new InvalidDataException($"data_offsets of tensor {Short(name)} must be two rising numbers");
        if (SafetensorsTypes.Bytes(t, shape) is not { } bytes) throw new InvalidDataException($"tensor {Short(name)}: {SafetensorsTypes.Name(t)} of its shape is no whole number of bytes below 2^63");
        return offsets[1] - offsets[0] == bytes
            ? new SafetensorsEntry(name, t, shape, offsets[0], bytes)
            : throw new InvalidDataException($"tensor {Short(name)} has {offsets[1] - offsets[0]} bytes; its type and shape need {bytes}");
    }

    private static SafetensorsType ReadType(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.String) throw new InvalidDataException($"dtype of tensor {Short(name)} is not a string");
        // Compared as bytes: an escaped spelling is none of the format's.
        return SafetensorsTypes.Find(reader.ValueSpan)
            ?? throw new InvalidDataException($"tensor {Short(name)} has the unknown dtype {Short(reader.GetString()!)}");
    }

    private static long[] ReadWholes(ref Utf8JsonReader reader, string what)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw new InvalidDataException($"{what} is not a list");
        var values = new List<long>(4);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long value) || value < 0)
                throw new InvalidDataException($"{what} must hold whole numbers from 0 to 2^63 - 1");
            values.Add(value);
        }

        return [.. values];
    }

    // The data is covered exactly: no hole, no overlap, nothing behind.
    private void CheckLayout(long dataLength)
    {
        var entries = _byName.Values.ToArray();
        Array.Sort(entries, static (a, b) => a.Offset != b.Offset ? a.Offset.CompareTo(b.Offset) : a.Length.CompareTo(b.Length));
        long next = 0;
        foreach (var entry in entries)
        {
            if (entry.Offset != next)
                throw new InvalidDataException($"tensor {Short(entry.Name)} begins at byte {entry.Offset}; must begin at {next}, where the one before ends");
            next = entry.Offset + entry.Length;
            if (next > dataLength) throw new InvalidDataException($"tensor {Short(entry.Name)} ends at byte {next}; the file has {dataLength} bytes of data");
        }

        if (next != dataLength) throw new InvalidDataException($"the file has {dataLength} bytes of data; its tensors have {next}");
        Entries = entries;
    }

    private static string Short(string name) => name.Length <= 80 ? $"\"{name}\"" : $"\"{name.AsSpan(0, 77)}...\"";
}
