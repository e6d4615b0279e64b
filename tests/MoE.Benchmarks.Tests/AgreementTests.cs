namespace MoE.Benchmarks.Tests;

public sealed class AgreementTests
{
    private static Answer One(params float[] values) => new(new AnswerPart("y", values));

    private static Answer Exact(params float[] values) => new(new AnswerPart("ids", values, Exact: true));

    [Fact]
    public void ReportsTheLargestDifferenceWithinTheBound()
    {
        var agreement = Agreement.Of(One(1, 2.5f), One(1, 2), new Tolerance(0.1, 0.2));
        Assert.Null(agreement.Problem);
        Assert.Equal(0.5, agreement.MaxAbsDiff);
    }

    [Theory]
    [InlineData(2.6f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void NamesTheFirstValueBeyondTheBound(float wrong)
    {
        var agreement = Agreement.Of(One(1, wrong), One(1, 2), new Tolerance(0.1, 0.2));
        Assert.StartsWith("y[1] = ", agreement.Problem, StringComparison.Ordinal);
        Assert.Contains("reference 2; must be within 0.5", agreement.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void AnInfiniteReferenceIsNeverMet() =>
        Assert.NotNull(Agreement.Of(One(float.PositiveInfinity), One(float.PositiveInfinity), Tolerance.Layer).Problem);

    [Fact]
    public void WholeNumbersMustBeEqual()
    {
        Assert.Null(Agreement.Of(Exact(1, 7), Exact(1, 7), new Tolerance(9, 9, 9)).Problem);
        Assert.Equal("ids[1] = 7; reference 6; must be within 0", Agreement.Of(Exact(1, 7), Exact(1, 6), new Tolerance(9, 9, 9)).Problem);
    }

    [Fact]
    public void ABoundCanGoWithTheScaleOfTheTensor()
    {
        Assert.Null(Agreement.Of(One(100, 0.0009f), One(100, 0), new Tolerance(0, 0, 1e-5)).Problem);
        Assert.NotNull(Agreement.Of(One(100, 0.0011f), One(100, 0), new Tolerance(0, 0, 1e-5)).Problem);
    }

    [Fact]
    public void PartsMustBeTheSame()
    {
        Assert.Equal("the answer holds y; must hold ids", Agreement.Of(One(1), Exact(1), Tolerance.Layer).Problem);
        Assert.Equal("y has 1 values; must have 2", Agreement.Of(One(1), One(1, 2), Tolerance.Layer).Problem);
        Assert.Null(Agreement.Of(One(), One(), Tolerance.Layer).Problem);
    }

    [Fact]
    public void AndKeepsTheWorst()
    {
        var both = new Agreement(1, null).And(new Agreement(2, "bad")).And(new Agreement(0, "later"));
        Assert.Equal(new Agreement(2, "bad"), both);
    }
}
