namespace MoE.Samples.Frame;

/// <summary>Mean, sample standard deviation and the 95 % interval of the mean (Student t) over seeds.</summary>
/// <param name="Mean">The mean.</param>
/// <param name="Sd">Sample standard deviation (n - 1); NaN for one value.</param>
/// <param name="Low">Lower end; NaN for one value.</param>
/// <param name="High">Upper end; NaN for one value.</param>
/// <param name="Count">n.</param>
public readonly record struct Interval(double Mean, double Sd, double Low, double High, int Count)
{
    /// <summary>The interval of independent values.</summary>
    /// <param name="values">At least one.</param>
    public static Interval Over(IReadOnlyList<double> values)
    {
        if (values.Count == 0) throw new ArgumentException("values is empty; must hold at least one", nameof(values));
        double mean = values.Average();
        if (values.Count == 1) return new(mean, double.NaN, double.NaN, double.NaN, 1);
        double sd = Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1));
        double half = StudentT.Quantile(0.975, values.Count - 1) * sd / Math.Sqrt(values.Count);
        return new(mean, sd, mean - half, mean + half, values.Count);
    }
}
