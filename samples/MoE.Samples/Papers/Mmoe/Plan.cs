using MoE.Samples.Papers.Mmoe.Dtrn;
using MoE.Samples.Papers.Mmoe.Synthetic;
using MoE.Samples.Papers.Mmoe.Tabular;

namespace MoE.Samples.Papers.Mmoe;

/// <summary>How much to do.</summary>
/// <param name="Seeds">Each draws its own data, splits and weights.</param>
/// <param name="Synthetic">The synthetic tasks.</param>
/// <param name="Correlations">p of the sweep; the first is where the gain is claimed, the last where it must vanish.</param>
/// <param name="Rates">Learning rates to choose from, each architecture its own, on a seed of their own; one: no choice.</param>
/// <param name="Census">Census-income, all architectures.</param>
/// <param name="Adult">Adult.</param>
/// <param name="Ratings">The interest modules.</param>
public sealed record Plan(int Seeds, SyntheticStudy Synthetic, double[] Correlations, double[] Rates, TabularStudy Census, TabularStudy Adult, DtrnStudy Ratings)
{
    /// <summary>About two minutes: fewer rows and passes, intervals of three seeds.</summary>
    public static Plan Quick { get; } = new(3, new(8, 10_000, 10), [0.5, 1], [1e-3], new(30_000, 3), new(20_000, 6), new(20_000, 1));

    /// <summary>Half an hour.</summary>
    public static Plan Paper { get; } = new(6, new(15, 10_000, 40), [0.5, 0.9, 1], [1e-4, 1e-3, 1e-2], new(60_000, 6), new(20_000, 8), new(80_000, 3));
}
