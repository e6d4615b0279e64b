namespace MoE.Benchmarks;

/// <summary>What one process of the verb <c>checkpoint</c> measured. Milliseconds and bytes.</summary>
internal sealed record StepResult
{
    /// <summary>Opening the file.</summary>
    public double OpenMs { get; init; }

    /// <summary>Packing; zero where the file is packed already.</summary>
    public double PackMs { get; init; }

    /// <summary>The first call, of one token.</summary>
    public double FirstMs { get; init; }

    /// <summary>Median of later calls of one token, each another.</summary>
    public double TokenMs { get; init; }

    /// <summary>Saving what was packed; zero where it was not.</summary>
    public double SaveMs { get; init; }

    /// <summary>Peak of resident memory up to the first token.</summary>
    public long PeakBytes { get; init; }

    /// <summary>Resident memory that no file backs, after the first token.</summary>
    public long PrivateBytes { get; init; }

    /// <summary>Size of the packed weights.</summary>
    public long PackedBytes { get; init; }

    /// <summary>Mean relative error of the experts' weights.</summary>
    public double WeightError { get; init; }

    /// <summary>SHA-256 of the outputs of all tokens.</summary>
    public string Outputs { get; init; } = "";

    /// <summary>Why it did not end, or null.</summary>
    public string? Failure { get; init; }
}
