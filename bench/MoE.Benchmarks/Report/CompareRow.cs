using System.Text.Json.Serialization;

namespace MoE.Benchmarks;

/// <summary>One contender in one case.</summary>
public sealed record CompareRow
{
    /// <summary>Name of the case.</summary>
    public required string Case { get; init; }

    /// <summary>infer, train, router or lora.</summary>
    public required string Mode { get; init; }

    /// <summary>Name of the sizes.</summary>
    public required string Config { get; init; }

    /// <summary>Type of the weights.</summary>
    [JsonPropertyName("dtype")]
    public required string DType { get; init; }

    /// <summary>Number of tokens.</summary>
    [JsonPropertyName("T")]
    public required int Tokens { get; init; }

    /// <summary>Threads.</summary>
    public required int Threads { get; init; }

    /// <summary>Name of the contender.</summary>
    public required string Contender { get; init; }

    /// <summary>Median milliseconds per call.</summary>
    public required double MedianMs { get; init; }

    /// <summary>Least milliseconds per call.</summary>
    public required double MinMs { get; init; }

    /// <summary>Interquartile range over the median.</summary>
    public required double Spread { get; init; }

    /// <summary>This median over ours in the same case; above 1 ours is faster. Null where ours was not measured.</summary>
    public required double? RatioToOurs { get; init; }

    /// <summary>Share of the multiply-add probe of the same minute. Null for a router, which is no product.</summary>
    public required double? FmaShare { get; init; }

    /// <summary>Bytes of the weights that must be read, per second, as a share of the read probe of the same minute. Null except for inference.</summary>
    public required double? ReadShare { get; init; }

    /// <summary>Largest difference from the reference, over all outputs and gradients.</summary>
    public required double MaxAbsDiff { get; init; }

    /// <summary>Makes the rows of a case.</summary>
    /// <param name="measured">The case, with its probes and samples.</param>
    public static IReadOnlyList<CompareRow> Of(MeasuredCase measured)
    {
        ArgumentNullException.ThrowIfNull(measured);
        var @case = measured.Case;
        double? ours = measured.Contenders.Where(static c => c.Name == ContenderNames.Ours).Select(static c => (double?)c.Times.Median).SingleOrDefault();
        return [.. measured.Contenders.Select(c => new CompareRow
        {
            Case = @case.Name,
            Mode = @case.ModeName,
            Config = @case.Config.Name,
            DType = @case.DType,
            Tokens = @case.Tokens,
            Threads = @case.Threads,
            Contender = c.Name,
            MedianMs = c.Times.Median,
            MinMs = c.Times.Min,
            Spread = c.Times.Spread,
            RatioToOurs = c.Times.Median / ours,
            FmaShare = @case.Mode == BenchMode.Router ? null : @case.Flops / (c.Times.Median * 1e6) / measured.Probes?.FmaGflops,
            ReadShare = @case.Mode == BenchMode.Infer ? measured.WeightBytes / (c.Times.Median * 1e6) / measured.Probes?.ReadGbs : null,
            MaxAbsDiff = c.MaxAbsDiff,
        })];
    }
}
