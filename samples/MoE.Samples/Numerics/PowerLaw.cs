namespace MoE.Samples.Numerics;

/// <summary>A power law through points: the line of least squares in logarithms.</summary>
/// <param name="Slope">The exponent.</param>
/// <param name="Error">Standard error of the slope; NaN for two points.</param>
public readonly record struct PowerLaw(double Slope, double Error)
{
    /// <summary>Fits one.</summary>
    /// <param name="sizes">Positive, at least two different ones.</param>
    /// <param name="values">Positive, one per size; otherwise the slope is NaN.</param>
    public static PowerLaw Fit(IReadOnlyList<double> sizes, IReadOnlyList<double> values)
    {
        double[] x = [.. sizes.Select(static v => Math.Log(v))], y = [.. values.Select(static v => Math.Log(v))];
        double meanX = x.Average(), meanY = y.Average(), spread = x.Sum(v => (v - meanX) * (v - meanX));
        double slope = x.Zip(y, (a, b) => (a - meanX) * (b - meanY)).Sum() / spread;
        double rest = x.Zip(y, (a, b) => Math.Pow(b - meanY - slope * (a - meanX), 2)).Sum();
        return new(slope, x.Length > 2 ? Math.Sqrt(rest / (x.Length - 2) / spread) : double.NaN);
    }

    /// <summary>Sizes spaced evenly in logarithms, rounded to whole numbers.</summary>
    /// <param name="first">The first.</param>
    /// <param name="last">The last.</param>
    /// <param name="count">How many, at least two.</param>
    public static double[] Sizes(double first, double last, int count) => [.. Enumerable.Range(0, count).Select(i => Math.Round(first * Math.Pow(last / first, i / (count - 1.0))))];
}
