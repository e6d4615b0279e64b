using System.Runtime.InteropServices;

namespace MoE.Onnx.Tests;

/// <summary>The weights of another source, rounded to a 16-bit type.</summary>
internal sealed class NarrowWeights : IWeightSource
{
    private readonly Dictionary<string, (ushort[] Bits, int[] Shape)> _tensors = [];
    private readonly WeightType _type;

    public NarrowWeights(IWeightSource source, WeightType type)
    {
        _type = type;
        foreach (string name in source.Names)
        {
            Assert.True(source.TryGet(name, out var tensor));
            _tensors.Add(name, (Array.ConvertAll(tensor.ToSingles(), Narrow), tensor.Shape.ToArray()));
        }
    }

    public IEnumerable<string> Names => _tensors.Keys;

    public bool TryGet(string name, out WeightTensor tensor)
    {
        bool found = _tensors.TryGetValue(name, out var t);
        tensor = found ? new WeightTensor(_type, t.Shape, MemoryMarshal.AsBytes<ushort>(t.Bits)) : default;
        return found;
    }

    public WeightDictionary ToSingles()
    {
        var singles = new WeightDictionary();
        foreach (string name in Names)
        {
            Assert.True(TryGet(name, out var tensor));
            singles.Add(name, tensor.ToSingles(), tensor.Shape.ToArray());
        }

        return singles;
    }

    private ushort Narrow(float value) => _type == WeightType.Float16
        ? BitConverter.HalfToUInt16Bits((Half)value)
        : (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
}
