namespace MoE.Onnx;

/// <summary>What a layer is written with beside its output.</summary>
public sealed record OnnxLayerOptions
{
    /// <summary>
    /// The graph also has the outputs <c>experts</c> (int64 [T, K]) and <c>weights</c> (float [T, K]). Without them a router that
    /// <see cref="OnnxLayerForm.Contrib"/>'s operator knows is left to the operator.
    /// </summary>
    public bool RoutingOutputs { get; init; } = true;
}
