using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>What a soft mixture gives.</summary>
/// <param name="Output">[B, N, D].</param>
/// <param name="Dispatch">[B, N, E, S]: the share of each token in each slot; sums to one over N.</param>
/// <param name="Combine">[B, N, E, S]: the share of each slot in each token's output; sums to one over E and S.</param>
public sealed record SoftResult(Tensor Output, Tensor Dispatch, Tensor Combine) : IDisposable
{
    internal SoftResult MoveToOuterDisposeScope()
    {
        Output.MoveToOuterDisposeScope();
        Dispatch.MoveToOuterDisposeScope();
        Combine.MoveToOuterDisposeScope();
        return this;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Output.Dispose();
        Dispatch.Dispose();
        Combine.Dispose();
    }
}
