namespace MoE;

/// <summary>The tensors of a layer, checked against its spec and widened to single precision.</summary>
internal sealed class LayerWeights
{
    private readonly Dictionary<string, float[]> _values = [];

    private LayerWeights()
    {
    }

    public float[]? Get(string name) => _values.GetValueOrDefault(name);

    /// <summary>Loads the tensors that the spec needs, or those of them that are asked for; reports all that are missing or misshapen at once, asked for or not.</summary>
    public static LayerWeights Load(MoELayerSpec spec, IWeightSource weights, Func<string, bool>? wanted = null)
    {
        ArgumentNullException.ThrowIfNull(weights);
        var loaded = new LayerWeights();
        var problems = new List<string>();
        foreach (var (name, shape) in WeightNames.Of(spec))
        {
            if (!weights.TryGet(name, out var tensor))
                problems.Add($"{name} is missing; must be [{string.Join(", ", shape)}]");
            else if (!tensor.Shape.SequenceEqual(shape))
                problems.Add($"{name} has shape [{string.Join(", ", tensor.Shape.ToArray())}]; must be [{string.Join(", ", shape)}]");
            else if (wanted?.Invoke(name) ?? true)
                loaded._values[name] = tensor.ToSingles();
        }

        if (problems.Count > 0) throw new ArgumentException(string.Join("; ", problems), nameof(weights));
        return loaded;
    }
}
