namespace MoE;

/// <summary>The score functions on one row, in double, rounded to single.</summary>
public static class ScoreFunctions
{
    /// <summary>Applies a function to a row of logits.</summary>
    /// <param name="function">The function.</param>
    /// <param name="logits">One token's logits; -infinity gives zero except for <see cref="ScoreFunction.Identity"/>.</param>
    /// <param name="scores">Overwritten; may be the same memory as <paramref name="logits"/>.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Apply(ScoreFunction function, ReadOnlySpan<float> logits, Span<float> scores)
    {
        if (logits.Length != scores.Length)
            throw new ArgumentException($"scores has {scores.Length} values; must be as many as logits ({logits.Length})", nameof(scores));
        if (function == ScoreFunction.Softmax)
        {
            Softmax(logits, scores);
            return;
        }

        for (int e = 0; e < logits.Length; e++) scores[e] = (float)Of(function, logits[e]);
    }

    private static double Of(ScoreFunction function, double logit) => function switch
    {
        ScoreFunction.Sigmoid => Sigmoid(logit),
        ScoreFunction.SqrtSoftplus => Math.Sqrt(Softplus(logit)),
        ScoreFunction.Identity => logit,
        ScoreFunction.Relu => Math.Max(logit, 0),
        _ => throw new ArgumentOutOfRangeException(nameof(function), function, "must be a defined score function"),
    };

    internal static double Sigmoid(double x) => x >= 0 ? 1 / (1 + Math.Exp(-x)) : Math.Exp(x) / (1 + Math.Exp(x));

    // ln(1 + e^x) without overflow, and without losing small results to the 1.
    internal static double Softplus(double x) => Math.Max(x, 0) + LogOnePlus(Math.Exp(-Math.Abs(x)));

    private static double LogOnePlus(double y)
    {
        double u = 1 + y;
        return u == 1 ? y : Math.Log(u) * y / (u - 1);
    }

    private static void Softmax(ReadOnlySpan<float> logits, Span<float> scores)
    {
        if (logits.IsEmpty) return;
        float max = float.NegativeInfinity;
        foreach (float l in logits) max = Math.Max(max, l);
        if (float.IsNegativeInfinity(max))
        {
            scores.Clear();
            return;
        }

        double sum = 0;
        foreach (float l in logits) sum += Math.Exp((double)l - max);
        for (int e = 0; e < logits.Length; e++) scores[e] = (float)(Math.Exp((double)logits[e] - max) / sum);
    }

    /// <summary>ln(sum exp(l)) of a row, with the maximum taken out first.</summary>
    /// <param name="logits">One token's logits, not empty.</param>
    public static double LogSumExp(ReadOnlySpan<float> logits)
    {
        float max = float.NegativeInfinity;
        foreach (float l in logits) max = Math.Max(max, l);
        if (float.IsInfinity(max)) return max;
        double sum = 0;
        foreach (float l in logits) sum += Math.Exp((double)l - max);
        return max + Math.Log(sum);
    }
}
