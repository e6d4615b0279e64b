namespace MoE;

/// <summary>The race of all pairs of a token and an expert, the plain form: the pairs of a sequence are sorted by score, and the first are taken.</summary>
internal static class ReferenceRace
{
    /// <summary>[T, E]: which pairs are taken. Among equal scores the earlier token comes first, and of one token the lower expert; the other way round where the tie rule says so.</summary>
    public static bool[] Taken(ReadOnlySpan<float> logits, RouterSpec spec, RaceSelection rule, in RouteOptions options, ReferenceRow row)
    {
        int experts = spec.Experts, tokens = logits.Length / experts;
        var taken = new bool[logits.Length];
        if (tokens == 0) return taken;
        int length = ExpertPlan.SequenceOf(tokens, spec.Dispatch, options.SequenceLength);
        var scores = new float[logits.Length];
        for (int t = 0; t < tokens; t++)
        {
            if (!options.Padding.IsEmpty && options.Padding[t]) continue;
            row.Score(logits.Slice(t * experts, experts));
            row.CopySelectionScores([], scores.AsSpan(t * experts, experts));
        }

        for (int start = 0; start < tokens; start += length)
        {
            var pairs = new List<int>();
            int present = 0;
            for (int t = start; t < start + length; t++)
            {
                if (!options.Padding.IsEmpty && options.Padding[t]) continue;
                present++;
                for (int e = 0; e < experts; e++)
                {
                    if (options.ClosedExperts.IsEmpty || !options.ClosedExperts[e]) pairs.Add(t * experts + e);
                }
            }

            foreach (int pair in pairs.OrderByDescending(p => scores[p]).ThenBy(p => spec.Ties == TieRule.HighestIndex ? -p : p).Take(rule.PerToken * present)) taken[pair] = true;
        }

        return taken;
    }
}
