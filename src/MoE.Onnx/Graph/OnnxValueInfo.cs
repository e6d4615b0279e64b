namespace MoE.Onnx;

/// <summary>A graph input or output: name, element type and shape.</summary>
/// <param name="Name">Value name.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Dimensions; empty: a scalar.</param>
public sealed record OnnxValueInfo(string Name, OnnxElementType Type, IReadOnlyList<OnnxDim> Shape)
{
    /// <summary>The value is a sequence of such tensors, as a <c>Loop</c> may carry it.</summary>
    public bool IsSequence { get; init; }
}
