namespace MoE.Samples.Papers.Armorm;

/// <summary>Takes verbosity out of the other objectives: r'_j = r_j - lambda_j r_verbosity, lambda_j the first of a list whose rank correlation with verbosity is small enough; verbosity itself becomes zero.</summary>
/// <param name="Lambda">One per objective; 1 for verbosity.</param>
/// <param name="Verbosity">Which objective verbosity is.</param>
public sealed record Debiasing(double[] Lambda, int Verbosity)
{
    /// <summary>The largest rank correlation that may remain.</summary>
    public const double Threshold = 0.03;

    /// <summary>The penalties that are tried, in order.</summary>
    public static IReadOnlyList<double> Penalties { get; } = [0, 0.01, 0.025, .. Enumerable.Range(1, 19).Select(static i => 0.05 * i)];

    /// <summary>Finds the penalties on a reference set.</summary>
    /// <param name="rewards">J per response.</param>
    /// <param name="verbosity">Which is verbosity.</param>
    public static Debiasing Fit(IReadOnlyList<double[]> rewards, int verbosity)
    {
        double[] ranks = Ranks([.. rewards.Select(r => r[verbosity])]);
        double Left(int j, double penalty) => Correlation(Ranks([.. rewards.Select(r => r[j] - penalty * r[verbosity])]), ranks);
        double[] lambda = [.. Enumerable.Range(0, rewards[0].Length).Select(j =>
            j == verbosity ? 1 : Penalties.Cast<double?>().FirstOrDefault(p => Left(j, p!.Value) <= Threshold) ?? Penalties[^1])];
        return new(lambda, verbosity);
    }

    /// <summary>r'.</summary>
    public double[][] Apply(IEnumerable<double[]> rewards) => [.. rewards.Select(r => r.Select((v, j) => v - Lambda[j] * r[Verbosity]).ToArray())];

    /// <summary>Rank correlation of each objective but verbosity with verbosity.</summary>
    /// <param name="rewards">r'.</param>
    /// <param name="raw">r, whose verbosity counts.</param>
    public double[] Correlations(IReadOnlyList<double[]> rewards, IReadOnlyList<double[]> raw)
    {
        double[] ranks = Ranks([.. raw.Select(r => r[Verbosity])]);
        return [.. Enumerable.Range(0, rewards[0].Length).Where(j => j != Verbosity).Select(j => Correlation(Ranks([.. rewards.Select(r => r[j])]), ranks))];
    }

    /// <summary>Ranks from 0; equal values share their mean rank.</summary>
    public static double[] Ranks(double[] values)
    {
        int[] order = [.. Enumerable.Range(0, values.Length).OrderBy(i => values[i])];
        var ranks = new double[values.Length];
        for (int i = 0; i < order.Length;)
        {
            int end = i + 1;
            while (end < order.Length && values[order[end]] == values[order[i]]) end++;
            for (int t = i; t < end; t++) ranks[order[t]] = (i + end - 1) / 2.0;
            i = end;
        }

        return ranks;
    }

    private static double Correlation(double[] a, double[] b)
    {
        double ma = a.Average(), mb = b.Average(), ab = 0, aa = 0, bb = 0;
        for (int i = 0; i < a.Length; i++)
        {
            ab += (a[i] - ma) * (b[i] - mb);
            aa += (a[i] - ma) * (a[i] - ma);
            bb += (b[i] - mb) * (b[i] - mb);
        }

        return aa == 0 || bb == 0 ? 0 : ab / Math.Sqrt(aa * bb);
    }
}
