using System.Buffers;
using System.Runtime.InteropServices;

namespace MoE;

/// <summary>Weights held in managed arrays.</summary>
public sealed class WeightDictionary : IPinnableWeightSource
{
    private readonly Dictionary<string, (float[] Values, int[] Shape)> _tensors = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public IEnumerable<string> Names => _tensors.Keys;

    /// <summary>Adds a tensor. The array is kept, not copied.</summary>
    /// <param name="name">A name not yet present.</param>
    /// <param name="values">Row-major values.</param>
    /// <param name="shape">Dimensions, none negative; their product is the number of values.</param>
    /// <returns>This dictionary.</returns>
    /// <exception cref="ArgumentException">The name is taken, or the values do not fit the shape.</exception>
    public WeightDictionary Add(string name, float[] values, params int[] shape)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(shape);
        _ = new WeightTensor(WeightType.Float32, shape, MemoryMarshal.AsBytes<float>(values));
        if (!_tensors.TryAdd(name, (values, shape)))
            throw new ArgumentException($"name = {name}: is already present", nameof(name));
        return this;
    }

    /// <summary>The array of a tensor that is there.</summary>
    internal float[] Values(string name) => _tensors[name].Values;

    /// <inheritdoc/>
    public MemoryHandle Pin(string name) => _tensors.TryGetValue(name, out var t)
        ? new Memory<float>(t.Values).Pin()
        : throw new ArgumentException($"name = {name}: is not present", nameof(name));

    /// <inheritdoc/>
    public bool TryGet(string name, out WeightTensor tensor)
    {
        bool found = _tensors.TryGetValue(name, out var t);
        tensor = found ? new WeightTensor(WeightType.Float32, t.Shape, MemoryMarshal.AsBytes<float>(t.Values)) : default;
        return found;
    }
}
