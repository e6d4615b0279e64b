namespace MoE.Benchmarks;

/// <summary>Repeated measurements of one thing.</summary>
/// <param name="Median">The median; the mean of the two middle values where their number is even.</param>
/// <param name="Min">The least.</param>
/// <param name="Spread">Interquartile range over the median: 0 for equal values.</param>
/// <param name="Count">How many there were.</param>
public readonly record struct SampleSummary(double Median, double Min, double Spread, int Count)
{
    /// <summary>Summarises samples.</summary>
    /// <param name="samples">At least one, positive and finite.</param>
    /// <exception cref="ArgumentException">There are none, or one is not positive and finite.</exception>
    public static SampleSummary Of(IEnumerable<double> samples)
    {
        double[] sorted = [.. samples.Order()];
        if (sorted.Length == 0) throw new ArgumentException("samples is empty; must hold at least one", nameof(samples));
        if (Array.FindIndex(sorted, static s => !double.IsFinite(s) || s <= 0) is var bad and >= 0)
            throw new ArgumentException($"samples holds {sorted[bad]}; must be positive and finite", nameof(samples));
        double median = OfSorted(sorted, 0.5);
        return new SampleSummary(median, sorted[0], (OfSorted(sorted, 0.75) - OfSorted(sorted, 0.25)) / median, sorted.Length);
    }

    /// <summary>A quantile of samples, linear between the two nearest ranks, as numpy's default.</summary>
    /// <param name="samples">At least one.</param>
    /// <param name="q">0..1.</param>
    public static double Quantile(IEnumerable<double> samples, double q) => OfSorted([.. samples.Order()], q);

    private static double OfSorted(double[] sorted, double q)
    {
        double rank = q * (sorted.Length - 1);
        int below = (int)rank;
        double above = sorted[Math.Min(below + 1, sorted.Length - 1)];
        return sorted[below] + (rank - below) * (above - sorted[below]);
    }
}
