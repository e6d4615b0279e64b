namespace MoE;

/// <summary>A spec was refused. Carries every problem of the spec, not only the first.</summary>
public sealed class SpecException : ArgumentException
{
    /// <summary>Makes the exception for a non-empty list of problems.</summary>
    /// <param name="problems">All problems, in the order of the spec's fields.</param>
    public SpecException(IReadOnlyList<SpecProblem> problems)
        : base(Describe(problems)) => Problems = problems;

    /// <summary>All problems found.</summary>
    public IReadOnlyList<SpecProblem> Problems { get; }

    internal static void ThrowIfAny(IReadOnlyList<SpecProblem> problems)
    {
        if (problems.Count > 0) throw new SpecException(problems);
    }

    private static string Describe(IReadOnlyList<SpecProblem> problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        return problems.Count == 1
            ? problems[0].ToString()
            : $"{problems.Count} problems: {string.Join("; ", problems)}";
    }
}
