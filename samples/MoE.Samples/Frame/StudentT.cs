namespace MoE.Samples.Frame;

/// <summary>Student's t distribution for whole degrees of freedom, by the finite series of Abramowitz and Stegun 26.7.3 and 26.7.4.</summary>
public static class StudentT
{
    /// <summary>P(T &lt;= t).</summary>
    /// <param name="t">Any value.</param>
    /// <param name="degrees">Positive.</param>
    public static double Cumulative(double t, int degrees)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(degrees);
        double angle = Math.Atan(t / Math.Sqrt(degrees)), sin = Math.Sin(angle), cos = Math.Cos(angle);
        bool odd = (degrees & 1) == 1;
        double term = odd ? cos : 1, sum = degrees == 1 ? 0 : term;
        for (int j = odd ? 3 : 2; j <= degrees - 2; j += 2)
        {
            term *= cos * cos * (j - 1) / j;
            sum += term;
        }

        double central = odd ? 2 / Math.PI * (angle + sin * sum) : sin * sum;
        return 0.5 + central / 2;
    }

    /// <summary>The t with P(T &lt;= t) = p.</summary>
    /// <param name="p">Between 0 and 1, both excluded.</param>
    /// <param name="degrees">Positive.</param>
    public static double Quantile(double p, int degrees)
    {
        if (!(p > 0 && p < 1)) throw new ArgumentOutOfRangeException(nameof(p), p, "must be between 0 and 1");
        double low = -1, high = 1;
        while (Cumulative(low, degrees) > p) low *= 2;
        while (Cumulative(high, degrees) < p) high *= 2;
        for (int i = 0; i < 200 && low < high; i++)
        {
            double middle = low + (high - low) / 2;
            if (middle == low || middle == high) break;
            if (Cumulative(middle, degrees) < p) low = middle;
            else high = middle;
        }

        return high;
    }
}
