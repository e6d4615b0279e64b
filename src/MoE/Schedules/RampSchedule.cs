using System.Text.Json.Serialization;

namespace MoE;

/// <summary>One value before a ramp, another after it, and a rule for between: never outside the two, and never turning back.</summary>
public abstract record RampSchedule : ScheduleSpec
{
    private protected RampSchedule()
    {
    }

    /// <summary>The value at <see cref="Start"/> and before it, finite.</summary>
    public required double From { get; init; }

    /// <summary>The value <see cref="Steps"/> steps later and from then on, finite.</summary>
    public required double To { get; init; }

    /// <summary>The step at which the ramp begins, zero or more.</summary>
    public long Start { get; init; }

    /// <summary>The length of the ramp in steps, positive.</summary>
    public required long Steps { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override double Lowest => Math.Min(From, To);

    /// <inheritdoc/>
    [JsonIgnore]
    public override double Highest => Math.Max(From, To);

    internal override void Check(SpecProblems problems, string path)
    {
        problems.Require(double.IsFinite(From), $"{path}.from", From, "must be finite");
        problems.Require(double.IsFinite(To), $"{path}.to", To, "must be finite");
        if (double.IsFinite(From) && double.IsFinite(To))
            problems.Require(double.IsFinite(To - From), $"{path}.to", To, $"must be a finite distance from from ({SpecProblems.Text(From)})");
        problems.Require(Start >= 0, $"{path}.start", Start, "must not be negative");
        problems.Require(Steps > 0, $"{path}.steps", Steps, "must be positive");
    }

    /// <summary>The value after a share of the ramp.</summary>
    /// <param name="share">Above 0, below 1.</param>
    private protected abstract double Between(double share);

    private protected sealed override double Value(long step)
    {
        if (step <= Start) return From;
        // Not start + steps, which may overflow.
        return step - Start >= Steps ? To : Math.Clamp(Between((double)(step - Start) / Steps), Lowest, Highest);
    }
}
