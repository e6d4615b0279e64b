using static TorchSharp.torch;

namespace MoE.Samples.Papers.Hmode;

/// <summary>The seven maps of a batch, at full size and a hundredfold, and what the gates said.</summary>
/// <param name="Experts">[B, 3, H, W]: coarse to fine.</param>
/// <param name="Pairs">[B, 3, H, W]: experts 0 and 1, 0 and 2, 1 and 2.</param>
/// <param name="Final">[B, 1, H, W].</param>
/// <param name="PairWeights">[B, 3, 2, h, w].</param>
/// <param name="Mask">[B, 1, H / 8, W / 8], 0..1.</param>
public sealed record DensityMaps(Tensor Experts, Tensor Pairs, Tensor Final, Tensor PairWeights, Tensor Mask);
