using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.Temperature;

/// <summary>How much to do.</summary>
/// <param name="Seeds">Independent studies; each gives one slope per gate.</param>
/// <param name="Sizes">Sample sizes.</param>
/// <param name="Repetitions">Samples per size.</param>
public sealed record Plan(int Seeds, double[] Sizes, int Repetitions)
{
    /// <summary>About a minute.</summary>
    public static Plan Quick { get; } = new(4, PowerLaw.Sizes(316, 1e5, 8), 20);

    /// <summary>Some minutes.</summary>
    public static Plan Paper { get; } = new(4, PowerLaw.Sizes(316, 1e6, 11), 12);
}
