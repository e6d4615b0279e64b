namespace MoE.Onnx;

/// <summary>What a form makes of a layer.</summary>
/// <param name="Form">The form.</param>
/// <param name="Refusals">What it cannot express, every reason by name; empty: it is exact for the layer, or, quantised, exact but for the rounded weights.</param>
/// <param name="Remark">For a form that could be used: what speaks for or against it.</param>
public sealed record OnnxFormChoice(OnnxLayerForm Form, IReadOnlyList<SpecProblem> Refusals, string Remark)
{
    /// <summary>The layer can be written in this form.</summary>
    public bool IsPossible => Refusals.Count == 0;
}
