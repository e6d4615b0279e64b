using System.Text.Json;

namespace MoE.Conformance.Runner;

/// <summary>Reads golden files. They come from outside: everything is checked, and nothing is believed about lengths before it is counted.</summary>
internal static class GoldenReader
{
    private const long LargestFile = 256L << 20;

    /// <summary>Reads one file.</summary>
    /// <exception cref="InvalidDataException">It is no golden file: not JSON, a key missing, a shape that does not fit its data, ...</exception>
    public static GoldenCase Read(ReadOnlyMemory<byte> file)
    {
        if (file.Length > LargestFile) throw new InvalidDataException($"the file has {file.Length} bytes; at most {LargestFile} are read");
        try
        {
            using var document = JsonDocument.Parse(file, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return Read(document.RootElement.Clone());
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or OverflowException)
        {
            throw new InvalidDataException($"not a golden file: {e.Message}", e);
        }
    }

    private static GoldenCase Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object) throw new InvalidDataException($"the file holds {root.ValueKind}, not an object");
        string format = Text(root, "format");
        if (format != "moe-golden/1") throw new InvalidDataException($"format is {format}; must be moe-golden/1");
        return new GoldenCase
        {
            Peer = Text(root, "peer"),
            Function = Text(root, "function"),
            Case = Text(root, "case"),
            Options = Objects(root, "options").ToDictionary(static p => p.Name, static p => p.Value, StringComparer.Ordinal),
            Inputs = Values(root, "inputs"),
            Weights = Values(root, "weights"),
            Random = Values(root, "random"),
            Outputs = Values(root, "outputs"),
            Grads = Values(root, "grads"),
            HasTies = Key(root, "has_ties").GetBoolean(),
            ByValue = OneOf(root, "index_check", "exact", "by_value"),
            Unordered = OneOf(root, "topk_order", "descending", "unspecified"),
        };
    }

    private static JsonElement Key(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) ? value : throw new InvalidDataException($"the key {name} is missing");

    private static string Text(JsonElement root, string name) => Key(root, name) is { ValueKind: JsonValueKind.String } value && value.GetString() is { Length: > 0 } text
        ? text
        : throw new InvalidDataException($"{name} is not a word");

    // False for the first word, true for the second.
    private static bool OneOf(JsonElement root, string name, string no, string yes)
    {
        string word = Text(root, name);
        return word == yes || (word == no ? false : throw new InvalidDataException($"{name} is {word}; must be {no} or {yes}"));
    }

    private static JsonElement.ObjectEnumerator Objects(JsonElement root, string name) => Key(root, name) is { ValueKind: JsonValueKind.Object } value
        ? value.EnumerateObject()
        : throw new InvalidDataException($"{name} is not an object");

    private static Dictionary<string, GoldenValue> Values(JsonElement root, string name)
    {
        var values = new Dictionary<string, GoldenValue>(StringComparer.Ordinal);
        foreach (var property in Objects(root, name)) Add(values, name, property.Name, property.Value);
        return values;
    }

    // An object that is no tensor holds values of its own: key.name.
    private static void Add(Dictionary<string, GoldenValue> values, string group, string key, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Object && !value.TryGetProperty("dtype", out _) && value.EnumerateObject().Any())
        {
            foreach (var property in value.EnumerateObject()) Add(values, group, $"{key}.{property.Name}", property.Value);
            return;
        }

        try
        {
            values.Add(key, new GoldenValue(Tensor(value), value));
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException or FormatException or OverflowException or ArgumentException)
        {
            throw new InvalidDataException($"{group}.{key}: {e.Message}", e);
        }
    }

    private static GoldenTensor? Tensor(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object when value.TryGetProperty("dtype", out _) => Typed(value),
        JsonValueKind.Number or JsonValueKind.String => Numbers([value], []),
        JsonValueKind.Array => Numbers([.. value.EnumerateArray()], [value.GetArrayLength()]),
        _ => null,
    };

    private static GoldenTensor Typed(JsonElement value)
    {
        string type = Text(value, "dtype");
        int[] shape = [.. Key(value, "shape").EnumerateArray().Select(static d => d.GetInt32())];
        if (shape.Any(static d => d < 0)) throw new InvalidDataException($"shape [{string.Join(", ", shape)}] has a negative size");
        var data = Key(value, "data");
        long count = shape.Aggregate(1L, static (product, d) => checked(product * d));
        if (data.GetArrayLength() != count)
            throw new InvalidDataException($"shape [{string.Join(", ", shape)}] holds {count} values, but data has {data.GetArrayLength()}");
        var items = data.EnumerateArray();
        return type switch
        {
            "float32" => GoldenTensor.OfReals(type, shape, [.. items.Select(Single)]),
            "bfloat16" => GoldenTensor.OfReals(type, shape, [.. items.Select(BFloat16)]),
            "float16" => GoldenTensor.OfReals(type, shape, [.. items.Select(Half)]),
            "float64" => GoldenTensor.OfReals(type, shape, [.. items.Select(Double)]),
            "int64" => GoldenTensor.OfIntegers(type, shape, [.. items.Select(static i => i.GetInt64())]),
            "int32" => GoldenTensor.OfIntegers(type, shape, [.. items.Select(static i => (long)i.GetInt32())]),
            "uint8" => GoldenTensor.OfIntegers(type, shape, [.. items.Select(static i => (long)i.GetByte())]),
            "bool" => GoldenTensor.OfFlags(shape, [.. items.Select(static i => i.GetBoolean())]),
            _ => throw new InvalidDataException($"dtype {type} is not known"),
        };
    }

    // Numbers outside tensors: whole ones are integers, if all are. Lists that hold anything else are left as JSON.
    private static GoldenTensor? Numbers(JsonElement[] items, int[] shape)
    {
        if (items.All(static i => i.ValueKind == JsonValueKind.Number && i.TryGetInt64(out _)))
            return GoldenTensor.OfIntegers("int", shape, [.. items.Select(static i => i.GetInt64())]);
        return items.All(static i => i.ValueKind == JsonValueKind.Number || (i.ValueKind == JsonValueKind.String && Word(i) is not null))
            ? GoldenTensor.OfReals("float", shape, [.. items.Select(Double)])
            : null;
    }

    private static double? Word(JsonElement item) => item.GetString() switch
    {
        "inf" => double.PositiveInfinity,
        "-inf" => double.NegativeInfinity,
        "nan" => double.NaN,
        _ => null,
    };

    private static double Double(JsonElement item)
    {
        if (item.ValueKind == JsonValueKind.String)
            return Word(item) ?? throw new InvalidDataException($"\"{item.GetString()}\" is not a number");
        double value = item.GetDouble();
        return double.IsFinite(value) ? value : throw new InvalidDataException($"{item.GetRawText()} is out of range");
    }

    private static double Single(JsonElement item)
    {
        if (item.ValueKind == JsonValueKind.String) return Double(item);
        float value = item.GetSingle();
        return float.IsFinite(value) ? value : throw new InvalidDataException($"{item.GetRawText()} is out of range of float32");
    }

    private static double BFloat16(JsonElement item)
    {
        double value = Single(item);
        return !double.IsFinite(value) || (BitConverter.SingleToUInt32Bits((float)value) & 0xFFFF) == 0
            ? value
            : throw new InvalidDataException($"{item.GetRawText()} is not a bfloat16");
    }

    private static double Half(JsonElement item)
    {
        double value = Double(item);
        return !double.IsFinite(value) || (double)(System.Half)value == value ? value : throw new InvalidDataException($"{item.GetRawText()} is not a float16");
    }
}
