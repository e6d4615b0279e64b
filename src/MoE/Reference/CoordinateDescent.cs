namespace MoE;

/// <summary>Coordinate descent: a soft choice of about k of n scores, between 0 and 1 each.</summary>
public static class CoordinateDescent
{
    /// <summary>Solves one row, in double.</summary>
    /// <param name="scores">s, [n].</param>
    /// <param name="k">What the choice sums to about, positive; the caller multiplies by <see cref="CoordinateDescentSpec.Ratio"/> where wanted.</param>
    /// <param name="spec">Iterations and softness.</param>
    /// <param name="open">[n]: false for scores that do not take part, or empty.</param>
    /// <param name="destination">[n]: exp((s + a + b) / epsilon).</param>
    /// <exception cref="ArgumentException">A length is wrong, or k is not positive.</exception>
    /// <remarks>Iterates a = eps (ln k - logsumexp((s + b) / eps)), b = -relu(s + a). lucidrains/CoLT5-attention <c>colt5_attention/coor_descent.py</c>, f2a8da0 (2024-09).</remarks>
    public static void Solve(ReadOnlySpan<float> scores, double k, CoordinateDescentSpec spec, ReadOnlySpan<bool> open, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (!(k > 0)) throw new ArgumentOutOfRangeException(nameof(k), k, "must be positive");
        if (destination.Length != scores.Length) throw new ArgumentException($"destination has {destination.Length} values; must be as many as scores ({scores.Length})", nameof(destination));
        if (!open.IsEmpty && open.Length != scores.Length) throw new ArgumentException($"open has {open.Length} values; must be as many as scores ({scores.Length})", nameof(open));
        if (scores.IsEmpty) return;
        var s = new double[scores.Length];
        var b = new double[scores.Length];
        for (int i = 0; i < s.Length; i++)
        {
            s[i] = open.IsEmpty || open[i] ? scores[i] : -float.MaxValue;
            b[i] = -s[i];
        }

        double a = 0, epsilon = Math.Max(spec.InitialEpsilon ?? spec.Epsilon, spec.Epsilon);
        for (int i = 0; i < spec.Iterations; i++)
        {
            a = epsilon * (Math.Log(k) - LogSumExp(s, b, open, epsilon));
            for (int j = 0; j < b.Length; j++) b[j] = -Math.Max(s[j] + a, 0);
            epsilon = Math.Max(epsilon * spec.EpsilonDecay, spec.Epsilon);
        }

        for (int j = 0; j < s.Length; j++) destination[j] = open.IsEmpty || open[j] ? (float)Math.Exp((s[j] + a + b[j]) / epsilon) : 0;
    }

    private static double LogSumExp(double[] s, double[] b, ReadOnlySpan<bool> open, double epsilon)
    {
        double max = double.NegativeInfinity, sum = 0;
        for (int j = 0; j < s.Length; j++) max = open.IsEmpty || open[j] ? Math.Max(max, (s[j] + b[j]) / epsilon) : max;
        if (double.IsInfinity(max)) return max;
        for (int j = 0; j < s.Length; j++) sum += open.IsEmpty || open[j] ? Math.Exp((s[j] + b[j]) / epsilon - max) : 0;
        return max + Math.Log(sum);
    }
}
