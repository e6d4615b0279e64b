namespace MoE.Benchmarks;

/// <summary>The parts of a router's answer, and the reference for them.</summary>
internal static class RouterAnswer
{
    /// <summary>An answer.</summary>
    /// <param name="experts">[T, K].</param>
    /// <param name="weights">[T, K].</param>
    /// <param name="order">[N]: routes in the stable order by expert.</param>
    /// <param name="counts">[E].</param>
    public static Answer Of(IEnumerable<long> experts, float[] weights, IEnumerable<long> order, IEnumerable<long> counts) => new(
        new AnswerPart("experts", Floats(experts), Exact: true),
        new AnswerPart("weights", weights),
        new AnswerPart("order", Floats(order), Exact: true),
        new AnswerPart("counts", Floats(counts), Exact: true));

    /// <summary>The definition, in double precision: sort by falling logit, softmax over the chosen, sort routes by expert.</summary>
    public static Answer Reference(ReadOnlySpan<float> logits_TE, int experts, int choices)
    {
        int tokens = logits_TE.Length / experts;
        var chosen = new long[tokens * choices];
        var weights = new float[tokens * choices];
        for (int t = 0; t < tokens; t++)
        {
            float[] row = logits_TE.Slice(t * experts, experts).ToArray();
            int[] best = [.. Enumerable.Range(0, experts).OrderByDescending(e => row[e]).Take(choices)];
            double sum = best.Sum(e => Math.Exp((double)row[e] - row[best[0]]));
            for (int j = 0; j < choices; j++)
            {
                chosen[t * choices + j] = best[j];
                weights[t * choices + j] = (float)(Math.Exp((double)row[best[j]] - row[best[0]]) / sum);
            }
        }

        var order = Enumerable.Range(0, chosen.Length).OrderBy(r => chosen[r]).Select(static r => (long)r);
        var counts = Enumerable.Range(0, experts).Select(e => chosen.LongCount(c => c == e));
        return Of(chosen, weights, order, counts);
    }

    // Whole numbers below 2^24 are exact in single precision.
    private static float[] Floats(IEnumerable<long> values) => [.. values.Select(static v => (float)v)];
}
