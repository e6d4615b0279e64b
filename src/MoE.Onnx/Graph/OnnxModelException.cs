namespace MoE.Onnx;

/// <summary>A model was refused. Carries every problem of the model, not only the first.</summary>
public sealed class OnnxModelException : ArgumentException
{
    /// <summary>Makes the exception for a non-empty list of problems.</summary>
    /// <param name="problems">All problems; each names a place in the graph, what is there and the rule.</param>
    public OnnxModelException(IReadOnlyList<SpecProblem> problems)
        : base(ProblemText.Join(problems)) => Problems = problems;

    /// <summary>All problems found.</summary>
    public IReadOnlyList<SpecProblem> Problems { get; }
}
