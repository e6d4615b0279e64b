using System.IO.Compression;
using System.Text.Json;

namespace MoE.Tests;

/// <summary>One recorded run of a peer's own code, from the archives of the conformance suite (their format is described there).</summary>
internal sealed class RecordedCase
{
    private readonly Dictionary<string, (string Type, int[] Shape, float[] Values)> _tensors = [];

    private RecordedCase(string name, JsonElement root)
    {
        Name = name;
        Options = root.GetProperty("options").Clone();
        HasTies = root.GetProperty("has_ties").GetBoolean();
        foreach (string part in (string[])["inputs", "weights", "outputs"])
        {
            foreach (var tensor in root.GetProperty(part).EnumerateObject())
            {
                if (tensor.Value.ValueKind == JsonValueKind.Object)
                    _tensors[tensor.Name] = (tensor.Value.GetProperty("dtype").GetString()!, [.. tensor.Value.GetProperty("shape").EnumerateArray().Select(static d => d.GetInt32())], [.. tensor.Value.GetProperty("data").EnumerateArray().Select(Number)]);
            }
        }
    }

    public string Name { get; }

    /// <summary>The peer's own settings, under its own names.</summary>
    public JsonElement Options { get; }

    public bool HasTies { get; }

    public bool IsSingle => _tensors.Values.All(static t => t.Type != "bfloat16");

    /// <summary>All single-precision cases of a function, by case name.</summary>
    public static IReadOnlyDictionary<string, RecordedCase> Of(string peer, params string[] functions)
    {
        var cases = new SortedDictionary<string, RecordedCase>(StringComparer.Ordinal);
        using var archive = new ZipArchive(typeof(RecordedCase).Assembly.GetManifestResourceStream(peer + ".zip") ?? throw new InvalidOperationException($"no archive of {peer}"));
        foreach (var entry in archive.Entries.Where(e => functions.Any(f => e.Name.StartsWith(f + "__", StringComparison.Ordinal))))
        {
            using var stream = entry.Open();
            using var document = JsonDocument.Parse(stream);
            var recorded = new RecordedCase(entry.Name[..^".json".Length], document.RootElement);
            if (recorded.IsSingle) cases.Add(recorded.Name, recorded);
        }

        return cases;
    }

    public IEnumerable<string> Names => _tensors.Keys;

    public bool Has(string tensor) => _tensors.ContainsKey(tensor);

    public float[] Values(string tensor) => _tensors[tensor].Values;

    public int[] Shape(string tensor) => _tensors[tensor].Shape;

    public int Whole(string option, int absent) => Options.TryGetProperty(option, out var v) && v.ValueKind == JsonValueKind.Number ? v.GetInt32() : absent;

    public double Real(string option, double absent) => Options.TryGetProperty(option, out var v) && v.ValueKind == JsonValueKind.Number ? v.GetDouble() : absent;

    public bool Flag(string option) => Options.TryGetProperty(option, out var v) && v.ValueKind == JsonValueKind.True;

    public string Word(string option) => Options.TryGetProperty(option, out var v) && v.ValueKind == JsonValueKind.String ? v.GetString()! : "";

    /// <summary>[T, K] weights and experts as [T, E].</summary>
    public float[] Dense(string weights, string experts, int count)
    {
        float[] w = Values(weights), chosen = Values(experts), dense = new float[w.Length / Shape(weights)[^1] * count];
        for (int r = 0; r < w.Length; r++) dense[r / Shape(weights)[^1] * count + (int)chosen[r]] += w[r];
        return dense;
    }

    public override string ToString() => Name;

    private static float Number(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => value.GetSingle(),
        JsonValueKind.True => 1,
        JsonValueKind.False => 0,
        _ => value.GetString() switch { "inf" => float.PositiveInfinity, "-inf" => float.NegativeInfinity, _ => float.NaN },
    };
}
