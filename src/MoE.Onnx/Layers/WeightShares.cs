namespace MoE.Onnx;

/// <summary>Reads one expert's share of a tensor as single precision, from sources that hold tensors and from those that make them when asked.</summary>
internal static class WeightShares
{
    /// <summary>Fills <paramref name="share"/>, whose length is that of an expert's share.</summary>
    /// <param name="source">The source.</param>
    /// <param name="name">A tensor of it.</param>
    /// <param name="expert">The expert; 0 for a tensor that is not stacked by experts.</param>
    /// <param name="share">Overwritten.</param>
    public static void Read(IWeightSource source, string name, int expert, Span<float> share)
    {
        if (source is IWeightParts parts) parts.Read(name, expert, share);
        else if (source.TryGet(name, out var tensor)) new SingleReader(tensor).CopyTo(share, (long)expert * share.Length);
        else throw new ArgumentException($"{name} is missing", nameof(source));
    }

    /// <summary>A tensor that is not stacked by experts.</summary>
    public static float[] Whole(IWeightSource source, string name)
    {
        if (source is IWeightParts parts)
        {
            int[] shape = parts.ShapeOf(name) ?? throw new ArgumentException($"{name} is missing", nameof(source));
            var values = new float[shape.Aggregate(1, static (a, b) => a * b)];
            parts.Read(name, 0, values);
            return values;
        }

        return source.TryGet(name, out var tensor) ? tensor.ToSingles() : throw new ArgumentException($"{name} is missing", nameof(source));
    }
}
