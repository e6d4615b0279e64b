namespace MoE.Benchmarks;

/// <summary>How a comparison ended.</summary>
/// <param name="Report">What was measured.</param>
/// <param name="Problems">Differences beyond tolerance and contenders that failed.</param>
/// <param name="Missing">Promised rows that are not in the report.</param>
/// <param name="Cancelled">It was stopped.</param>
public sealed record CompareOutcome(CompareReport Report, IReadOnlyList<string> Problems, IReadOnlyList<string> Missing, bool Cancelled)
{
    /// <summary>0: every promised row is there and every answer agreed; 1: not so.</summary>
    public int ExitCode => Problems.Count == 0 && Missing.Count == 0 ? 0 : 1;
}
