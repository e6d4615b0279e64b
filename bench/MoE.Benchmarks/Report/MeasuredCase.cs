namespace MoE.Benchmarks;

/// <summary>A case as it was measured.</summary>
/// <param name="Case">The case.</param>
/// <param name="Probes">What the machine could do meanwhile; null for a router, which is held against no probe.</param>
/// <param name="WeightBytes">Bytes of the experts that an input touches, the mean over the inputs.</param>
/// <param name="Contenders">Who was measured.</param>
public sealed record MeasuredCase(BenchCase Case, ProbeResult? Probes, double WeightBytes, IReadOnlyList<MeasuredContender> Contenders);

/// <summary>A contender as it was measured.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Times">Milliseconds per call.</param>
/// <param name="MaxAbsDiff">Largest difference from the reference.</param>
public sealed record MeasuredContender(string Name, SampleSummary Times, double MaxAbsDiff);

/// <summary>What the machine can do with a number of threads.</summary>
/// <param name="Threads">The number of threads.</param>
/// <param name="FmaGflops">Fused multiply-adds, GFLOP/s.</param>
/// <param name="ReadGbs">Reading, GB/s.</param>
public readonly record struct ProbeResult(int Threads, double FmaGflops, double ReadGbs);
