namespace MoE.Onnx;

/// <summary>The values that a router leaves in a graph.</summary>
/// <param name="Experts">int64 [T, K].</param>
/// <param name="Weights">float [T, K].</param>
/// <param name="Unscaled">float [T, K]: the weights before <see cref="WeighSpec.Scale"/>.</param>
internal readonly record struct RouterValues(string Experts, string Weights, string Unscaled);
