using MoE.Samples.Numerics;
using MoE.Samples.Papers.TopKGaussian;

namespace MoE.Samples.Tests.Papers.TopKGaussian;

public sealed class TopKGaussianTests
{
    private static readonly Plan Tiny = new(2, [100, 1000], 8, [316, 2000], 4, 3, 30, [316, 500]);

    [Fact]
    public void Cells_of_one_atom_count_to_the_first_power_and_the_worst_K_count()
    {
        var truth = MixingMeasure.Published;
        var fit = truth.Copy();
        fit.B[1] += 0.25;
        fit.Variance[1] -= 0.1;
        fit.A[0] += 3;
        Assert.Equal([0, 1], VoronoiLoss.Cells(fit, truth));
        Assert.Equal(0.35, VoronoiLoss.First(fit, truth, 1), 12);
        Assert.Equal(0.35 + 3 * Math.Exp(-8), VoronoiLoss.First(fit, truth, 2), 12);
        Assert.Equal(VoronoiLoss.First(fit, truth, 2), VoronoiLoss.Second(fit, truth, 2), 12);
    }

    [Fact]
    public void Cells_of_two_atoms_count_to_the_orders_of_the_paper()
    {
        var truth = MixingMeasure.Mild;
        // The second true expert twice, each with half its mass: r(2) = 4, halved for a and the variance.
        var fit = new MixingMeasure([8, 0.5, -0.5], [-4, Math.Log(0.5), Math.Log(0.5)], [-20, 20.1, 20.1], [15, -4.8, -5.2], [0.3, 0.5, 0.5]);
        double expected = Math.Pow(0.5, 4) + Math.Pow(0.1, 2) + Math.Pow(0.2, 4) + Math.Pow(0.1, 2);
        Assert.Equal(expected, VoronoiLoss.Second(fit, truth, 2), 12);
        Assert.Equal(0.5 + 0.1 + 0.2 + 0.1, VoronoiLoss.First(fit, truth, 2), 12);
    }

    [Fact]
    public void The_common_shift_of_a_gate_does_not_count()
    {
        var truth = MixingMeasure.Mild;
        var shifted = truth with { Slope = [.. truth.Slope.Select(static s => s + 0.3)], Bias = [.. truth.Bias.Select(static b => b - 2)] };
        Assert.Equal(0, VoronoiLoss.First(VoronoiLoss.Centred(shifted, truth), truth, 2), 12);
        Assert.True(VoronoiLoss.First(shifted, truth, 2) > 0.3);
        double[] before = new double[2], after = new double[2];
        new SparseGate(2).Shares(truth, 0.4, before);
        new SparseGate(2).Shares(shifted, 0.4, after);
        Assert.Equal(before[0], after[0], 12);
    }

    [Fact]
    public void The_distance_of_two_normal_densities_is_that_of_the_textbook()
    {
        var first = new MixingMeasure([0], [0], [0], [5], [0.5]);
        var second = new MixingMeasure([0], [0], [0], [5.8], [0.5]);
        double expected = Math.Sqrt(1 - Math.Exp(-0.8 * 0.8 / (8 * 0.5)));
        Assert.Equal(expected, new HellingerDistance(3).Of(first, new SparseGate(1), second, new SparseGate(1)), 9);
        Assert.Equal(0, new HellingerDistance(3).Of(first, new SparseGate(1), first, new SparseGate(1)), 12);
    }

    [Fact]
    public void One_expert_is_fitted_by_least_squares()
    {
        double[] x = [0, 1, 2, 3], y = [1, 3, 4, 8];
        var fit = new ExpectationMaximisation(new SparseGate(1)).Run(new Sample(x, y), new MixingMeasure([0], [0], [0], [0], [1])).Measure;
        // Sxy / Sxx = 11 / 5; residuals 0.3, 0.1, -1.1, 0.7.
        Assert.Equal(2.2, fit.A[0], 12);
        Assert.Equal(0.7, fit.B[0], 12);
        Assert.Equal((0.09 + 0.01 + 1.21 + 0.49) / 4, fit.Variance[0], 12);
    }

    [Theory]
    [InlineData(2, 2)]
    [InlineData(3, 3)]
    [InlineData(3, 2)]
    public void The_likelihood_never_falls_and_the_fit_beats_the_truth_where_it_can(int atoms, int kept)
    {
        for (long seed = 0; seed < 5; seed++)
        {
            var draws = new Draws(seed, 5);
            var sample = Sample.Draw(MixingMeasure.Mild, new SparseGate(2), 1000, normal: false, draws);
            var start = NearTruth.Draw(MixingMeasure.Mild, atoms, sample.Count, 20, draws);
            var fit = new ExpectationMaximisation(new SparseGate(kept), 100).Run(sample, start);
            for (int i = 1; i < fit.Likelihoods.Count; i++) Assert.True(fit.Likelihoods[i] >= fit.Likelihoods[i - 1] - 1e-12, $"seed {seed}, iteration {i}");
            var truth = new ExpectationMaximisation(new SparseGate(2), 0).Run(sample, MixingMeasure.Mild).Likelihoods[0];
            if (kept == atoms) Assert.True(fit.Likelihoods[^1] > truth, $"seed {seed}: {fit.Likelihoods[^1]} against {truth} of the truth");
        }
    }

    [Fact]
    public void A_start_covers_every_true_expert()
    {
        for (long seed = 0; seed < 50; seed++)
        {
            var start = NearTruth.Draw(MixingMeasure.Published, 4, 1000, 1, new Draws(seed));
            Assert.Equal([0, 1], VoronoiLoss.Cells(start, MixingMeasure.Published).Distinct().Order());
        }
    }

    [Fact]
    public void Selection_with_and_without_bias_is_the_librarys() => Assert.InRange(LibraryGate.LargestDifference(Random.Shared.NextInt64()), 0, 1e-6);

    [Fact]
    public void Near_the_truth_the_density_converges_only_if_enough_experts_are_kept()
    {
        // The distance falls a hundredfold; a density that is smooth in its parameters follows.
        Assert.InRange(Neighbourhood.Ratio(1, 3), 0.005, 0.02);
        Assert.InRange(Neighbourhood.Ratio(1, 2), 0.3, 1.2);
    }

    [Fact]
    public void A_tiny_run_measures_every_claim_and_ablations_change_what_they_should()
    {
        var whole = PaperRun.Of(new TopKGaussianSample(Tiny));
        foreach (string exact in new[] { "em-monotone", "gate-frozen", "library-gate" }) Assert.Equal("holds", PaperRun.Verdict(whole, exact));
        var still = PaperRun.Of(new TopKGaussianSample(Tiny), "--ablate", "expert-updates");
        // Nothing but the start's own rate of -0.083 is left.
        Assert.InRange(PaperRun.Measured(still, "p1-slope"), -0.3, 0.2);
        Assert.InRange(PaperRun.Measured(whole, "p1-slope"), -0.9, -0.3);
        Assert.True(PaperRun.Measured(PaperRun.Of(new TopKGaussianSample(Tiny), "--ablate", "enough-kept"), "local-all-kept") > 0.3);
        Assert.True(PaperRun.Measured(PaperRun.Of(new TopKGaussianSample(Tiny), "--ablate", "too-few-kept"), "local-too-few-kept") < 0.02);
    }
}
