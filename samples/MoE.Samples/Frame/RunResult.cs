namespace MoE.Samples.Frame;

/// <summary>The result of a run, as written to the result file.</summary>
public sealed record RunResult
{
    /// <summary>The sample.</summary>
    public required string Id { get; init; }

    /// <summary>The paper, or empty.</summary>
    public required string Paper { get; init; }

    /// <summary>The data.</summary>
    public required string Data { get; init; }

    /// <summary>The scale.</summary>
    public required Scale Scale { get; init; }

    /// <summary>Running time.</summary>
    public required double Seconds { get; init; }

    /// <summary>The finished seeds.</summary>
    public required IReadOnlyList<long> Seeds { get; init; }

    /// <summary>The mechanism that was left out, or null.</summary>
    public required string? Ablated { get; init; }

    /// <summary>The claims with their measurements.</summary>
    public required IReadOnlyList<ClaimResult> Claims { get; init; }

    /// <summary>The controls with theirs.</summary>
    public required IReadOnlyList<ClaimResult> Controls { get; init; }

    /// <summary>Further numbers.</summary>
    public required IReadOnlyDictionary<string, object> Numbers { get; init; }

    /// <summary>True if a claim marked exact failed.</summary>
    public bool ExactFailed => Claims.Concat(Controls).Any(static c => c.Claim.Exact && c.Verdict == Verdict.Fails);
}
