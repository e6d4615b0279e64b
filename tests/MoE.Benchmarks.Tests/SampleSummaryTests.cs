namespace MoE.Benchmarks.Tests;

public sealed class SampleSummaryTests
{
    // Quartiles as numpy.percentile gives them.
    [Theory]
    [InlineData(new[] { 3.0 }, 3, 3, 0)]
    [InlineData(new[] { 5.0, 1, 3 }, 3, 1, 2 / 3.0)]
    [InlineData(new[] { 4.0, 2, 1, 3 }, 2.5, 1, 1.5 / 2.5)]
    [InlineData(new[] { 2.0, 2, 2, 2, 2 }, 2, 2, 0)]
    [InlineData(new[] { 1.0, 1, 1, 1, 1000 }, 1, 1, 0)]
    public void OfKnownSamples(double[] samples, double median, double min, double spread)
    {
        var summary = SampleSummary.Of(samples);
        Assert.Equal((median, min, samples.Length), (summary.Median, summary.Min, summary.Count));
        Assert.Equal(spread, summary.Spread, 12);
    }

    [Theory]
    [InlineData(new double[0])]
    [InlineData(new[] { 1.0, 0 })]
    [InlineData(new[] { 1.0, -1 })]
    [InlineData(new[] { double.NaN, 1 })]
    [InlineData(new[] { 1, double.PositiveInfinity })]
    public void RefusesWhatIsNoTime(double[] samples) => Assert.Throws<ArgumentException>(() => SampleSummary.Of(samples));
}
