namespace MoE;

/// <summary>Sinkhorn's iteration: a matrix of positive scores is scaled by rows and columns in turn until every expert has the same share of the batch.</summary>
public static class Sinkhorn
{
    /// <summary>Balances logits.</summary>
    /// <param name="logits">[T, E].</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="logSpace">In the logarithmic domain: finite for every finite logit. Otherwise as Megatron-LM <c>sinkhorn</c>, where logits above 88 overflow and the result is not a number.</param>
    /// <param name="tolerance">The iteration ends when the column factors change by at most this on average; positive. In the logarithmic domain their logarithms.</param>
    /// <param name="iterations">Most iterations, positive.</param>
    /// <returns>[T, E]: d0_t exp(l_te) d1_e with d0 = 1/T / (C d1 + 1e-8), d1 = 1/E / (C' d0 + 1e-8). Rows sum to about 1/T, columns to about 1/E.</returns>
    /// <remarks>Megatron-LM <c>megatron/core/transformer/moe/moe_utils.py</c> sinkhorn; Clark et al. 2022 (S-BASE) for the use. A closed expert (-infinity) stays zero.</remarks>
    /// <exception cref="ArgumentException">A length or value breaks these rules.</exception>
    public static float[] Normalize(ReadOnlySpan<float> logits, int experts, bool logSpace = true, double tolerance = 1e-4, int iterations = 100)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(iterations);
        if (!(tolerance > 0)) throw new ArgumentOutOfRangeException(nameof(tolerance), tolerance, "must be positive");
        if (logits.Length % experts != 0) throw new ArgumentException($"logits has {logits.Length} values; must be a multiple of experts ({experts})", nameof(logits));
        int tokens = logits.Length / experts;
        return logSpace ? InLogarithms(logits, tokens, experts, tolerance, iterations) : InPlainNumbers(logits, tokens, experts, tolerance, iterations);
    }

    private static float[] InPlainNumbers(ReadOnlySpan<float> logits, int tokens, int experts, double tolerance, int iterations)
    {
        const double tiny = 1e-8;
        var cost = new double[logits.Length];
        for (int i = 0; i < cost.Length; i++) cost[i] = MathF.Exp(logits[i]);
        var (rows, columns, former) = (new double[tokens], new double[experts], new double[experts]);
        Array.Fill(columns, 1);
        for (int i = 0; i < iterations; i++)
        {
            columns.CopyTo(former, 0);
            for (int t = 0; t < tokens; t++)
            {
                double sum = 0;
                for (int e = 0; e < experts; e++) sum += cost[t * experts + e] * columns[e];
                rows[t] = 1.0 / tokens / (sum + tiny);
            }

            double change = 0;
            for (int e = 0; e < experts; e++)
            {
                double sum = 0;
                for (int t = 0; t < tokens; t++) sum += cost[t * experts + e] * rows[t];
                columns[e] = 1.0 / experts / (sum + tiny);
                change += Math.Abs(columns[e] - former[e]) / experts;
            }

            if (!(change > tolerance)) break;
        }

        var balanced = new float[cost.Length];
        for (int i = 0; i < balanced.Length; i++) balanced[i] = (float)(rows[i / experts] * cost[i] * columns[i % experts]);
        return balanced;
    }

    private static float[] InLogarithms(ReadOnlySpan<float> logits, int tokens, int experts, double tolerance, int iterations)
    {
        float[] l = logits.ToArray();
        var (rows, columns, former) = (new double[tokens], new double[experts], new double[experts]);
        for (int i = 0; i < iterations && tokens > 0; i++)
        {
            columns.CopyTo(former, 0);
            for (int t = 0; t < tokens; t++) rows[t] = -Math.Log(tokens) - LogSumExp(experts, e => l[t * experts + e] + columns[e]);
            double change = 0;
            for (int e = 0; e < experts; e++)
            {
                double sum = LogSumExp(tokens, t => l[t * experts + e] + rows[t]);
                columns[e] = double.IsNegativeInfinity(sum) ? 0 : -Math.Log(experts) - sum;
                change += Math.Abs(columns[e] - former[e]) / experts;
            }

            if (!(change > tolerance)) break;
        }

        var balanced = new float[l.Length];
        for (int i = 0; i < balanced.Length; i++) balanced[i] = (float)Math.Exp(l[i] + rows[i / experts] + columns[i % experts]);
        return balanced;
    }

    private static double LogSumExp(int count, Func<int, double> value)
    {
        double max = double.NegativeInfinity, sum = 0;
        for (int i = 0; i < count; i++) max = Math.Max(max, value(i));
        if (double.IsNegativeInfinity(max)) return max;
        for (int i = 0; i < count; i++) sum += Math.Exp(value(i) - max);
        return max + Math.Log(sum);
    }
}
