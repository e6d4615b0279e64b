namespace MoE.Samples.Papers.Quickstart;

/// <summary>How every model is trained: AdamW with a cosine schedule, the same for the mixture and its rivals.</summary>
/// <param name="Seeds">Number of seeds.</param>
/// <param name="Epochs">Passes over the training images.</param>
/// <param name="Rates">Learning rates; of several, each model takes its best on a fifth of its training images.</param>
public sealed record Recipe(int Seeds, int Epochs, IReadOnlyList<double> Rates)
{
    /// <summary>Coefficient of the load-balancing loss.</summary>
    public double Balancing { get; init; } = 0.1;

    /// <summary>About half a minute.</summary>
    public static Recipe Quick { get; } = new(Seeds: 6, Epochs: 40, Rates: [0.02]);

    /// <summary>More seeds, longer training, and every model's learning rate tuned.</summary>
    public static Recipe Paper { get; } = new(Seeds: 20, Epochs: 60, Rates: [0.005, 0.01, 0.02, 0.04]);
}
