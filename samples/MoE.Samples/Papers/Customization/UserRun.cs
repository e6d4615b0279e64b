namespace MoE.Samples.Papers.Customization;

/// <summary>Accuracies of one user, in percent.</summary>
/// <param name="Global">The global expert alone.</param>
/// <param name="Mixture">Global and local expert behind the gate.</param>
/// <param name="Local">The local expert always.</param>
/// <param name="Oracle">Whichever is right.</param>
/// <param name="FineTuned">The global expert trained on the user's characters.</param>
/// <param name="Shuffled">The gate's answers in random order.</param>
/// <param name="LocalShare">Share of the user's, and of generic, characters that the gate gives to the local expert, in percent.</param>
public sealed record UserRun(Accuracy Global, Accuracy Mixture, Accuracy Local, Accuracy Oracle, Accuracy FineTuned, Accuracy Shuffled, Accuracy LocalShare);
