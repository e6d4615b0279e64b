namespace MoE.Samples.Frame;

/// <summary>A mechanism that <c>--ablate</c> switches off.</summary>
/// <param name="Name">Its name on the command line.</param>
/// <param name="Effect">What happens instead.</param>
/// <param name="Claims">The claims that rest on it: without it they fail or become inconclusive.</param>
public sealed record Ablation(string Name, string Effect, IReadOnlyList<string> Claims);
