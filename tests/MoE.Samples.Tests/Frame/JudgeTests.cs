using MoE.Samples.Frame;

namespace MoE.Samples.Tests.Frame;

public sealed class JudgeTests
{
    private const string Missing = "the data are not there";

    [Theory]
    [InlineData(Verdict.Holds, 5.0, 5.1, 4.9)]
    [InlineData(Verdict.Fails, 1.0, 1.1, 0.9)]
    [InlineData(Verdict.Inconclusive, 1.0, 5.0, 3.0)]
    [InlineData(Verdict.Inconclusive, 5.0)]
    [InlineData(Verdict.NotRun)]
    [InlineData(Verdict.Fails, 5.0, double.NaN, 5.0)]
    [InlineData(Verdict.Fails, 5.0, double.PositiveInfinity, 5.0)]
    [InlineData(Verdict.Holds, 3.0, 3.0)]
    public void A_learned_claim_is_judged_by_its_interval(Verdict expected, params double[] values) =>
        Assert.Equal(expected, Judge.Of(new("c", "s", "u", Bound.AtLeast(3)), values, Missing).Verdict);

    [Fact]
    public void At_most_and_in_are_judged_likewise()
    {
        Assert.Equal(Verdict.Holds, Judge.Of(new("c", "s", "u", Bound.AtMost(3)), [1, 1.1, 0.9], Missing).Verdict);
        Assert.Equal(Verdict.Fails, Judge.Of(new("c", "s", "u", Bound.AtMost(3)), [5, 5.1, 4.9], Missing).Verdict);
        var within = new Claim("c", "s", "u", Bound.In(1, 2));
        Assert.Equal(Verdict.Holds, Judge.Of(within, [1.5, 1.51, 1.49], Missing).Verdict);
        Assert.Equal(Verdict.Inconclusive, Judge.Of(within, [2, 2.01, 1.99], Missing).Verdict);
        Assert.Equal(Verdict.Fails, Judge.Of(within, [3, 3.01, 2.99], Missing).Verdict);
        // Wider than the bound on both sides: neither in nor out.
        Assert.Equal(Verdict.Inconclusive, Judge.Of(within, [-9, 1.5, 12], Missing).Verdict);
    }

    [Fact]
    public void The_interval_is_reported_with_the_verdict()
    {
        var result = Judge.Of(new("c", "s", "u", Bound.AtLeast(0)), [1, 3], Missing);
        var interval = Interval.Over([1, 3]);
        Assert.Equal((interval.Mean, interval.Low, interval.High), (result.Measured, result.Low, result.High));
    }

    [Theory]
    [InlineData(Verdict.Holds, 0.0, 0.0, 0.0)]
    [InlineData(Verdict.Fails, 1.0, 0.0, 1.0, 0.0)]
    [InlineData(Verdict.Fails, double.NaN, double.NaN, 0.0)]
    [InlineData(Verdict.Holds, 0.0, 0.0)]
    public void An_exact_claim_must_hold_for_every_seed(Verdict expected, double worst, params double[] values)
    {
        var result = Judge.Of(new("c", "s", "u", Bound.AtMost(0), Exact: true), values, Missing);
        Assert.Equal(expected, result.Verdict);
        Assert.Equal(worst, result.Measured);
    }

    [Fact]
    public void A_claim_without_values_says_why() => Assert.Equal(Missing, Judge.Of(new("c", "s", "u", Bound.AtMost(0), Exact: true), [], Missing).Reason);

    [Theory]
    [InlineData(">=", 1.0, double.PositiveInfinity)]
    [InlineData("<=", double.NegativeInfinity, 1.0)]
    [InlineData("in", 0.0, 1.0)]
    public void A_bound_names_its_operator(string op, double low, double high)
    {
        var bound = new Bound(low, high);
        Assert.Equal(op, bound.Op);
        Assert.True(bound.Allows(1));
        Assert.False(bound.Allows(double.NaN));
    }
}
