namespace MoE.Benchmarks;

/// <summary>A case and everyone who must appear in it.</summary>
/// <param name="Case">The case.</param>
/// <param name="Contenders">Their names, ours first.</param>
public sealed record PromisedCase(BenchCase Case, IReadOnlyList<string> Contenders);
