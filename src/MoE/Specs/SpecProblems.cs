using System.Globalization;

namespace MoE;

/// <summary>Collects the problems of a spec under a path prefix.</summary>
internal sealed class SpecProblems
{
    private readonly List<SpecProblem> _found = [];

    public IReadOnlyList<SpecProblem> Found => _found;

    public void Require(bool holds, string name, object? value, string rule)
    {
        if (!holds) _found.Add(new SpecProblem(name, Text(value), rule));
    }

    public void RequireDefined<T>(T value, string name) where T : struct, Enum =>
        Require(Enum.IsDefined(value), name, value, $"must be one of {string.Join(", ", Enum.GetNames<T>())}");

    public void RequirePositive(int value, string name) => Require(value > 0, name, value, "must be positive");

    public static string Text(object? value) => value switch
    {
        null => "null",
        IFormattable f => f.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "null",
    };
}
