using System.Text.Json.Serialization;

namespace MoE;

/// <summary>The same value at every step.</summary>
public sealed record ConstantSchedule : ScheduleSpec
{
    /// <summary>The value, finite.</summary>
    [JsonPropertyName("value")]
    public required double Constant { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override double Lowest => Constant;

    /// <inheritdoc/>
    [JsonIgnore]
    public override double Highest => Constant;

    internal override void Check(SpecProblems problems, string path) =>
        problems.Require(double.IsFinite(Constant), $"{path}.value", Constant, "must be finite");

    private protected override double Value(long step) => Constant;
}
