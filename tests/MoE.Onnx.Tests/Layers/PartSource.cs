namespace MoE.Onnx.Tests;

/// <summary>The weights of another source, given out expert by expert and in no other way, as a mapped checkpoint does.</summary>
internal sealed class PartSource(IWeightSource source) : IWeightParts
{
    public long Read { get; private set; }

    public IEnumerable<string> Names => source.Names;

    public int[]? ShapeOf(string name) => source.TryGet(name, out var tensor) ? tensor.Shape.ToArray() : null;

    public bool TryGet(string name, out WeightTensor tensor) => throw new InvalidOperationException($"{name} was asked for as a whole");

    void IWeightParts.Read(string name, int expert, Span<float> destination)
    {
        Assert.True(source.TryGet(name, out var tensor));
        int share = name.StartsWith("experts.", StringComparison.Ordinal) ? tensor.Count / tensor.Shape[0] : tensor.Count;
        Assert.Equal(share, destination.Length);
        tensor.ToSingles().AsSpan(expert * share, share).CopyTo(destination);
        Read += share;
    }
}
