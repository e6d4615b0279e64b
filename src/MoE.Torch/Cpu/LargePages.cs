using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Fresh tensors of many megabytes come page by page from the system: 50,000 page faults for the gradients of 200 MB of weights, in every step. Linux gives pages of 2 MB to memory that asks for them; elsewhere nothing happens.
/// </summary>
internal static partial class LargePages
{
    private const int Advice = 14;
    private const long Page = 2 << 20;

    /// <summary>A tensor without content, on large pages where it is large.</summary>
    public static Tensor Empty(long[] shape)
    {
        var tensor = empty(shape);
        long bytes = tensor.numel() * sizeof(float);
        if (OperatingSystem.IsLinux() && bytes >= 4 * Page)
        {
            long from = (tensor.storage<float>().data_ptr().ToInt64() + Page - 1) & -Page, to = (tensor.storage<float>().data_ptr().ToInt64() + bytes) & -Page;
            // Advice only: what it returns changes nothing.
            if (to > from) _ = Advise((nint)from, (nuint)(to - from), Advice);
        }

        return tensor;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);
}
