using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Tensors on the CPU as spans. The caller keeps the tensor alive while the span is used.</summary>
internal static unsafe class TensorMemory
{
    /// <param name="tensor">Contiguous, single precision, on the CPU; null: empty.</param>
    public static Span<float> Of(Tensor? tensor)
    {
        if (tensor is null || tensor.numel() == 0) return default;
        var storage = tensor.storage<float>();
        return new Span<float>((float*)storage.data_ptr() + tensor.storage_offset(), checked((int)tensor.numel()));
    }

    /// <summary>Whether the kernels can read it.</summary>
    public static bool Is(Tensor? tensor) => tensor is null || (tensor.dtype == ScalarType.Float32 && tensor.device_type == DeviceType.CPU && tensor.numel() <= int.MaxValue);
}
