using System.Runtime.Intrinsics;

namespace MoE.Tests.Kernels;

/// <summary>Vector activations against those in double precision.</summary>
public sealed class EpiloguesTests
{
    [Fact]
    public void Exponentials_are_right_to_two_units_in_the_last_place()
    {
        for (float x = -87; x < 88.7f; x += 0.0137f)
        {
            double expected = Math.Exp(x), actual = Epilogues.Exp(Vector512.Create(x))[3];
            Assert.True(Math.Abs(actual - expected) <= 2.5e-7 * expected, $"exp({x}) = {actual}, must be {expected}");
        }
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(89, float.PositiveInfinity)]
    [InlineData(1e30f, float.PositiveInfinity)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(-105, 0)]
    [InlineData(float.NegativeInfinity, 0)]
    [InlineData(float.NaN, float.NaN)]
    public void Exponentials_of_the_ends(float x, float expected) => Assert.Equal(expected, Epilogues.Exp(Vector512.Create(x))[0]);

    [Theory, InlineData(Activation.Relu), InlineData(Activation.Gelu), InlineData(Activation.GeluTanh), InlineData(Activation.Silu), InlineData(Activation.Identity)]
    public void Activations_are_right(Activation activation)
    {
        foreach (float alpha in new[] { 1f, 1.702f })
        {
            for (float x = -20; x < 20; x += 0.0171f)
            {
                double expected = Activations.Apply(activation, alpha, x), actual = Epilogues.Apply(activation, alpha, Vector512.Create(x))[5];
                Assert.True(Math.Abs(actual - expected) <= 2e-6 * Math.Max(0.25, Math.Abs(expected)), $"{activation}({x}) = {actual}, must be {expected}");
            }
        }

        Assert.True(float.IsNaN(Epilogues.Apply(activation, 1, Vector512.Create(float.NaN))[0]));
    }

    [Theory, InlineData(Activation.Relu), InlineData(Activation.Gelu), InlineData(Activation.GeluTanh), InlineData(Activation.Silu), InlineData(Activation.Identity)]
    public void Slopes_are_those_of_the_activations(Activation activation)
    {
        const double h = 1e-5;
        foreach (float alpha in new[] { 1f, 1.702f })
        {
            for (float x = -20; x < 20; x += 0.0171f)
            {
                double expected = (Activations.Apply(activation, alpha, x + h) - Activations.Apply(activation, alpha, x - h)) / (2 * h), actual = Epilogues.Slope(activation, alpha, Vector512.Create(x))[5];
                // The corner of ReLU lies between two of these points.
                Assert.True(Math.Abs(actual - expected) <= 4e-6, $"{activation}'({x}) = {actual}, must be {expected}");
            }
        }

        foreach (float x in new[] { 1e30f, -1e30f }) Assert.Equal(activation == Activation.Identity || x > 0 ? 1 : 0, Epilogues.Slope(activation, 1, Vector512.Create(x))[0], 1e-6);
    }
}
