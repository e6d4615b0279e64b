using System.Text.Json.Serialization;

namespace MoE.Benchmarks;

/// <summary>One contender at one size of batch. Milliseconds.</summary>
/// <param name="Contender">Its name.</param>
/// <param name="DType">Type of its weights.</param>
/// <param name="Tokens">T of each call.</param>
/// <param name="Callers">Callers at once.</param>
/// <param name="AloneMs">The median call of one caller alone.</param>
/// <param name="MedianMs">The median call of all callers at once.</param>
/// <param name="P99Ms">What 99 of 100 of those calls stay under.</param>
/// <param name="TokensPerSecond">Of all callers together.</param>
/// <param name="Calls">Calls of all callers together.</param>
internal sealed record LatencyRow(string Contender, string DType, int Tokens, int Callers, double AloneMs, double MedianMs, double P99Ms, double TokensPerSecond, int Calls);

/// <summary>What opening a contender costs.</summary>
/// <param name="Contender">Its name.</param>
/// <param name="OpenMs">From weights in memory to a layer that can be called.</param>
/// <param name="OwnBytes">Resident memory that came with it.</param>
/// <param name="Placed">Where it says its weights are, where it does.</param>
internal sealed record OpenRow(string Contender, double OpenMs, long OwnBytes, string? Placed);

/// <summary>What the verb <c>latency</c> measured.</summary>
internal sealed record LatencyReport
{
    /// <summary>Version of the JSON form.</summary>
    public int Schema { get; init; } = 1;

    /// <summary>When.</summary>
    public required DateTimeOffset Date { get; init; }

    /// <summary>Where.</summary>
    public required string Machine { get; init; }

    /// <summary>Processors.</summary>
    public required int Cores { get; init; }

    /// <summary>The layer.</summary>
    public required string Config { get; init; }

    /// <summary>One per contender.</summary>
    public required IReadOnlyList<OpenRow> Opened { get; init; }

    /// <summary>One per contender and size of batch.</summary>
    public required IReadOnlyList<LatencyRow> Rows { get; init; }
}

/// <summary>JSON without reflection.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, NewLine = "\n", PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(LatencyReport))]
internal sealed partial class LatencyJson : JsonSerializerContext;
