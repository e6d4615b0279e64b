namespace MoE.Onnx;

/// <summary>Which operators a layer is written with.</summary>
public enum OnnxLayerForm
{
    /// <summary>
    /// Standard operators only. Every expert sits behind an <c>If</c>, so that experts without tokens cost nothing. Expresses every dropless router and every expert;
    /// equal scores go to the lowest index (or the highest, where the spec says so), which ONNX defines for <c>TopK</c>.
    /// </summary>
    Portable,

    /// <summary>
    /// Standard operators only. One <c>Loop</c> over the experts that have tokens: a small graph whatever the number of experts, opened at once and without a second, packed copy of the weights; but each call copies the weights
    /// of every expert it uses before it multiplies with them. For layers of very many experts; otherwise <see cref="Portable"/> is faster.
    /// </summary>
    Loop,

    /// <summary>
    /// The experts as ONNX Runtime's <c>com.microsoft::MoE</c> in single precision. Routers that the operator does not know are computed with standard operators in front of it and
    /// handed over as logarithms of the weights, so that its own choice (the highest of equal indices) never decides anything.
    /// </summary>
    Contrib,

    /// <summary>
    /// The experts as ONNX Runtime's <c>com.microsoft::QMoE</c>, with 8-bit or 4-bit weights (<see cref="OnnxLayerOptions.Format"/>) quantised as <see cref="MoEFeedForward"/> does. Expresses every dropless router; the model width must be
    /// a multiple of 32. ONNX Runtime 1.31 multiplies 8-bit blocks with 8-bit activations (up to about 1 % on a layer's output) and the other formats in single precision.
    /// </summary>
    Quantized,
}
