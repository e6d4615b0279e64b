namespace MoE;

/// <summary>A value that holds from a step on.</summary>
public sealed record ScheduleChange
{
    /// <summary>The first step with this value, positive.</summary>
    public required long Step { get; init; }

    /// <summary>The value, finite.</summary>
    public required double Value { get; init; }
}
