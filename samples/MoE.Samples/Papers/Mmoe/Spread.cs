namespace MoE.Samples.Papers.Mmoe;

/// <summary>How values lie.</summary>
internal static class Spread
{
    /// <summary>Sample standard deviation.</summary>
    public static double Deviation(double[] values)
    {
        double mean = values.Average();
        return Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1));
    }

    /// <summary>The value below which nine tenths lie, linear between neighbours.</summary>
    public static double NinthDecile(double[] values)
    {
        double[] sorted = [.. values.Order()];
        double at = 0.9 * (sorted.Length - 1);
        int below = (int)at;
        return below + 1 < sorted.Length ? sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]) : sorted[below];
    }

    /// <summary>The 95 % percentile interval of a statistic of pairs, by 2,000 bootstrap samples.</summary>
    public static double[] Bootstrap(double[] first, double[] second, Func<double[], double[], double> statistic)
    {
        const int Samples = 2000;
        var draws = new Numerics.Draws(1, 51);
        double[] values = new double[Samples];
        for (int s = 0; s < Samples; s++)
        {
            int[] rows = [.. first.Select(_ => draws.Below(first.Length))];
            values[s] = statistic([.. rows.Select(r => first[r])], [.. rows.Select(r => second[r])]);
        }

        Array.Sort(values);
        return [values[Samples / 40], values[Samples - 1 - Samples / 40]];
    }
}
