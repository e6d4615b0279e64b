namespace MoE.Tests.Reference;

/// <summary>The activations against published values.</summary>
public sealed class ActivationsTests
{
    // Abramowitz and Stegun, table 7.1, and the NIST Digital Library of Mathematical Functions, to 15 digits.
    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.1, 0.112462916018285)]
    [InlineData(0.5, 0.520499877813047)]
    [InlineData(1, 0.842700792949715)]
    [InlineData(1.5, 0.966105146475311)]
    [InlineData(2, 0.995322265018953)]
    [InlineData(2.5, 0.999593047982555)]
    [InlineData(3, 0.999977909503001)]
    [InlineData(4, 0.999999984582742)]
    [InlineData(5, 0.999999999998463)]
    [InlineData(7, 1)]
    public void Erf_is_that_of_the_tables(double x, double expected)
    {
        Assert.Equal(expected, Activations.Erf(x), 1e-15);
        Assert.Equal(-expected, Activations.Erf(-x), 1e-15);
    }

    [Fact]
    public void Erf_is_smooth_where_its_formulas_meet()
    {
        foreach (double seam in (double[])[2.5, 6])
        {
            double slope = 2 / Math.Sqrt(Math.PI) * Math.Exp(-seam * seam);
            Assert.Equal(slope * 2e-6, Activations.Erf(seam + 1e-6) - Activations.Erf(seam - 1e-6), 2e-15);
        }
    }

    [Fact]
    public void Erf_at_the_ends()
    {
        Assert.Equal(1, Activations.Erf(double.PositiveInfinity));
        Assert.Equal(-1, Activations.Erf(double.NegativeInfinity));
        Assert.True(double.IsNaN(Activations.Erf(double.NaN)));
        Assert.Equal(2 / Math.Sqrt(Math.PI) * 1e-300, Activations.Erf(1e-300));
    }

    // torch.nn.functional on the same values, to 7 digits.
    [Theory]
    [InlineData(Activation.Relu, 2, 2)]
    [InlineData(Activation.Relu, -2, 0)]
    [InlineData(Activation.Identity, -2, -2)]
    [InlineData(Activation.Gelu, 1, 0.8413447)]
    [InlineData(Activation.Gelu, -1, -0.1586553)]
    [InlineData(Activation.GeluTanh, 1, 0.8411920)]
    [InlineData(Activation.GeluTanh, -1, -0.1588080)]
    [InlineData(Activation.Silu, 1, 0.7310586)]
    [InlineData(Activation.Silu, -1, -0.2689414)]
    public void Activations_have_their_values(Activation activation, double x, double expected) => Assert.Equal(expected, Activations.Apply(activation, 1, x), 5e-8);

    [Fact]
    public void Alpha_is_the_slope_inside_silu()
    {
        Assert.Equal(2 / (1 + Math.Exp(-3.404)), Activations.Apply(Activation.Silu, 1.702, 2), 1e-15);
        Assert.Equal(1, Activations.Apply(Activation.Silu, 0, 2));
        Assert.Equal(Activations.Apply(Activation.Gelu, 1, 2), Activations.Apply(Activation.Gelu, 1.702, 2));
    }

    [Fact]
    public void Large_inputs_do_not_overflow()
    {
        foreach (var activation in Enum.GetValues<Activation>())
        {
            Assert.Equal(1e4, Activations.Apply(activation, 1, 1e4), 1e-9);
            Assert.Equal(activation == Activation.Identity ? -1e4 : 0, Activations.Apply(activation, 1, -1e4), 1e-9);
        }

        Assert.Throws<ArgumentOutOfRangeException>(static () => Activations.Apply((Activation)9, 1, 0));
    }
}
