using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>A layer's parameters as neutral weights, in place: nothing is copied.</summary>
internal sealed unsafe class TensorWeights : IPinnableWeightSource
{
    private readonly IReadOnlyDictionary<string, Tensor> _tensors;

    /// <param name="tensors">Contiguous single-precision tensors by neutral name; they outlive this object.</param>
    public TensorWeights(IReadOnlyDictionary<string, Tensor> tensors) => _tensors = tensors;

    /// <inheritdoc/>
    public IEnumerable<string> Names => _tensors.Keys;

    /// <inheritdoc/>
    public bool TryGet(string name, out WeightTensor tensor)
    {
        bool found = _tensors.TryGetValue(name, out var t);
        tensor = found ? new WeightTensor(WeightType.Float32, Array.ConvertAll(t!.shape, static d => (int)d), t.bytes) : default;
        return found;
    }

    /// <inheritdoc/>
    /// <remarks>libtorch's memory does not move.</remarks>
    public MemoryHandle Pin(string name) => _tensors.TryGetValue(name, out var t)
        ? new MemoryHandle(Unsafe.AsPointer(ref MemoryMarshal.GetReference(t.bytes)))
        : throw new ArgumentException($"name = {name}: is not present", nameof(name));
}
