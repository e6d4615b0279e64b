namespace MoE.Onnx;

/// <summary>The values that a router leaves in a graph.</summary>
/// <param name="Experts">int64 [T, K]; -1 where a choice is not taken.</param>
/// <param name="Weights">float [T, K]; zero there.</param>
/// <param name="Unscaled">float [T, K]: the weights before <see cref="WeighSpec.Scale"/>.</param>
/// <param name="Places">int64 [T, K]: the experts, all different and none negative, also of choices that are not taken.</param>
internal readonly record struct RouterValues(string Experts, string Weights, string Unscaled, string Places);
