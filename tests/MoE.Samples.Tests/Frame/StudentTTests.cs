using MoE.Samples.Frame;

namespace MoE.Samples.Tests.Frame;

public sealed class StudentTTests
{
    [Theory]
    [InlineData(0.6), InlineData(0.9), InlineData(0.975), InlineData(0.025)]
    public void One_degree_is_the_Cauchy_distribution(double p) =>
        Assert.Equal(Math.Tan(Math.PI * (p - 0.5)), StudentT.Quantile(p, 1), 9);

    [Theory]
    [InlineData(0.6), InlineData(0.9), InlineData(0.975), InlineData(0.025)]
    public void Two_degrees_have_a_closed_form(double p) =>
        Assert.Equal((2 * p - 1) / Math.Sqrt(2 * p * (1 - p)), StudentT.Quantile(p, 2), 9);

    [Theory]
    [InlineData(0.6), InlineData(0.9), InlineData(0.975)]
    public void Four_degrees_have_a_closed_form(double p)
    {
        double a = Math.Sqrt(4 * p * (1 - p)), q = Math.Cos(Math.Acos(a) / 3) / a;
        Assert.Equal(2 * Math.Sqrt(q - 1), StudentT.Quantile(p, 4), 9);
    }

    // Printed tables of the distribution, two-sided 95 %.
    [Theory]
    [InlineData(1, 12.706), InlineData(2, 4.303), InlineData(3, 3.182), InlineData(5, 2.571), InlineData(9, 2.262), InlineData(10, 2.228), InlineData(30, 2.042), InlineData(120, 1.980)]
    public void It_agrees_with_printed_tables(int degrees, double expected) =>
        Assert.Equal(expected, StudentT.Quantile(0.975, degrees), 3);

    [Fact]
    public void The_quantile_undoes_the_distribution()
    {
        foreach (int degrees in new[] { 1, 2, 3, 4, 7, 8, 50, 51 })
        {
            foreach (double t in new[] { -3.0, -0.5, 0, 0.1, 2.5 }) Assert.Equal(t, StudentT.Quantile(StudentT.Cumulative(t, degrees), degrees), 7);
        }
    }

    [Fact]
    public void Arguments_outside_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => StudentT.Quantile(0, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => StudentT.Quantile(1, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => StudentT.Quantile(double.NaN, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => StudentT.Quantile(0.5, 0));
    }
}
