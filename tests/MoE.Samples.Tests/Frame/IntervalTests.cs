using MoE.Samples.Frame;

namespace MoE.Samples.Tests.Frame;

public sealed class IntervalTests
{
    [Fact]
    public void Two_values_have_the_Cauchy_interval()
    {
        // mean 2, sd sqrt 2, half width tan(pi * 0.475) * sd / sqrt 2
        var interval = Interval.Over([1, 3]);
        Assert.Equal(2, interval.Mean);
        Assert.Equal(Math.Sqrt(2), interval.Sd, 12);
        Assert.Equal(2 - Math.Tan(Math.PI * 0.475), interval.Low, 9);
        Assert.Equal(2 + Math.Tan(Math.PI * 0.475), interval.High, 9);
    }

    [Fact]
    public void Three_values_have_the_interval_of_two_degrees()
    {
        var interval = Interval.Over([1, 2, 3]);
        double half = 0.95 / Math.Sqrt(2 * 0.975 * 0.025) / Math.Sqrt(3);
        Assert.Equal(2 - half, interval.Low, 9);
        Assert.Equal(2 + half, interval.High, 9);
    }

    [Fact]
    public void Equal_values_leave_no_width() => Assert.Equal(new Interval(5, 0, 5, 5, 3), Interval.Over([5, 5, 5]));

    [Fact]
    public void One_value_has_no_interval()
    {
        var interval = Interval.Over([5]);
        Assert.Equal(5, interval.Mean);
        Assert.True(double.IsNaN(interval.Low) && double.IsNaN(interval.High) && double.IsNaN(interval.Sd));
    }

    [Fact]
    public void No_values_are_refused() => Assert.Throws<ArgumentException>(() => Interval.Over([]));

    [Fact]
    public void It_holds_the_mean_in_95_of_100_draws()
    {
        var random = new Random(7);
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        int inside = 0;
        const int Trials = 4000;
        for (int i = 0; i < Trials; i++)
        {
            var interval = Interval.Over([.. Enumerable.Range(0, 6).Select(_ => 3 + Normal())]);
            if (interval.Low <= 3 && 3 <= interval.High) inside++;
        }

        // Four standard errors of a share of 0.95.
        Assert.InRange(inside / (double)Trials, 0.95 - 0.014, 0.95 + 0.014);
    }
}
