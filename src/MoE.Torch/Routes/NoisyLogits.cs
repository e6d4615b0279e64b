using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>The logits of a call with noise, for losses that ask how likely a choice was (<see cref="TorchRouterLosses.smooth_load"/>). Owned by its routing.</summary>
/// <param name="Clean">[T, E] without noise.</param>
/// <param name="Noisy">[T, E] with noise.</param>
/// <param name="Noise">[T, E]: what was added (or multiplied in).</param>
/// <param name="Std">Standard deviation of the noise, [T, E] or a scalar; zero where the call drew none.</param>
public sealed record NoisyLogits(Tensor Clean, Tensor Noisy, Tensor Noise, Tensor Std)
{
    internal Tensor[] All => [Clean, Noisy, Noise, Std];
}
