using System.Text.Json.Serialization;

namespace MoE.Benchmarks;

/// <summary>One format of weights.</summary>
/// <param name="Format">fp32, bf16, int8, int4 or int4-zero.</param>
/// <param name="Packed">Opened, packed, first token, saved.</param>
/// <param name="Streamed">Packed into a file one expert at a time; no tokens.</param>
/// <param name="Warm">Mapped again, with the file's pages in memory.</param>
/// <param name="Cold">Mapped again after the system was asked to forget the pages; null: it could not be asked.</param>
/// <param name="BitsEqual">All mapped layers gave the bits of the packed one.</param>
internal sealed record CheckpointRow(string Format, StepResult Packed, StepResult Streamed, StepResult Warm, StepResult? Cold, bool BitsEqual);

/// <summary>A layer in a process that may not have its weights in memory of its own.</summary>
/// <param name="Format">Format of the weights.</param>
/// <param name="LimitBytes">Most private memory (RLIMIT_DATA); pages of mapped files do not count.</param>
/// <param name="Mapped">The mapped layer under the limit.</param>
/// <param name="Control">Packing in memory under the same limit: must fail for want of memory.</param>
/// <param name="Shown">The mapped layer ran with the right bits, and packing had too little memory.</param>
internal sealed record LimitedRow(string Format, long LimitBytes, StepResult Mapped, StepResult Control, bool Shown);

/// <summary>What the verb <c>checkpoint</c> measured.</summary>
internal sealed record CheckpointReport
{
    /// <summary>Version of the JSON form.</summary>
    public int Schema { get; init; } = 1;

    /// <summary>When.</summary>
    public required DateTimeOffset Date { get; init; }

    /// <summary>Where.</summary>
    public required string Machine { get; init; }

    /// <summary>Threads of the layer.</summary>
    public required int Threads { get; init; }

    /// <summary>Size of the checkpoint, bfloat16.</summary>
    public required long CheckpointBytes { get; init; }

    /// <summary>Model width.</summary>
    public required int Width { get; init; }

    /// <summary>Expert width.</summary>
    public required int ExpertWidth { get; init; }

    /// <summary>Experts.</summary>
    public required int Experts { get; init; }

    /// <summary>Choices per token.</summary>
    public required int Choices { get; init; }

    /// <summary>One per format.</summary>
    public required IReadOnlyList<CheckpointRow> Rows { get; init; }

    /// <summary>The run with little memory; null: not asked for, or the system has no such limit.</summary>
    public LimitedRow? Limited { get; init; }
}

/// <summary>The names of the keys.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, NewLine = "\n", DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(CheckpointReport))]
[JsonSerializable(typeof(StepResult))]
internal sealed partial class CheckpointJson : JsonSerializerContext;
