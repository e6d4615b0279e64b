namespace MoE.Benchmarks;

/// <summary>A case as it was measured.</summary>
/// <param name="Case">The case.</param>
/// <param name="Probes">What the machine could do meanwhile; null for a router, which is held against no probe.</param>
/// <param name="WeightBytes">Bytes of the experts that an input touches, the mean over the inputs.</param>
/// <param name="Contenders">Who was measured.</param>
public sealed record MeasuredCase(BenchCase Case, ProbeResult? Probes, double WeightBytes, IReadOnlyList<MeasuredContender> Contenders);
