namespace MoE;

/// <summary>A layer made from another: its spec and its weights, which every engine loads.</summary>
/// <param name="Spec">The layer.</param>
/// <param name="Weights">All tensors of <see cref="WeightNames.Of"/>.</param>
public sealed record ConvertedLayer(MoELayerSpec Spec, WeightDictionary Weights);
