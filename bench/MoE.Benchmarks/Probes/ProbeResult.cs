namespace MoE.Benchmarks;

/// <summary>What the machine can do with a number of threads.</summary>
/// <param name="Threads">The number of threads.</param>
/// <param name="FmaGflops">Fused multiply-adds, GFLOP/s.</param>
/// <param name="ReadGbs">Reading, GB/s.</param>
public readonly record struct ProbeResult(int Threads, double FmaGflops, double ReadGbs);
