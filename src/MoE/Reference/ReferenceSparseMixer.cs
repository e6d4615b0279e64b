namespace MoE;

/// <summary>SparseMixer-v2 on one row.</summary>
internal static class ReferenceSparseMixer
{
    public static void Route(ReadOnlySpan<float> logits, SparseMixerSelection rule, ReadOnlySpan<bool> closed, ReadOnlySpan<int> given, int token, in RouterDraws draws, Span<int> chosen, Span<float> weights)
    {
        int experts = logits.Length;
        float[] rest = logits.ToArray();
        for (int e = 0; e < experts; e++)
        {
            if (!closed.IsEmpty && closed[e]) rest[e] = float.NegativeInfinity;
        }

        var p = new float[experts];
        for (int j = 0; j < rule.K; j++)
        {
            (chosen[j], weights[j]) = (-1, 0);
            int best = Best(rest);
            if (float.IsNegativeInfinity(rest[best]) || (!given.IsEmpty && given[j] < 0)) continue;
            for (int e = 0; e < experts; e++)
            {
                float factor = MathF.Max(MathF.Abs(logits[e]), rest[best]);
                p[e] = (rest[best] - logits[e]) / factor > (float)(2 * rule.Jitter) ? float.NegativeInfinity : rest[e];
            }

            int taken = !given.IsEmpty ? given[j] : draws.Samples.Length == 0 ? best : Sampled(p, draws.Samples[j].AsSpan(token * experts, experts));
            ScoreFunctions.Apply(ScoreFunction.Softmax, p, p);
            chosen[j] = taken;
            weights[j] = p[taken] * Part(p, taken, draws.Heuns.Length == 0 ? 1 : draws.Heuns[j][token]);
            rest[taken] = float.NegativeInfinity;
        }
    }

    private static float Part(float[] p, int taken, float uniform) => taken == Best(p) || uniform > 0.75f ? 1 : 0.3333f;

    private static int Sampled(float[] masked, ReadOnlySpan<float> exponential)
    {
        var noisy = new float[masked.Length];
        for (int e = 0; e < noisy.Length; e++) noisy[e] = masked[e] - MathF.Log(exponential[e]);
        return Best(noisy);
    }

    private static int Best(float[] values)
    {
        int best = 0;
        for (int e = 1; e < values.Length; e++) best = values[e] > values[best] ? e : best;
        return best;
    }
}
