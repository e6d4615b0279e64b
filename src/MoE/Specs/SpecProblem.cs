namespace MoE;

/// <summary>One broken rule of a spec: which value, what it was, and what it must satisfy.</summary>
/// <param name="Name">Path of the value inside the spec, for example <c>router.select.k</c>.</param>
/// <param name="Value">The value as text.</param>
/// <param name="Rule">The rule in words, for example <c>must be in 1..experts (8)</c>.</param>
public readonly record struct SpecProblem(string Name, string Value, string Rule)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Name} = {Value}: {Rule}";
}
