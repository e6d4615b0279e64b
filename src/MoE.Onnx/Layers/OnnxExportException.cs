namespace MoE.Onnx;

/// <summary>A layer or router cannot be written in the form asked for. Carries every reason, not only the first.</summary>
public sealed class OnnxExportException : NotSupportedException
{
    /// <summary>Makes the exception for a non-empty list of reasons.</summary>
    /// <param name="problems">What cannot be expressed: path in the spec, value and reason.</param>
    public OnnxExportException(IReadOnlyList<SpecProblem> problems)
        : base(ProblemText.Join(problems)) => Problems = problems;

    /// <summary>All reasons.</summary>
    public IReadOnlyList<SpecProblem> Problems { get; }
}
