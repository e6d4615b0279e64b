namespace MoE.Onnx;

internal static class ProblemText
{
    public static string Join(IReadOnlyList<SpecProblem> problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        return problems.Count == 1 ? problems[0].ToString() : $"{problems.Count} problems: {string.Join("; ", problems)}";
    }
}
