using System.Runtime.InteropServices;

namespace MoE.Onnx;

/// <summary>A layer's weights as a quantised model holds them: the routed experts' matrices rounded and widened again, everything else as it is.</summary>
internal sealed class HeldWeights(IWeightSource source, WeightFormat format) : IWeightSource
{
    private readonly Dictionary<string, float[]> _rounded = [];

    public IEnumerable<string> Names => source.Names;

    public bool TryGet(string name, out WeightTensor tensor)
    {
        if (!source.TryGet(name, out tensor)) return false;
        if (name is not (WeightNames.ExpertGate or WeightNames.ExpertUp or WeightNames.ExpertDown)) return true;
        if (!_rounded.TryGetValue(name, out float[]? values)) _rounded[name] = values = Round(tensor);
        tensor = new WeightTensor(WeightType.Float32, tensor.Shape, MemoryMarshal.AsBytes<float>(values));
        return true;
    }

    private float[] Round(WeightTensor tensor)
    {
        float[] values = tensor.ToSingles();
        int length = tensor.Shape[^1];
        var numbers = new sbyte[length];
        var scales = new float[WeightQuantizer.ScaleCount(format, length)];
        for (int at = 0; at < values.Length; at += length)
        {
            var row = values.AsSpan(at, length);
            WeightQuantizer.Quantize(format, row, numbers, scales);
            for (int i = 0; i < length; i++) row[i] = numbers[i] * scales[scales.Length == 1 ? 0 : i / WeightQuantizer.BlockSize];
        }

        return values;
    }
}
