using System.Runtime.InteropServices;

namespace MoE.Checkpoints;

/// <summary>A layer's weights turned into the tensors of a layout, expert by expert as the file is written.</summary>
internal static class LayerExport
{
    /// <param name="spec">The layer.</param>
    /// <param name="stored">Its tensors in the layout.</param>
    /// <param name="weights">Its weights.</param>
    /// <param name="type">The type of the numbers; null: that of the source.</param>
    /// <param name="written">Told how many bytes were written each time; null: nobody.</param>
    public static IReadOnlyList<SafetensorsTensor> Tensors(MoELayerSpec spec, IReadOnlyList<StoredTensor> stored, IWeightSource weights, SafetensorsType? type, Action<long>? written = null)
    {
        Check(spec, weights);
        if (stored.FirstOrDefault(static t => t.IsPacked) is { } packed) throw new ArgumentException($"{packed.Name} would be in 4 bits, which is not written; take another form", nameof(weights));
        return [.. stored.Select(t => Tensor(t, weights, type, written))];
    }

    private static SafetensorsTensor Tensor(StoredTensor tensor, IWeightSource weights, SafetensorsType? type, Action<long>? written)
    {
        var actual = tensor.Single ? SafetensorsType.F32 : type ?? TypeOf(tensor, weights);
        return new SafetensorsTensor(tensor.Name, actual, tensor.Shape, stream => Write(tensor, weights, actual, stream, written));
    }

    // The first share speaks for the tensor: of a layer from a checkpoint, all shares of one tensor have its type.
    private static SafetensorsType TypeOf(StoredTensor tensor, IWeightSource weights)
    {
        string name = tensor.Shares[0].Name;
        if (weights is CheckpointLayer layer) return layer.TypeOf(name);
        weights.TryGet(name, out var found);
        return found.Type switch { WeightType.BFloat16 => SafetensorsType.BF16, WeightType.Float16 => SafetensorsType.F16, _ => SafetensorsType.F32 };
    }

    private static void Write(StoredTensor tensor, IWeightSource weights, SafetensorsType type, Stream stream, Action<long>? written)
    {
        var stored = new float[tensor.Size];
        byte[] bytes = new byte[checked(stored.Length * (type == SafetensorsType.F32 ? 4 : 2))];
        for (int e = 0; e < tensor.Stacked; e++)
        {
            foreach (var share in tensor.Shares)
            {
                var values = new float[share.Count];
                Read(weights, share, tensor.Expert + e, values);
                share.Write(values, stored);
            }

            Encode(stored, type, bytes);
            stream.Write(bytes);
            written?.Invoke(bytes.Length);
        }
    }

    private static void Read(IWeightSource weights, StoredShare share, int expert, Span<float> values)
    {
        if (weights is IWeightParts parts)
        {
            parts.Read(share.Name, expert, values);
            return;
        }

        weights.TryGet(share.Name, out var tensor);
        int size = share.Count * (tensor.Type == WeightType.Float32 ? 4 : 2), from = WeightNames.IsStacked(share.Name) ? expert * size : 0;
        new WeightTensor(tensor.Type, [share.Count], tensor.Data.Slice(from, size)).ToSingles().CopyTo(values);
    }

    /// <summary>Numbers as they stand in a file, rounded to nearest.</summary>
    public static void Encode(ReadOnlySpan<float> values, SafetensorsType type, Span<byte> bytes)
    {
        switch (type)
        {
            case SafetensorsType.F32:
                MemoryMarshal.AsBytes(values).CopyTo(bytes);
                break;
            case SafetensorsType.BF16:
                var upper = MemoryMarshal.Cast<byte, ushort>(bytes);
                for (int i = 0; i < values.Length; i++) upper[i] = Bfloat16.Round(values[i]);
                break;
            default:
                var halves = MemoryMarshal.Cast<byte, Half>(bytes);
                for (int i = 0; i < values.Length; i++) halves[i] = (Half)values[i];
                break;
        }
    }

    private static void Check(MoELayerSpec spec, IWeightSource weights)
    {
        var problems = new List<string>();
        foreach (var (name, shape) in WeightNames.Of(spec))
        {
            WeightTensor tensor = default;
            var parts = weights as IWeightParts;
            bool found = parts is null ? weights.TryGet(name, out tensor) : parts.ShapeOf(name) is not null;
            var actual = parts is null ? tensor.Shape : parts.ShapeOf(name);
            if (!found) problems.Add($"{name} is missing; must be [{string.Join(", ", shape)}]");
            else if (!actual.SequenceEqual(shape)) problems.Add($"{name} has shape [{string.Join(", ", actual.ToArray())}]; must be [{string.Join(", ", shape)}]");
        }

        if (problems.Count > 0) throw new ArgumentException(string.Join("; ", problems), nameof(weights));
    }
}
