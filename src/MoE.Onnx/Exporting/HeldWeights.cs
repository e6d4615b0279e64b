namespace MoE.Onnx;

/// <summary>A layer's weights as a quantised model holds them: the routed experts' matrices rounded and widened again, everything else as it is. Read expert by expert.</summary>
internal sealed class HeldWeights : IWeightParts
{
    private readonly IWeightSource _source;
    private readonly WeightFormat _format;
    private readonly Dictionary<string, int[]> _shapes;

    public HeldWeights(MoELayerSpec spec, IWeightSource source, WeightFormat format)
    {
        _source = source;
        _format = format;
        _shapes = WeightNames.Of(spec).ToDictionary(static n => n.Name, static n => n.Shape, StringComparer.Ordinal);
    }

    public IEnumerable<string> Names => _shapes.Keys;

    public int[]? ShapeOf(string name) => _shapes.GetValueOrDefault(name);

    public bool TryGet(string name, out WeightTensor tensor) => throw new NotSupportedException("these weights are read by parts");

    public void Read(string name, int expert, Span<float> destination)
    {
        WeightShares.Read(_source, name, expert, destination);
        if (name is not (WeightNames.ExpertGate or WeightNames.ExpertUp or WeightNames.ExpertDown)) return;
        int length = _shapes[name][^1];
        sbyte[] numbers = new sbyte[length], zeros = new sbyte[WeightQuantizer.ZeroPointCount(_format, length)];
        var scales = new float[WeightQuantizer.ScaleCount(_format, length)];
        for (int at = 0; at < destination.Length; at += length)
        {
            var row = destination.Slice(at, length);
            WeightQuantizer.Quantize(_format, row, numbers, scales, zeros);
            for (int i = 0; i < length; i++)
            {
                int block = scales.Length == 1 ? 0 : i / WeightQuantizer.BlockSize;
                row[i] = (numbers[i] - (zeros.Length == 0 ? 0 : zeros[block])) * scales[block];
            }
        }
    }
}
