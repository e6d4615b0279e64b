using System.Globalization;
using System.Text.Json;

namespace MoE.Checkpoints;

/// <summary>Typed reads of one JSON object. A value that breaks its rule is noted, and a harmless one is returned so that reading can go on to the next problem.</summary>
internal sealed class ConfigReader(JsonElement config, string path)
{
    /// <summary>Nonsense begins here: no published size of this kind has come near 2^20.</summary>
    public const int MaxSize = 1 << 20;

    private const int MaxLayers = 1 << 16;

    private readonly List<string> _problems = [];
    private string _choicesKey = "num_experts_per_tok";

    /// <summary>A whole number in min..max. Null fallback: the key is required.</summary>
    public int Whole(string key, int? fallback, int min = 1, int max = MaxSize)
    {
        string rule = $"must be a whole number in {min}..{max}";
        if (!Find(key, fallback is null, rule, out var value)) return fallback ?? min;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= min && number <= max) return number;
        return Refuse(key, value, rule, fallback ?? min);
    }

    /// <summary>A whole number not below min, where null means none.</summary>
    public int WholeOrNone(string key, int? fallback, int max) =>
        config.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Null ? 0 : Whole(key, fallback, 0, max);

    /// <summary>A whole number, or one for each layer where all are the same. Null: the key is absent or null.</summary>
    public int? WholeOrEach(string key, int min = 1)
    {
        string rule = $"must be a whole number in {min}..{MaxSize}, or a list of them that are all the same (layers that differ are not read)";
        if (!config.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null) return null;
        var first = value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 ? value[0] : value;
        if (first.ValueKind != JsonValueKind.Number || !first.TryGetInt32(out int number) || number < min || number > MaxSize) return Refuse<int?>(key, value, rule, null);
        if (value.ValueKind == JsonValueKind.Array && value.EnumerateArray().Any(v => !JsonElement.DeepEquals(v, first))) return Refuse<int?>(key, value, rule, null);
        return number;
    }

    /// <summary>A finite number that keeps its value in single precision.</summary>
    public double Real(string key, double fallback, bool positive = false)
    {
        string rule = positive ? "must be a positive finite number" : "must be a finite number";
        if (!Find(key, false, rule, out var value)) return fallback;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && float.IsFinite((float)number) && (!positive || (float)number > 0)) return number;
        return Refuse(key, value, rule, fallback);
    }

    public bool Flag(string key, bool fallback)
    {
        const string Rule = "must be true or false";
        if (!Find(key, false, Rule, out var value)) return fallback;
        return value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => Refuse(key, value, Rule, fallback),
        };
    }

    /// <summary>One of the given words. Null fallback: the key is required.</summary>
    public string Word(string key, string? fallback, params ReadOnlySpan<string> allowed)
    {
        string rule = $"must be one of {string.Join(", ", allowed)}";
        if (!Find(key, fallback is null, rule, out var value)) return fallback ?? allowed[0];
        if (value.ValueKind == JsonValueKind.String && allowed.Contains(value.GetString()!)) return value.GetString()!;
        return Refuse(key, value, rule, fallback ?? allowed[0]);
    }

    /// <summary>Refuses at once an object that is of another kind.</summary>
    public void Require(string key, string word, string what)
    {
        if (!config.TryGetProperty(key, out var value) || value.ValueKind != JsonValueKind.String || value.GetString() != word)
            throw new InvalidDataException($"{what}: {path}{key} = {Text(value)}: must be {word}");
    }

    /// <summary>False where the key is null; as given where it is absent.</summary>
    public bool Has(string key, bool absent) => config.TryGetProperty(key, out var value) ? value.ValueKind != JsonValueKind.Null : absent;

    /// <summary>A text, or null where the key is absent or null.</summary>
    public string? TextOrNull(string key)
    {
        if (!config.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null) return null;
        return value.ValueKind == JsonValueKind.String ? value.GetString() : Refuse<string?>(key, value, "must be a text or null", null);
    }

    /// <summary>Texts; empty where the key is absent or null. The flag tells a single text from a list.</summary>
    public (bool Single, IReadOnlyList<string> Texts) Texts(string key)
    {
        const string Rule = "must be a text or a list of texts";
        if (!config.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null) return (false, []);
        if (value.ValueKind == JsonValueKind.String) return (true, [value.GetString()!]);
        if (value.ValueKind != JsonValueKind.Array) return Refuse<(bool, IReadOnlyList<string>)>(key, value, Rule, (false, []));
        var texts = new List<string>();
        foreach (var item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.String) return Refuse<(bool, IReadOnlyList<string>)>(key, item, Rule, (false, texts));
            texts.Add(item.GetString()!);
        }

        return (false, texts);
    }

    /// <summary>An object of values of one kind by name; empty where the key is absent or null.</summary>
    public IReadOnlyDictionary<string, T> Map<T>(string key, Func<ConfigReader, string, T> read)
    {
        var map = new Dictionary<string, T>(StringComparer.Ordinal);
        if (!config.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null) return map;
        if (value.ValueKind != JsonValueKind.Object) return Refuse<IReadOnlyDictionary<string, T>>(key, value, "must be an object", map);
        var reader = new ConfigReader(value, $"{path}{key}.");
        foreach (var item in value.EnumerateObject()) map[item.Name] = read(reader, item.Name);
        _problems.AddRange(reader._problems);
        return map;
    }

    /// <summary>Reads the object of a key, which may be absent or null; what it notes is noted here.</summary>
    public T Nested<T>(string key, Func<ConfigReader, T> read)
    {
        using var empty = JsonDocument.Parse("{}");
        bool found = config.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;
        if (found && value.ValueKind != JsonValueKind.Object) Refuse(key, value, "must be an object", 0);
        var reader = new ConfigReader(found && value.ValueKind == JsonValueKind.Object ? value : empty.RootElement, $"{path}{key}.");
        var result = read(reader);
        _problems.AddRange(reader._problems);
        return result;
    }

    /// <summary>Notes a key that asks for what is not supported: anything but null, false and the empty.</summary>
    public void Unsupported(string key, string rule)
    {
        if (!config.TryGetProperty(key, out var value)) return;
        bool empty = value.ValueKind switch
        {
            JsonValueKind.Null or JsonValueKind.False => true,
            JsonValueKind.Array => value.GetArrayLength() == 0,
            JsonValueKind.Object => !value.EnumerateObject().Any(),
            JsonValueKind.String => value.GetString() is "" or "none",
            _ => false,
        };
        if (!empty) Refuse(key, value, rule, 0);
    }

    /// <summary>Notes a problem that a spec found, under the name of a key.</summary>
    public void Note(string problem) => _problems.Add($"{path}{problem}");

    /// <summary>Layer indices, or null where the key is absent or null. Indices beyond the last layer are kept; they name no layer.</summary>
    public HashSet<int>? Indices(string key)
    {
        const string Rule = "must be a list of whole numbers, none negative";
        if (!config.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null) return null;
        if (value.ValueKind != JsonValueKind.Array) return Refuse<HashSet<int>?>(key, value, Rule, null);
        var indices = new HashSet<int>();
        foreach (var item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out int index) || index < 0) return Refuse(key, item, Rule, indices);
            indices.Add(index);
        }

        return indices;
    }

    /// <summary>The experts, under whichever of their spellings; several of them must agree.</summary>
    public int Experts(int? fallback)
    {
        ReadOnlySpan<string> spellings = ["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"];
        string? found = null;
        foreach (string key in spellings)
        {
            if (!config.TryGetProperty(key, out var value)) continue;
            if (found is null) found = key;
            else if (!JsonElement.DeepEquals(value, config.GetProperty(found))) Refuse(key, value, $"must agree with {found} ({Text(config.GetProperty(found))})", 0);
        }

        ExpertsKey = found ?? (fallback is null ? "n_routed_experts" : "num_experts");
        return Whole(ExpertsKey, fallback);
    }

    /// <summary>The spelling that <see cref="Experts"/> found.</summary>
    public string ExpertsKey { get; private set; } = "num_experts";

    public int Choices(int? fallback, string key = "num_experts_per_tok") => Whole(_choicesKey = key, fallback);

    /// <summary>The choices of all layers, as one number or one each.</summary>
    public int? ChoicesOrEach(string key) => WholeOrEach(_choicesKey = key);

    /// <summary>True for the layers that are mixtures.</summary>
    public bool[] Layers(int? fallback, Predicate<int> isMoE, string key = "num_hidden_layers")
    {
        var layers = new bool[Whole(key, fallback, 1, MaxLayers)];
        for (int i = 0; i < layers.Length; i++) layers[i] = isMoE(i);
        return layers;
    }

    public Activation Activation(string key = "hidden_act") => Word(key, "silu", "silu", "swish", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "linear") switch
    {
        "gelu" => MoE.Activation.Gelu,
        "gelu_new" or "gelu_pytorch_tanh" => MoE.Activation.GeluTanh,
        "relu" => MoE.Activation.Relu,
        "linear" => MoE.Activation.Identity,
        _ => MoE.Activation.Silu,
    };

    /// <summary>Reads a router; where all its keys could be read, notes what its spec finds wrong with them together, under the names of the keys.</summary>
    public RouterSpec Router(Func<RouterSpec> read)
    {
        int before = _problems.Count;
        var spec = read();
        if (_problems.Count == before)
            foreach (var problem in spec.Validate()) _problems.Add($"{path}{KeyOf(problem.Name)} = {problem.Value}: {problem.Rule}");
        return spec;
    }

    public void ThrowIfAny(string what)
    {
        if (_problems.Count > 0) throw new InvalidDataException($"{what}: {string.Join("; ", _problems)}.");
    }

    /// <summary>A value as it stands in the file, shortened.</summary>
    public static string Text(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Undefined) return "nothing";
        string text = value.GetRawText();
        return text.Length <= 40 ? text : string.Concat(text.AsSpan(0, 37), "...");
    }

    private string KeyOf(string name) => name switch
    {
        "experts" => ExpertsKey,
        "select.k" => _choicesKey,
        "select.groups.count" => "n_group",
        "select.groups.keep" => "topk_group",
        "weigh.scale" => "routed_scaling_factor",
        _ => name,
    };

    private bool Find(string key, bool required, string rule, out JsonElement value)
    {
        if (config.TryGetProperty(key, out value)) return true;
        if (required) _problems.Add(string.Create(CultureInfo.InvariantCulture, $"{path}{key} is missing; {rule}"));
        return false;
    }

    private T Refuse<T>(string key, JsonElement value, string rule, T instead)
    {
        _problems.Add($"{path}{key} = {Text(value)}: {rule}");
        return instead;
    }
}
