using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Running counts of routes per expert.</summary>
internal static class ExpertCounts
{
    /// <summary>total += counts, in place and without gradient.</summary>
    /// <param name="total">[E] int64.</param>
    /// <param name="counts">[E] integers.</param>
    /// <param name="name">What the caller calls the counts.</param>
    /// <exception cref="ArgumentException">The shape is wrong.</exception>
    public static void Add(Tensor total, Tensor counts, string name)
    {
        ArgumentNullException.ThrowIfNull(counts, name);
        TensorGuard.Vector(counts, total.shape[0], counts.dtype, name);
        using var guard = no_grad();
        using var whole = counts.to(ScalarType.Int64);
        total.add_(whole);
    }
}
