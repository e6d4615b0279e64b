namespace MoE.Onnx;

/// <summary>Where the weights of a layer of <see cref="OnnxMoELayer.Create"/> lie, in bytes.</summary>
/// <param name="Shared">In the caller's memory, read in place. The caller changes nothing there as long as the layer lives.</param>
/// <param name="Owned">In memory of the layer's own: what the form holds otherwise than the source (interleaved, rounded, widened), or what the source cannot hold in place.</param>
/// <param name="Packed">In a copy that ONNX Runtime packs for the products of standard operators (rows padded to a multiple of 16); zero without <see cref="OnnxEngineOptions.Prepacking"/>.</param>
public sealed record OnnxLayerMemory(long Shared, long Owned, long Packed);
