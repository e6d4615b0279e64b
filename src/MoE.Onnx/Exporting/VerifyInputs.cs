namespace MoE.Onnx;

/// <summary>The batches that engines are compared on: ordinary tokens, and those where engines come apart.</summary>
internal static class VerifyInputs
{
    // Far enough to saturate any score, near enough that products of two such numbers stay within single precision.
    private const float Huge = 1e3f;
    private const float Tiny = 1e-6f;

    /// <summary>Name and tokens [T, D] of each.</summary>
    public static IEnumerable<(string Name, float[] Tokens)> Of(LogitTerms logits, OnnxVerifyOptions options)
    {
        int d = logits.Width;
        var random = new Random(options.Seed);
        yield return ("random", Normal(random, options.Tokens * d, 1));
        yield return ("one token", Normal(random, d, 1));
        yield return ("no tokens", []);
        yield return ("one token repeated", [.. Enumerable.Repeat(Normal(random, d, 1), 9).SelectMany(static x => x)]);
        yield return ("zero rows", [.. new float[2 * d], .. Normal(random, 2 * d, 1), .. new float[d]]);
        yield return ("huge", Normal(random, 8 * d, Huge));
        yield return ("tiny", [.. Normal(random, 4 * d, Tiny), .. Normal(random, 4 * d, 1e-30f)]);
        yield return ("one number per token", Sparse(random, 8, d));
        yield return ("near ties", Ties(random, logits, 12));
        if (!options.Given.IsEmpty) yield return ("given", options.Given.ToArray());
    }

    private static float[] Normal(Random random, int count, float scale)
    {
        var values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = scale * (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return values;
    }

    private static float[] Sparse(Random random, int tokens, int width)
    {
        var values = new float[tokens * width];
        for (int t = 0; t < tokens; t++) values[(t * width) + random.Next(width)] = t % 2 == 0 ? 3 : -3;
        return values;
    }

    // Tokens that are moved along the difference of two rows of the scorer until the k-th and the next expert have the same logit, as near as rounding allows.
    private static float[] Ties(Random random, LogitTerms logits, int tokens)
    {
        int d = logits.Width, e = logits.Experts, k = Math.Min(logits.Choices, e - 1);
        float[] x = Normal(random, tokens * d, 1);
        if (k < 1) return x;
        for (int t = 0; t < tokens; t++)
        {
            var token = x.AsSpan(t * d, d);
            for (int round = 0; round < 3; round++)
            {
                double[] scores = [.. Enumerable.Range(0, e).Select(i => logits.Logit(i, x.AsSpan(t * d, d)))];
                int[] best = [.. Enumerable.Range(0, e).OrderByDescending(i => scores[i]).ThenBy(static i => i)];
                ReadOnlySpan<float> a = logits.Row(best[k - 1]), b = logits.Row(best[k]);
                double norm = 0;
                for (int i = 0; i < d; i++) norm += Math.Pow((double)a[i] - b[i], 2);
                if (norm == 0) break;
                double step = (scores[best[k - 1]] - scores[best[k]]) / norm;
                for (int i = 0; i < d; i++) token[i] -= (float)(step * ((double)a[i] - b[i]));
            }
        }

        return x;
    }
}
