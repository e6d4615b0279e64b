namespace MoE.Onnx;

/// <summary>What a layer is written with beside its output.</summary>
public sealed record OnnxLayerOptions
{
    /// <summary>
    /// The graph also has the outputs <c>experts</c> (int64 [T, K]) and <c>weights</c> (float [T, K]). Without them a router that
    /// <see cref="OnnxLayerForm.Contrib"/>'s operator knows is left to the operator.
    /// </summary>
    public bool RoutingOutputs { get; init; } = true;

    /// <summary>Version of the standard operators, <see cref="OnnxOpset.Oldest"/>..<see cref="OnnxOpset.Newest"/>.</summary>
    public int Opset { get; init; } = OnnxOpset.Newest;

    /// <summary>How <see cref="OnnxLayerForm.Quantized"/> holds the experts' weights: a format with integers. Other forms hold single precision.</summary>
    public WeightFormat Format { get; init; } = WeightFormat.Int8PerBlock;

    /// <summary>What the weights of <see cref="OnnxLayerForm.Quantized"/> may be multiplied with: <see cref="ActivationFormat.Int8"/> lets ONNX Runtime quantise activations for 4-bit weights too (its accuracy level 4).</summary>
    public ActivationFormat Activations { get; init; }
}
