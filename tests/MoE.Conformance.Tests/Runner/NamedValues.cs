namespace MoE.Conformance.Runner;

/// <summary>Values on the host by output key.</summary>
internal sealed class NamedValues
{
    private readonly Dictionary<string, GoldenTensor> _values = new(StringComparer.Ordinal);

    public GoldenTensor this[string key]
    {
        get => _values.TryGetValue(key, out var value) ? value : throw new NotSupportedException($"the adapter gives no {key}");
        set => _values[key] = value;
    }

    public IEnumerable<string> Keys => _values.Keys;

    public bool Has(string key) => _values.ContainsKey(key);
}
