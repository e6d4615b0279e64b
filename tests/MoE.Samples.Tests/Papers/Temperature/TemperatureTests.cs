using MoE.Samples.Numerics;
using MoE.Samples.Papers.Temperature;

namespace MoE.Samples.Tests.Papers.Temperature;

public sealed class TemperatureTests
{
    private static readonly Plan Tiny = new(2, [300, 3000], 6);

    public static TheoryData<int> Gates => [0, 1, 2, 3, 4];

    [Theory]
    [MemberData(nameof(Gates))]
    public void Gradients_are_those_of_finite_differences(int gate) => Assert.InRange(RidgeCheck.GradientError(GateCase.All[gate], Random.Shared.Next()), 0, 1e-8);

    [Theory]
    [MemberData(nameof(Gates))]
    public void Only_homogeneous_gates_have_a_ridge(int gate)
    {
        double change = RidgeCheck.Change(GateCase.All[gate], Random.Shared.Next());
        if (gate < 2) Assert.InRange(change, 0, 1e-12);
        else Assert.True(change > 1e-6, $"{change}");
    }

    [Theory]
    [MemberData(nameof(Gates))]
    public void Shares_are_those_of_the_librarys_gate(int gate) => Assert.InRange(RidgeCheck.LibraryDifference(GateCase.All[gate]), 0, 1e-12);

    [Theory]
    [MemberData(nameof(Gates))]
    public void Slopes_of_activations_are_their_derivatives(int gate)
    {
        var activation = GateCase.All[gate].Activation;
        foreach (double z in new[] { -2.3, -0.4, 0.7, 3.1 }) Assert.Equal((activation.Value(z + 1e-5) - activation.Value(z - 1e-5)) / 2e-5, activation.Slope(z), 8);
    }

    [Fact]
    public void A_low_temperature_chooses_and_a_high_one_does_not()
    {
        foreach (var gate in GateCase.All)
        {
            double Share(double temperature, double x) => GateActivation.Logistic(Parameters.True(gate.Truth.Slope, gate.Truth.Bias, temperature).Logit(gate.Activation, x));
            Assert.Equal(gate.Truth.Logit(gate.Activation, 0.9) > 0 ? 1 : 0, Share(1e-6, 0.9), 12);
            Assert.Equal(0.5, Share(1e9, 0.9), 8);
        }
    }

    [Fact]
    public void A_fit_ends_where_the_gradient_is_zero_above_the_truth()
    {
        var gate = GateCase.All[3];
        for (long seed = 0; seed < 3; seed++)
        {
            var sample = Pairs.Draw(gate.Truth, gate.Activation, 3000, new Draws(seed, 8));
            var likelihood = new Likelihood(sample, gate.Activation);
            likelihood.Read(gate.Truth);
            double truth = likelihood.Value;
            var fit = new MaximumLikelihood(gate.Activation).Run(sample, gate.Truth.Scaled(1.2));
            likelihood.Read(fit.Parameters);
            Assert.InRange(fit.Gradient, 0, 1e-9);
            Assert.All(likelihood.Gradient, static g => Assert.InRange(g, -1e-9, 1e-9));
            Assert.True(likelihood.Value > truth);
        }
    }

    [Fact]
    public void A_fit_on_a_ridge_stays_where_it_came_onto_it()
    {
        var gate = GateCase.All[0];
        var sample = Pairs.Draw(gate.Truth, gate.Activation, 20_000, new Draws(1, 8));
        foreach (double factor in new[] { 0.8, 1.25 })
        {
            var fit = new MaximumLikelihood(gate.Activation).Run(sample, gate.Truth.Scaled(factor)).Parameters;
            Assert.InRange(fit.Temperature / gate.Truth.Temperature / factor, 0.9, 1.1);
            Assert.InRange(fit.Slope / fit.Temperature / (gate.Truth.Slope / gate.Truth.Temperature), 0.9, 1.1);
        }
    }

    [Fact]
    public void A_tiny_run_measures_every_claim_and_ablations_change_what_they_should()
    {
        var whole = PaperRun.Of(new TemperatureSample(Tiny));
        foreach (string exact in new[] { "ridge", "no-ridge", "gradient", "library-gate" }) Assert.Equal("holds", PaperRun.Verdict(whole, exact));
        Assert.True(PaperRun.Measured(whole, "sigmoid-gate") < -0.25);
        Assert.InRange(PaperRun.Measured(PaperRun.Of(new TemperatureSample(Tiny), "--ablate", "activation"), "sigmoid-gate"), -0.2, 0.2);
        Assert.True(PaperRun.Measured(PaperRun.Of(new TemperatureSample(Tiny), "--ablate", "free-temperature"), "identity-gate") < -0.25);
        Assert.InRange(PaperRun.Measured(PaperRun.Of(new TemperatureSample(Tiny), "--ablate", "expert-updates"), "tanh-experts"), -0.25, 0.25);
    }
}
