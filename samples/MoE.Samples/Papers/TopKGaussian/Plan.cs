using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.TopKGaussian;

/// <summary>How much to do.</summary>
/// <param name="Seeds">Independent studies; each gives one slope per panel.</param>
/// <param name="Exact">Sizes of the panels with as many experts as the truth has, published gate.</param>
/// <param name="ExactRepetitions">Samples per size there.</param>
/// <param name="Mild">Sizes of the panels with the milder gate.</param>
/// <param name="MildRepetitions">Samples per size there.</param>
/// <param name="OverRepetitions">Samples per size where too many experts are fitted.</param>
/// <param name="MostIterations">Iterations of EM where too few are kept, which does not converge.</param>
/// <param name="NoteSizes">Sizes of the published over-specified panel.</param>
public sealed record Plan(int Seeds, double[] Exact, int ExactRepetitions, double[] Mild, int MildRepetitions, int OverRepetitions, int MostIterations, double[] NoteSizes)
{
    /// <summary>About a minute.</summary>
    public static Plan Quick { get; } = new(4, PowerLaw.Sizes(1e2, 1e5, 9), 40, PowerLaw.Sizes(316, 31_622, 7), 16, 8, 200, PowerLaw.Sizes(316, 3162, 3));

    /// <summary>About ten minutes.</summary>
    public static Plan Paper { get; } = new(5, PowerLaw.Sizes(1e2, 1e5, 13), 40, PowerLaw.Sizes(316, 31_622, 7), 32, 16, 500, PowerLaw.Sizes(316, 31_622, 5));

    /// <summary>P1: as published, exactly specified; uniform inputs.</summary>
    public Panel P1 => new("P1", MixingMeasure.Published, 1, 2, 1) { Sizes = Exact, Repetitions = ExactRepetitions };

    /// <summary>P1': the same with the inputs of the released code.</summary>
    public Panel P1Normal => P1 with { Name = "P1'", NormalInputs = true };

    /// <summary>P2: both experts kept, milder gate, exactly specified.</summary>
    public Panel P2 => new("P2", MixingMeasure.Mild, 2, 2, 2) { Sizes = Mild, Repetitions = MildRepetitions, Density = new() };

    /// <summary>P3: one expert too many, all three kept.</summary>
    public Panel P3 => new("P3", MixingMeasure.Mild, 2, 3, 3) { Sizes = Mild, Repetitions = OverRepetitions, Density = new() };

    /// <summary>P4: the same with two kept, fewer than the cells of the true experts hold.</summary>
    public Panel P4 => P3 with { Name = "P4", Kept = 2, MostIterations = MostIterations };

    /// <summary>P5: the published over-specified panel, whose fits cannot represent the truth.</summary>
    public Panel P5 => new("P5", MixingMeasure.Published, 1, 3, 2) { Sizes = NoteSizes, Repetitions = Math.Min(4, OverRepetitions), Density = new(), MostIterations = MostIterations };
}
