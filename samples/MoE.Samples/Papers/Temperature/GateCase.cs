using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.Temperature;

/// <summary>A gate with its true parameters, and how it is fitted.</summary>
/// <param name="Activation">phi.</param>
/// <param name="Truth">True parameters.</param>
public sealed record GateCase(GateActivation Activation, Parameters Truth)
{
    /// <summary>The temperature is held at the truth.</summary>
    public bool PinsTemperature { get; init; }

    /// <summary>The experts stay where they begin.</summary>
    public bool KeepsExperts { get; init; }

    /// <summary>The start comes nearer the truth with the sample, as in the lab's released code: independent noise of sd 0.5 n^-0.083 on every parameter of the gate. Otherwise a point on the ridge through the truth, whatever the sample.</summary>
    public bool StartsNearer { get; init; }

    /// <summary>The five gates of the table.</summary>
    public static IReadOnlyList<GateCase> All { get; } =
    [
        new(GateActivation.Identity, Parameters.True(3, 0.3, 0.5)),
        new(GateActivation.Relu, Parameters.True(3, -1, 0.5)),
        new(GateActivation.Sigmoid, Parameters.True(3, 0.1, 0.1)),
        new(GateActivation.Tanh, Parameters.True(1.5, 0.1, 0.25)),
        new(GateActivation.Gelu, Parameters.True(1.5, -0.3, 0.15)),
    ];

    /// <summary>Mean errors over repetitions, one per size.</summary>
    /// <param name="Gate">Of slope, bias and temperature.</param>
    /// <param name="Experts">Of the experts.</param>
    /// <param name="Function">Of the shares.</param>
    /// <param name="Unfinished">Fits that were cut off before the gradient was zero, over all sizes.</param>
    public sealed record Errors(double[] Gate, double[] Experts, double[] Function, int Unfinished);

    /// <summary>Fits independent samples of every size.</summary>
    public Errors Run(double[] sizes, int repetitions, long seed, Action<double> progress)
    {
        double[] gate = new double[sizes.Length], experts = new double[sizes.Length], function = new double[sizes.Length];
        int unfinished = 0;
        double work = sizes.Sum(), done = 0;
        for (int s = 0; s < sizes.Length; s++)
        {
            var fits = new MaximumLikelihood.Fit[repetitions];
            Parallel.For(0, repetitions, r => fits[r] = Fit((int)sizes[s], seed, r));
            gate[s] = fits.Average(f => f.Parameters.GateError(Truth));
            experts[s] = fits.Average(f => f.Parameters.ExpertError(Truth));
            function[s] = fits.Average(f => f.Parameters.FunctionError(Truth, Activation));
            unfinished += fits.Count(static f => f.Gradient > 1e-8);
            progress((done += sizes[s]) / work);
        }

        return new(gate, experts, function, unfinished);
    }

    private MaximumLikelihood.Fit Fit(int count, long seed, int repetition)
    {
        var draws = new Draws(seed, count, repetition);
        var start = Start(count, draws);
        var sample = Pairs.Draw(Truth, Activation, count, draws);
        return new MaximumLikelihood(Activation) { PinsTemperature = PinsTemperature, KeepsExperts = KeepsExperts }.Run(sample, start);
    }

    private Parameters Start(int count, Draws draws)
    {
        double[] values = [.. (StartsNearer ? Truth : Truth.Scaled(Math.Exp(draws.Uniform(-0.25, 0.25)))).Values];
        for (int p = Parameters.OfGate; p < values.Length; p++) values[p] += 0.05 * draws.Normal();
        double nearer = 0.5 * Math.Pow(count, -0.083);
        for (int p = 0; p < Parameters.OfGate && StartsNearer; p++) values[p] += nearer * draws.Normal();
        if (PinsTemperature) values[2] = Truth.Values[2];
        return new(values);
    }
}
