using System.Text.Json.Serialization;

namespace MoE.Benchmarks;

/// <summary>The report of a comparison. Scripts read it: keys may be added, never changed.</summary>
public sealed record CompareReport
{
    /// <summary>The schema this version writes.</summary>
    public const int CurrentSchema = 1;

    /// <summary>Version of the JSON form.</summary>
    public int Schema { get; init; } = CurrentSchema;

    /// <summary>When the run began, in UTC.</summary>
    public required DateTimeOffset Date { get; init; }

    /// <summary>Processor, operating system and runtime.</summary>
    public required string Machine { get; init; }

    /// <summary>Logical processors.</summary>
    public required int Cores { get; init; }

    /// <summary>Measured peak of fused multiply-adds in GFLOP/s by thread count: the median over the cases.</summary>
    public required IReadOnlyDictionary<int, double> FmaProbeGflops { get; init; }

    /// <summary>Measured read bandwidth in GB/s by thread count: the median over the cases.</summary>
    public required IReadOnlyDictionary<int, double> ReadProbeGbs { get; init; }

    /// <summary>The measured rows.</summary>
    public required IReadOnlyList<CompareRow> Rows { get; init; }

    /// <summary>What else was measured of the managed engine; null where a run was of some cases only, or stopped.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public EngineFacts? Engine { get; init; }
}
