namespace MoE;

/// <summary>Expert choice, the plain form: every expert sorts the tokens of a sequence by its score and takes the first C.</summary>
internal static class ReferenceExpertChoice
{
    public static TopKRouting Route(ReadOnlySpan<float> logits, RouterSpec spec, in RouteOptions options, ReferenceRow row)
    {
        int experts = spec.Experts, tokens = logits.Length / experts;
        int length = ExpertPlan.SequenceOf(tokens, spec.Dispatch, options.SequenceLength), sequences = ReferenceRouter.Sequences(tokens, spec, options);
        int capacity = spec.Dispatch.Capacity!.Of(length, experts, 1, options.Training);
        var scores = new float[logits.Length];
        for (int t = 0; t < tokens; t++)
        {
            if (!options.Padding.IsEmpty && options.Padding[t]) continue;
            row.Score(logits.Slice(t * experts, experts));
            row.CopyScores(scores.AsSpan(t * experts, experts));
        }

        var rule = (ExpertChoiceSelection)spec.Select;
        if (rule.OverTokens) ScoreOverTokens(logits, scores, spec, options, length);
        var positions = new int[logits.Length];
        Array.Fill(positions, -1);
        for (int e = 0; e < experts; e++)
        {
            if (!options.ClosedExperts.IsEmpty && options.ClosedExperts[e]) continue;
            for (int s = 0; s < sequences; s++)
            {
                int next = 0;
                foreach (int t in Ranked(scores, experts, e, s * length, length, options.Padding, spec.Ties).Take(capacity)) positions[t * experts + e] = next++;
            }
        }

        var ids = new int[logits.Length];
        var kept = new bool[logits.Length];
        for (int r = 0; r < ids.Length; r++)
        {
            kept[r] = positions[r] >= 0;
            ids[r] = kept[r] ? r % experts : -1;
        }

        var weights = new float[logits.Length];
        for (int t = 0; t < tokens; t++)
        {
            if (!options.Padding.IsEmpty && options.Padding[t]) continue;
            row.Score(logits.Slice(t * experts, experts));
            if (rule.OverTokens) row.TakeScores(scores.AsSpan(t * experts, experts));
            row.Weigh(ids.AsSpan(t * experts, experts), weights.AsSpan(t * experts, experts));
        }

        for (int t = 0; t < tokens && rule.DividesByCount; t++)
        {
            var w = weights.AsSpan(t * experts, experts);
            int taken = kept.AsSpan(t * experts, experts).Count(true);
            for (int e = 0; e < experts && taken > 1; e++) w[e] /= taken;
        }

        var plan = ExpertPlan.FromKept(ids, experts, experts, kept, positions, capacity, sequences);
        ReferenceRouter.Settle(weights, experts, plan, spec.Dispatch);
        return new TopKRouting(tokens, experts, experts, ids, weights, plan, options.KeepScores ? scores : null);
    }

    /// <summary>[T, E]: softmaxes over the tokens of each sequence.</summary>
    public static float[] OverTokens(ReadOnlySpan<float> logits, RouterSpec spec, in RouteOptions options)
    {
        var scores = new float[logits.Length];
        int tokens = logits.Length / spec.Experts;
        if (tokens > 0) ScoreOverTokens(logits, scores, spec, options, ExpertPlan.SequenceOf(tokens, spec.Dispatch, options.SequenceLength));
        return scores;
    }

    private static void ScoreOverTokens(ReadOnlySpan<float> logits, float[] scores, RouterSpec spec, in RouteOptions options, int length)
    {
        int experts = spec.Experts;
        var column = new float[length];
        for (int s = 0; s < scores.Length / experts; s += length)
        {
            for (int e = 0; e < experts; e++)
            {
                for (int i = 0; i < length; i++)
                    column[i] = (!options.Padding.IsEmpty && options.Padding[s + i]) || (!options.ClosedExperts.IsEmpty && options.ClosedExperts[e]) ? float.NegativeInfinity : (float)(logits[(s + i) * experts + e] / spec.Score.Temperature);
                ScoreFunctions.Apply(ScoreFunction.Softmax, column, column);
                for (int i = 0; i < length; i++) scores[(s + i) * experts + e] = column[i];
            }
        }
    }

    private static IEnumerable<int> Ranked(float[] scores, int experts, int expert, int start, int length, ReadOnlySpan<bool> padding, TieRule ties)
    {
        var tokens = new List<int>();
        for (int t = start; t < start + length; t++)
        {
            if (padding.IsEmpty || !padding[t]) tokens.Add(t);
        }

        return tokens.OrderByDescending(t => scores[t * experts + expert]).ThenBy(t => ties == TieRule.HighestIndex ? -t : t);
    }
}
