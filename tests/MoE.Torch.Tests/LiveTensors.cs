using static TorchSharp.torch;

namespace MoE.Torch.Tests;

/// <summary>Tensors that nobody has let go; for tests of the collection "tensor counts", which do not run beside each other.</summary>
internal static class LiveTensors
{
    public static long Count()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Tensor.TotalCount;
    }
}
