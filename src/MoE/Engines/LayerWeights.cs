namespace MoE;

/// <summary>The tensors of a layer, checked against its spec and widened to single precision: at once, or expert by expert where the source can.</summary>
internal sealed class LayerWeights
{
    private readonly Dictionary<string, float[]> _values = [];
    private readonly Dictionary<string, int[]> _shapes = [];
    private readonly IWeightParts? _parts;

    private LayerWeights(IWeightParts? parts) => _parts = parts;

    /// <summary>A whole tensor, or null where the spec has none. What is read by shares is read once and kept.</summary>
    public float[]? Get(string name)
    {
        if (_values.TryGetValue(name, out var values)) return values;
        if (_parts is null || !_shapes.TryGetValue(name, out int[]? shape)) return null;
        long count = shape.Aggregate(1L, static (n, d) => n * d);
        if (count > Array.MaxLength) throw new ArgumentException($"{name} [{string.Join(", ", shape)}] has {count} numbers, more than an array holds; MoEFeedForward packs such a layer expert by expert", nameof(name));
        values = new float[count];
        int shares = WeightNames.IsStacked(name) ? shape[0] : 1, size = (int)(count / shares);
        for (int e = 0; e < shares; e++) _parts.Read(name, e, values.AsSpan(e * size, size));
        return _values[name] = values;
    }

    /// <summary>Takes every tensor that the spec needs, or those of them that are asked for; reports all that are missing or misshapen at once, asked for or not.</summary>
    public static LayerWeights Load(MoELayerSpec spec, IWeightSource weights, Func<string, bool>? wanted = null) => Load(WeightNames.Of(spec), weights, wanted);

    /// <summary>Loads tensors by name and shape.</summary>
    public static LayerWeights Load(IReadOnlyList<(string Name, int[] Shape)> names, IWeightSource weights, Func<string, bool>? wanted = null)
    {
        ArgumentNullException.ThrowIfNull(weights);
        var parts = weights as IWeightParts;
        var loaded = new LayerWeights(parts);
        var problems = new List<string>();
        foreach (var (name, shape) in names)
        {
            WeightTensor tensor = default;
            int[]? ofParts = parts?.ShapeOf(name);
            bool found = parts is null ? weights.TryGet(name, out tensor) : ofParts is not null;
            var actual = parts is null ? tensor.Shape : ofParts;
            if (!found) problems.Add($"{name} is missing; must be [{string.Join(", ", shape)}]");
            else if (!actual.SequenceEqual(shape)) problems.Add($"{name} has shape [{string.Join(", ", actual.ToArray())}]; must be [{string.Join(", ", shape)}]");
            else if (parts is not null) loaded._shapes[name] = shape;
            else if (wanted?.Invoke(name) ?? true) loaded._values[name] = tensor.ToSingles();
        }

        if (problems.Count > 0) throw new ArgumentException(string.Join("; ", problems), nameof(weights));
        return loaded;
    }
}
