namespace MoE.Diagnostics;

/// <summary>A token whose experts differ between two routings.</summary>
/// <param name="Token">0..T-1.</param>
/// <param name="Before">Its experts in the first routing, ascending, drops not looked at.</param>
/// <param name="After">Its experts in the second.</param>
/// <param name="MarginBefore">Its routing margin in the first; null where margins were not given.</param>
/// <param name="MarginAfter">Its routing margin in the second.</param>
public sealed record TokenChange(int Token, IReadOnlyList<int> Before, IReadOnlyList<int> After, float? MarginBefore, float? MarginAfter);
