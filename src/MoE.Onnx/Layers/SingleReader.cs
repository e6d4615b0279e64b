using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace MoE.Onnx;

/// <summary>Reads a tensor of any weight type as single precision, piece by piece.</summary>
internal readonly ref struct SingleReader
{
    private const int Piece = 16 * 1024;

    private readonly WeightTensor _tensor;
    private readonly float[]? _widened;

    public SingleReader(WeightTensor tensor)
    {
        _tensor = tensor;
        _widened = tensor.Type == WeightType.Float32 ? null : new float[Math.Min(tensor.Count, Piece)];
    }

    /// <summary>Writes elements as little-endian singles.</summary>
    public void CopyTo(Stream target, long start, long count)
    {
        if (_widened is null)
        {
            target.Write(_tensor.Data.Slice((int)(start * sizeof(float)), (int)(count * sizeof(float))));
            return;
        }

        var halves = MemoryMarshal.Cast<byte, ushort>(_tensor.Data).Slice((int)start, (int)count);
        while (!halves.IsEmpty)
        {
            int n = Math.Min(halves.Length, _widened.Length);
            Widen(halves[..n], _widened);
            target.Write(MemoryMarshal.AsBytes(_widened.AsSpan(0, n)));
            halves = halves[n..];
        }
    }

    /// <summary>Reads elements from a place on.</summary>
    public void CopyTo(Span<float> target, long start)
    {
        if (_tensor.Type == WeightType.Float32) MemoryMarshal.Cast<byte, float>(_tensor.Data).Slice((int)start, target.Length).CopyTo(target);
        else Widen(MemoryMarshal.Cast<byte, ushort>(_tensor.Data).Slice((int)start, target.Length), target);
    }

    private void Widen(ReadOnlySpan<ushort> halves, Span<float> singles)
    {
        if (_tensor.Type == WeightType.Float16)
        {
            TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<ushort, Half>(halves), singles);
            return;
        }

        for (int i = 0; i < halves.Length; i++) singles[i] = BitConverter.UInt32BitsToSingle((uint)halves[i] << 16);
    }
}
