using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.TopKGaussian;

/// <summary>A setting of the experiment: a truth, what is fitted to it, and from which inputs.</summary>
/// <param name="Name">As in reports.</param>
/// <param name="Truth">True parameters.</param>
/// <param name="TrueKept">K of the truth.</param>
/// <param name="Atoms">Experts of the fit.</param>
/// <param name="Kept">K of the fit.</param>
public sealed record Panel(string Name, MixingMeasure Truth, int TrueKept, int Atoms, int Kept)
{
    /// <summary>Ascending sample sizes.</summary>
    public required double[] Sizes { get; init; }

    /// <summary>Independent samples per size.</summary>
    public required int Repetitions { get; init; }

    /// <summary>Iterations of EM at most.</summary>
    public int MostIterations { get; init; } = 2000;

    /// <summary>Standard normal inputs, as in the released code.</summary>
    public bool NormalInputs { get; init; }

    /// <summary>The choice of experts sees the bias.</summary>
    public bool SelectsWithBias { get; init; } = true;

    /// <summary>Times the published noise of the start; 0: the start is the truth.</summary>
    public double StartNoise { get; init; } = 1;

    /// <summary>The gate stays at the truth.</summary>
    public bool GateAtTruth { get; init; }

    /// <summary>The experts stay where they begin.</summary>
    public bool KeepsExperts { get; init; }

    /// <summary>D1 as the released script has it: fitted biases, which K = 1 cannot see, are replaced by the true ones. Otherwise the common shift is taken out.</summary>
    public bool PublishedLoss => TrueKept == 1 && Atoms == Truth.Count;

    /// <summary>Measures the Hellinger distance, which takes longer than small fits.</summary>
    public HellingerDistance? Density { get; init; }

    /// <summary>What one seed gave: means over repetitions, one per size.</summary>
    /// <param name="First">D1.</param>
    /// <param name="Second">D2.</param>
    /// <param name="Density">Mean Hellinger distance; NaN where it was not measured.</param>
    /// <param name="Iterations">Mean iterations of EM.</param>
    /// <param name="Experts">D1 of the experts alone: slopes of the gate are taken as the true ones.</param>
    /// <param name="Lightest">Mean share of the mass of its cell that the lightest atom of a fit has.</param>
    /// <param name="LargestFall">Largest fall of the mean log-likelihood in any iteration of any fit.</param>
    /// <param name="GateMoved">Largest change of a gate parameter from its start in any fit.</param>
    public sealed record Outcome(double[] First, double[] Second, double[] Density, double[] Iterations, double[] Experts, double[] Lightest, double LargestFall, double GateMoved);

    /// <summary>Runs one seed. Panels that differ in the fit alone see the same samples and starts.</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="progress">Takes the fraction done.</param>
    public Outcome Run(long seed, Action<double> progress)
    {
        double[] first = new double[Sizes.Length], second = new double[Sizes.Length], density = new double[Sizes.Length], iterations = new double[Sizes.Length];
        double[] experts = new double[Sizes.Length], lightest = new double[Sizes.Length];
        double fall = 0, moved = 0, work = Sizes.Sum(), done = 0;
        for (int s = 0; s < Sizes.Length; s++)
        {
            var repetitions = new Fitted[Repetitions];
            Parallel.For(0, Repetitions, r => repetitions[r] = Repetition(seed, (int)Sizes[s], r));
            (first[s], second[s], density[s], iterations[s]) =
                (repetitions.Average(static r => r.First), repetitions.Average(static r => r.Second), repetitions.Average(static r => r.Density), repetitions.Average(static r => r.Iterations));
            (experts[s], lightest[s]) = (repetitions.Average(static r => r.Experts), repetitions.Average(static r => r.Lightest));
            fall = Math.Max(fall, repetitions.Max(static r => r.Fall));
            moved = Math.Max(moved, repetitions.Max(static r => r.Moved));
            progress((done += Sizes[s]) / work);
        }

        return new(first, second, density, iterations, experts, lightest, fall, moved);
    }

    private Fitted Repetition(long seed, int count, int repetition)
    {
        var gate = new SparseGate(TrueKept, SelectsWithBias);
        var draws = new Draws(seed, count, repetition);
        var sample = Sample.Draw(Truth, gate, count, NormalInputs, draws);
        var start = NearTruth.Draw(Truth, Atoms, count, StartNoise, draws);
        if (GateAtTruth) start = start with { Slope = [.. Truth.Slope], Bias = [.. Truth.Bias] };
        var fitGate = new SparseGate(Kept, SelectsWithBias);
        var fit = new ExpectationMaximisation(fitGate, MostIterations) { KeepsGate = GateAtTruth, KeepsExperts = KeepsExperts }.Run(sample, start);

        double fall = 0;
        for (int i = 1; i < fit.Likelihoods.Count; i++) fall = Math.Max(fall, fit.Likelihoods[i - 1] - fit.Likelihoods[i]);
        double moved = start.Slope.Zip(fit.Measure.Slope).Concat(start.Bias.Zip(fit.Measure.Bias)).Max(static p => Math.Abs(p.First - p.Second));
        var compared = PublishedLoss ? fit.Measure with { Bias = [.. Truth.Bias] } : VoronoiLoss.Centred(fit.Measure, Truth);
        double onExperts = VoronoiLoss.First(compared with { Slope = [.. VoronoiLoss.Cells(compared, Truth).Select(c => Truth.Slope[c])] }, Truth, TrueKept);
        return new(VoronoiLoss.First(compared, Truth, TrueKept), VoronoiLoss.Second(compared, Truth, TrueKept), Density?.Of(fit.Measure, fitGate, Truth, gate) ?? double.NaN, fit.Likelihoods.Count - 1, onExperts, Lightest(fit.Measure), fall, moved);
    }

    private double Lightest(MixingMeasure measure)
    {
        int[] cells = VoronoiLoss.Cells(measure, Truth);
        return Enumerable.Range(0, measure.Count).Min(i => 1 / Enumerable.Range(0, measure.Count).Where(j => cells[j] == cells[i]).Sum(j => Math.Exp(measure.Bias[j] - measure.Bias[i])));
    }

    private readonly record struct Fitted(double First, double Second, double Density, int Iterations, double Experts, double Lightest, double Fall, double Moved);
}
