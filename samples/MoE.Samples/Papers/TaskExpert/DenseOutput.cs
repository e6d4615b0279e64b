using static TorchSharp.torch;

namespace MoE.Samples.Papers.TaskExpert;

/// <summary>Predictions of a batch, and the gates' weights where there are gates.</summary>
/// <param name="Classes">Logits [B, 11, 32, 32].</param>
/// <param name="Boundary">Logits [B, 1, 32, 32].</param>
/// <param name="Depth">[B, 1, 32, 32].</param>
/// <param name="Weights">For each tap, for each task: [B, experts and memory].</param>
public sealed record DenseOutput(Tensor Classes, Tensor Boundary, Tensor Depth, IReadOnlyList<IReadOnlyList<Tensor>> Weights);
