namespace MoE;

/// <summary>Weights read through, with word of how far that is, until it is cancelled.</summary>
internal sealed class TrackedParts(IWeightParts parts, MoELayerSpec spec, IProgress<double>? progress, CancellationToken cancellation) : IWeightParts
{
    private readonly double _all = WeightNames.Of(spec).Sum(static n => n.Shape.Aggregate(1L, static (a, b) => a * b));
    private long _read;

    public IEnumerable<string> Names => parts.Names;

    public bool TryGet(string name, out WeightTensor tensor) => parts.TryGet(name, out tensor);

    public int[]? ShapeOf(string name) => parts.ShapeOf(name);

    public void Read(string name, int expert, Span<float> destination)
    {
        cancellation.ThrowIfCancellationRequested();
        parts.Read(name, expert, destination);
        progress?.Report(Math.Min(1, (_read += destination.Length) / _all));
    }
}
