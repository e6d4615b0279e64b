namespace MoE.Samples.Papers.Quickstart;

/// <summary>A trained mixture on its held-out images.</summary>
/// <param name="Accuracy">In percent.</param>
/// <param name="Took">Which expert took which digit.</param>
/// <param name="Balance">Busiest over mean load, per epoch of training.</param>
/// <param name="Entropy">Entropy of the router in bits, per epoch of training.</param>
public sealed record MixtureRun(double Accuracy, Specialisation Took, IReadOnlyList<double> Balance, IReadOnlyList<double> Entropy);
