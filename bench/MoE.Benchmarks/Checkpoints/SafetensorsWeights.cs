using MoE.Checkpoints;

namespace MoE.Benchmarks;

/// <summary>The tensors of a safetensors file that has neutral names, in place.</summary>
internal sealed class SafetensorsWeights(SafetensorsFile file) : IWeightSource
{
    /// <inheritdoc/>
    public IEnumerable<string> Names => file.Entries.Select(static e => e.Name);

    /// <inheritdoc/>
    public bool TryGet(string name, out WeightTensor tensor)
    {
        if (!file.TryGet(name, out var entry))
        {
            tensor = default;
            return false;
        }

        var type = entry.Type switch
        {
            SafetensorsType.F32 => WeightType.Float32,
            SafetensorsType.BF16 => WeightType.BFloat16,
            SafetensorsType.F16 => WeightType.Float16,
            _ => throw new InvalidDataException($"{name} is {entry.Type}; must be F32, BF16 or F16"),
        };
        int[] shape = [.. entry.Shape.ToArray().Select(static d => checked((int)d))];
        tensor = new WeightTensor(type, shape, file.Bytes(entry));
        return true;
    }
}
