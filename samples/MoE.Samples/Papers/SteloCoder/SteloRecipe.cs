using MoE.Samples.Language;

namespace MoE.Samples.Papers.SteloCoder;

/// <summary>How much is trained.</summary>
/// <param name="Base">The base model, one for all seeds.</param>
/// <param name="Seeds">Number of seeds.</param>
/// <param name="ExpertSteps">Steps of each expert; a shared rival gets those of all together.</param>
/// <param name="GateSteps">Steps of the gate.</param>
/// <param name="Batch">Windows per step.</param>
/// <param name="Files">Held-out files per language.</param>
public sealed record SteloRecipe(BaseRecipe Base, int Seeds, int ExpertSteps, int GateSteps, int Batch, int Files)
{
    /// <summary>Rank of an expert, as in the paper; alpha is 32.</summary>
    public int Rank { get; init; } = 4;

    /// <summary>Rate of experts and shared rivals alike.</summary>
    public double ExpertRate { get; init; } = 0.003;

    /// <summary>Rate of the gate.</summary>
    public double GateRate { get; init; } = 0.03;

    /// <summary>Under three minutes once the base model is there.</summary>
    public static SteloRecipe Quick { get; } = new(new BaseRecipe(new TransformerSize(96, 2, 4, 96), 500, 1000, 12, 0.003), Seeds: 2, ExpertSteps: 60, GateSteps: 200, Batch: 8, Files: 60);

    /// <summary>A larger base, longer training, more seeds.</summary>
    public static SteloRecipe Paper { get; } = new(new BaseRecipe(new TransformerSize(128, 3, 4, 128), 500, 2500, 16, 0.003), Seeds: 4, ExpertSteps: 120, GateSteps: 300, Batch: 12, Files: 100);
}
