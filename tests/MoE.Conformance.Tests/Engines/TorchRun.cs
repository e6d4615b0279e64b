using MoE.Conformance.Runner;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Conformance.Engines;

/// <summary>A run on TorchSharp: quantities by name, leaves and parameters by variable name. Owns every tensor made during it.</summary>
internal sealed class TorchRun(DisposeScope scope) : IEngineRun
{
    private readonly Dictionary<Quantity, Tensor> _values = [];
    private readonly Dictionary<string, Tensor> _named = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Tensor> _variables = [];
    private readonly List<nn.Module> _modules = [];

    public Tensor this[Quantity quantity]
    {
        set => _values[quantity] = value;
    }

    /// <summary>Names an output as the file does.</summary>
    public Tensor this[string key]
    {
        set => _named[key] = value;
    }

    /// <summary>A scalar or list that is no tensor of the library.</summary>
    public void Set(Quantity quantity, GoldenTensor value) => _values[quantity] = TorchValues.Tensor(value)!;

    public void Set(string key, GoldenTensor value) => _named[key] = TorchValues.Tensor(value)!;

    /// <summary>An input that gradients are wanted for.</summary>
    public Tensor Leaf(string name, GoldenTensor values) => _variables[name] = TorchValues.Tensor(values)!.requires_grad_();

    /// <summary>Copies recorded weights into a module of the library. Its parameters and buffers become variables; a buffer has no gradient, which is zero.</summary>
    public void Load(nn.Module module, string prefix, IReadOnlyDictionary<string, GoldenTensor> weights)
    {
        _modules.Add(module);
        using var guard = no_grad();
        var state = module.state_dict();
        if (!state.Keys.Order().SequenceEqual(weights.Keys.Order()))
            throw new InvalidDataException($"the module holds {string.Join(", ", state.Keys.Order())}; the adapter gives {string.Join(", ", weights.Keys.Order())}");
        foreach (var (name, values) in weights)
        {
            state[name].copy_(TorchValues.Tensor(values));
            _variables[$"{prefix}{name}"] = state[name];
        }
    }

    /// <summary>The quantities of a routing.</summary>
    public void Describe(RoutingTensors routing)
    {
        _values[Quantity.Logits] = routing.Logits!;
        _values[Quantity.Scores] = routing.Scores!;
        _values[Quantity.Weights] = routing.Weights;
        _values[Quantity.Experts] = routing.ExpertIds;
        _values[Quantity.DenseWeights] = routing.ToDenseWeights();
        _values[Quantity.WeightsByExpert] = _values[Quantity.DenseWeights].t();
        _values[Quantity.Map] = routing.ToMap();
        _values[Quantity.Load] = routing.Load();
    }

    public GoldenTensor Value(Quantity quantity) => TorchValues.Golden(Find(quantity));

    public IEnumerable<string> GivenKeys => _named.Keys;

    public bool Has(string key) => _named.ContainsKey(key);

    public GoldenTensor Value(string key) =>
        _named.TryGetValue(key, out var value) ? TorchValues.Golden(value) : throw new NotSupportedException($"the adapter gives no {key}");

    public void Differentiate(string key, GoldenTensor? cotangent, bool add = false)
    {
        if (!_named.TryGetValue(key, out var value)) throw new NotSupportedException($"the adapter gives no {key}");
        if (!add)
        {
            foreach (var variable in _variables.Values) variable.grad?.zero_();
        }

        if (cotangent is null) value.backward(retain_graph: true);
        else value.backward([TorchValues.Tensor(cotangent)!.to(value.dtype).reshape(value.shape)], retain_graph: true);
    }

    public void Differentiate(Quantity quantity, GoldenTensor? cotangent)
    {
        var value = Find(quantity);
        if (cotangent is null) value.backward();
        else value.backward([TorchValues.Tensor(cotangent)!.to(value.dtype).reshape(value.shape)]);
    }

    public GoldenTensor Gradient(string variable)
    {
        if (!_variables.TryGetValue(variable, out var tensor)) throw new NotSupportedException($"the torch engine has no variable {variable} in this plan");
        return TorchValues.Golden(tensor.grad ?? zeros_like(tensor));
    }

    public void Dispose()
    {
        foreach (var module in _modules) module.Dispose();
        scope.Dispose();
    }

    // Chosen logits only where they are asked for: an empty choice has none.
    private Tensor Find(Quantity quantity) =>
        quantity == Quantity.ChosenLogits ? Find(Quantity.Logits).gather(1, Find(Quantity.Experts))
        : _values.TryGetValue(quantity, out var value) ? value
        : throw new NotSupportedException($"the torch engine gives no {quantity} for this plan");
}
