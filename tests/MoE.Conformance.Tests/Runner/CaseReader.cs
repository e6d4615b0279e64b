using System.Text.Json;

namespace MoE.Conformance.Runner;

/// <summary>What an adapter sees of a case. It remembers what was read, so that an input nobody looked at fails the case instead of being ignored.</summary>
internal sealed class CaseReader(GoldenCase golden)
{
    private readonly HashSet<string> _read = [];

    public string Function => golden.Function;

    /// <summary>True if the file records such an output.</summary>
    public bool HasOutput(string key) => golden.Outputs.ContainsKey(key);

    public bool HasInput(string key) => golden.Inputs.ContainsKey(key);

    public bool HasWeight(string key) => golden.Weights.ContainsKey(key);

    public GoldenTensor Input(string key) => Find(golden.Inputs, "inputs", key);

    public GoldenTensor? InputOrNull(string key) => HasInput(key) ? Input(key) : null;

    /// <summary>An input that is JSON rather than a tensor.</summary>
    public JsonElement InputJson(string key)
    {
        _read.Add($"inputs.{key}");
        return golden.Inputs.TryGetValue(key, out var value) ? value.Json : throw new InvalidDataException($"inputs.{key} is missing");
    }

    public GoldenTensor Weight(string key) => Find(golden.Weights, "weights", key);

    public GoldenTensor? WeightOrNull(string key) => HasWeight(key) ? Weight(key) : null;

    public bool HasRandom(string key) => golden.Random.ContainsKey(key);

    /// <summary>A recorded random tensor.</summary>
    public GoldenTensor Random(string key) => Find(golden.Random, "random", key);

    public GoldenTensor? RandomOrNull(string key) => HasRandom(key) ? Random(key) : null;

    /// <summary>A recorded random tensor that says nothing here.</summary>
    public void Ignore(string key) => _read.Add($"random.{key}");

    /// <summary>An option, or a default where the file leaves it out.</summary>
    public bool BoolOr(string option, bool missing) => IsNull(option) ? missing : Bool(option);

    /// <summary>A recorded output, for what depends on it (an order that the peer leaves open).</summary>
    public GoldenTensor Output(string key) => golden.Outputs[key].Tensor ?? throw new InvalidDataException($"outputs.{key} is not a tensor");

    /// <summary>Numbers of a list option.</summary>
    public IReadOnlyList<double>? ListOrNull(string option) => IsNull(option) ? null : [.. Option(option).EnumerateArray().Select(static v => v.GetDouble())];

    /// <summary>A list option, or one number as a list of one.</summary>
    public IReadOnlyList<double>? ListOrScalar(string option) => IsNull(option) ? null : Option(option).ValueKind == JsonValueKind.Array ? ListOrNull(option) : [Double(option)];

    /// <summary>A word, or what stands for a missing one.</summary>
    public string WordOr(string option, string missing) => IsNull(option) ? missing : Word(option);

    /// <summary>A whole number, or what stands for a missing one.</summary>
    public int IntOr(string option, int missing) => IsNull(option) ? missing : Int(option);

    /// <summary>A number, or what stands for a missing one.</summary>
    public double DoubleOr(string option, double missing) => IsNull(option) ? missing : Double(option);

    public bool Bool(string option) => Option(option).GetBoolean();

    public int Int(string option) => Option(option).GetInt32();

    public double Double(string option) => Option(option).GetDouble();

    public string Word(string option) => Option(option).GetString() ?? throw new InvalidDataException($"options.{option} is null");

    /// <summary>Names of all weights, read or not.</summary>
    public IEnumerable<string> WeightNames() => golden.Weights.Keys;

    /// <summary>A list of words, or null.</summary>
    public IReadOnlyList<string>? WordsOrNull(string option) => IsNull(option) ? null : [.. Option(option).EnumerateArray().Select(static w => w.GetString()!)];

    public int? IntOrNull(string option) => IsNull(option) ? null : Int(option);

    public double? DoubleOrNull(string option) => IsNull(option) ? null : Double(option);

    /// <summary>Everything that was given and not read.</summary>
    public IReadOnlyList<string> Unread() =>
    [
        .. golden.Inputs.Keys.Select(static k => $"inputs.{k}")
            .Concat(golden.Weights.Keys.Select(static k => $"weights.{k}"))
            .Concat(golden.Random.Keys.Select(static k => $"random.{k}"))
            .Where(k => !_read.Contains(k)),
    ];

    private bool IsNull(string option) => !golden.Options.TryGetValue(option, out var value) || value.ValueKind == JsonValueKind.Null;

    private JsonElement Option(string name) =>
        golden.Options.TryGetValue(name, out var value) ? value : throw new InvalidDataException($"options.{name} is missing");

    private GoldenTensor Find(IReadOnlyDictionary<string, GoldenValue> values, string group, string key)
    {
        _read.Add($"{group}.{key}");
        return values.TryGetValue(key, out var value)
            ? value.Tensor ?? throw new InvalidDataException($"{group}.{key} is not a tensor")
            : throw new InvalidDataException($"{group}.{key} is missing");
    }
}
