using MoE.Samples.Language;

namespace MoE.Samples.Papers.XLora;

/// <summary>How much is trained.</summary>
/// <param name="Base">The base model, one for all seeds.</param>
/// <param name="Seeds">Number of seeds.</param>
/// <param name="AdapterSteps">Steps of each adapter; the shared rival gets those of all together.</param>
/// <param name="GateSteps">Steps of the gate.</param>
/// <param name="Batch">Windows per step.</param>
/// <param name="Windows">Held-out windows per domain, and mixed ones in all.</param>
public sealed record XLoraRecipe(BaseRecipe Base, int Seeds, int AdapterSteps, int GateSteps, int Batch, int Windows)
{
    /// <summary>Rank of an adapter; alpha is twice that.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>Rate of adapters and of the shared rival alike.</summary>
    public double AdapterRate { get; init; } = 0.005;

    /// <summary>Rate of the gate.</summary>
    public double GateRate { get; init; } = 0.01;

    /// <summary>Width of the gate's hidden layer.</summary>
    public int GateWidth { get; init; } = 64;

    /// <summary>Under three minutes once the base model is there.</summary>
    public static XLoraRecipe Quick { get; } = new(new BaseRecipe(new TransformerSize(96, 2, 4, 128), 0, 1200, 12, 0.003), Seeds: 2, AdapterSteps: 100, GateSteps: 280, Batch: 8, Windows: 24);

    /// <summary>A larger base, longer training, more seeds.</summary>
    public static XLoraRecipe Paper { get; } = new(new BaseRecipe(new TransformerSize(128, 3, 4, 128), 0, 2500, 16, 0.003), Seeds: 4, AdapterSteps: 400, GateSteps: 500, Batch: 16, Windows: 96);
}
