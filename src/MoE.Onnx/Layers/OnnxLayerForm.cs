namespace MoE.Onnx;

/// <summary>Which operators a layer is written with.</summary>
public enum OnnxLayerForm
{
    /// <summary>
    /// Standard operators only (opset 21). Every expert sits behind an <c>If</c>, so that experts without tokens cost nothing. Expresses every dropless router and every expert;
    /// equal scores go to the lowest index (or the highest, where the spec says so), which ONNX defines for <c>TopK</c>.
    /// </summary>
    Portable,

    /// <summary>
    /// The experts as ONNX Runtime's <c>com.microsoft::MoE</c> in single precision. Routers that the operator does not know are computed with standard operators in front of it and
    /// handed over as logarithms of the weights, so that its own choice (the highest of equal indices) never decides anything.
    /// </summary>
    Contrib,
}
