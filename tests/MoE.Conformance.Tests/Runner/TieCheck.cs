namespace MoE.Conformance.Runner;

/// <summary>Whether a recorded choice that differs from the engine's own is one that only a tie decides: then, and only then, it may be replayed.</summary>
internal static class TieCheck
{
    /// <summary>True if the recorded experts are a best set under the library's own selection scores, up to a tie.</summary>
    /// <param name="spec">The router.</param>
    /// <param name="logits">One token's logits, [E].</param>
    /// <param name="bias">The selection bias [E], or empty.</param>
    /// <param name="recorded">The recorded experts of the token.</param>
    /// <param name="type">The type the peer chose in; in bfloat16 scores one rounding step apart are equal to it.</param>
    public static bool Allows(RouterSpec spec, ReadOnlySpan<float> logits, ReadOnlySpan<float> bias, ReadOnlySpan<int> recorded, string type)
    {
        if (spec.Select is not TopKSelection select || recorded.Contains(-1) || new HashSet<int>(recorded.ToArray()).Count != recorded.Length) return false;
        var scores = new float[spec.Experts];
        ReferenceRouter.SelectionScores(logits, spec, new RouteOptions { SelectionBias = bias }, scores);
        double width = Width(scores, type);
        if (IsBest(scores, recorded, width)) return true;
        if (select.Groups is null) return false;

        // A tie between groups: with the recorded experts lifted by the width of a tie, their groups must be the ones that are kept.
        var lifted = bias.IsEmpty ? new float[spec.Experts] : bias.ToArray();
        foreach (int e in recorded) lifted[e] += (float)width;
        ReferenceRouter.SelectionScores(logits, spec with { Select = select with { UsesBias = true } }, new RouteOptions { SelectionBias = lifted }, scores);
        return IsBest(scores, recorded, 0);
    }

    // A rounding step of bfloat16 is at most 1/128 of the number.
    private static double Width(ReadOnlySpan<float> scores, string type)
    {
        if (type != "bfloat16") return Tolerance.Tie;
        double largest = 0;
        foreach (float s in scores) largest = float.IsFinite(s) ? Math.Max(largest, Math.Abs(s)) : largest;
        return Math.Max(Tolerance.Tie, largest / 128);
    }

    private static bool IsBest(ReadOnlySpan<float> scores, ReadOnlySpan<int> recorded, double width)
    {
        double worst = double.PositiveInfinity, best = double.NegativeInfinity;
        for (int e = 0; e < scores.Length; e++)
        {
            if (recorded.Contains(e)) worst = Math.Min(worst, scores[e]);
            else best = Math.Max(best, scores[e]);
        }

        // Of two that cannot be chosen neither is better: -infinity is at least -infinity.
        return worst >= best || best - worst <= width;
    }
}
