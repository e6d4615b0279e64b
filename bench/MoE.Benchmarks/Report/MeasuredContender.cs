namespace MoE.Benchmarks;

/// <summary>A contender as it was measured.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Times">Milliseconds per call.</param>
/// <param name="MaxAbsDiff">Largest difference from the reference.</param>
public sealed record MeasuredContender(string Name, SampleSummary Times, double MaxAbsDiff);
