using MoE.Samples.Numerics;

namespace MoE.Samples.Tests.Numerics;

public sealed class NumericsTests
{
    [Fact]
    public void A_power_law_is_found_with_its_exponent()
    {
        double[] sizes = PowerLaw.Sizes(100, 100_000, 4);
        Assert.Equal([100, 1000, 10_000, 100_000], sizes);
        var (slope, error) = PowerLaw.Fit(sizes, [.. sizes.Select(static n => 3 * Math.Pow(n, -0.5))]);
        Assert.Equal(-0.5, slope, 12);
        Assert.Equal(0, error, 7);
        // Residuals +d, -d, -d, +d are orthogonal to the line; se = sqrt(4 d^2 / 2 / Sxx), Sxx = 5 ln(10)^2.
        double[] bent = [.. sizes.Select((n, i) => Math.Pow(n, -0.5) * Math.Exp(i is 0 or 3 ? 0.1 : -0.1))];
        Assert.Equal(Math.Sqrt(0.02 / 5) / Math.Log(10), PowerLaw.Fit(sizes, bent).Error, 12);
    }

    [Fact]
    public void Draws_have_the_moments_of_their_laws_and_repeat()
    {
        const int Count = 200_000;
        var draws = new Draws(3, 1);
        double[] normal = [.. Enumerable.Range(0, Count).Select(_ => draws.Normal())];
        // Five standard errors of mean, variance and fourth moment (1, 2 and 96 over n).
        Assert.InRange(normal.Average(), -5 / Math.Sqrt(Count), 5 / Math.Sqrt(Count));
        Assert.InRange(normal.Average(static v => v * v) - 1, -5 * Math.Sqrt(2.0 / Count), 5 * Math.Sqrt(2.0 / Count));
        Assert.InRange(normal.Average(static v => v * v * v * v) - 3, -5 * Math.Sqrt(96.0 / Count), 5 * Math.Sqrt(96.0 / Count));
        int[] counts = new int[7];
        for (int i = 0; i < Count; i++) counts[draws.Below(7)]++;
        Assert.All(counts, static c => Assert.InRange(c - Count / 7.0, -5 * Math.Sqrt(Count / 7.0), 5 * Math.Sqrt(Count / 7.0)));
        Assert.Equal(new Draws(3, 1).Normal(), normal[0]);
        Assert.NotEqual(new Draws(3, 2).Normal(), normal[0]);
        Assert.NotEqual(new Draws(4, 1).Normal(), normal[0]);
    }

    [Fact]
    public void Shuffling_reaches_every_order_about_as_often()
    {
        var counts = new Dictionary<string, int>();
        var draws = new Draws(1);
        for (int i = 0; i < 6000; i++)
        {
            char[] letters = ['a', 'b', 'c'];
            draws.Shuffle<char>(letters);
            counts[new string(letters)] = counts.GetValueOrDefault(new string(letters)) + 1;
        }

        Assert.Equal(6, counts.Count);
        Assert.All(counts.Values, static c => Assert.InRange(c, 1000 - 5 * 29, 1000 + 5 * 29));
    }
}
