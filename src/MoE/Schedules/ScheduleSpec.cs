using System.Text.Json.Serialization;

namespace MoE;

/// <summary>A number that changes with the training step: a temperature, a number of choices, a capacity factor, the coefficient of a loss. A closed family, told apart in JSON by <c>kind</c>.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind", UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization)]
[JsonDerivedType(typeof(ConstantSchedule), "constant")]
[JsonDerivedType(typeof(LinearSchedule), "linear")]
[JsonDerivedType(typeof(ExponentialSchedule), "exponential")]
[JsonDerivedType(typeof(CosineSchedule), "cosine")]
[JsonDerivedType(typeof(StepwiseSchedule), "stepwise")]
public abstract record ScheduleSpec
{
    private protected ScheduleSpec()
    {
    }

    /// <summary>The least value of any step.</summary>
    [JsonIgnore]
    public abstract double Lowest { get; }

    /// <summary>The greatest value of any step.</summary>
    [JsonIgnore]
    public abstract double Highest { get; }

    /// <summary>The value of a step.</summary>
    /// <param name="step">Zero or more.</param>
    /// <returns>In <see cref="Lowest"/>..<see cref="Highest"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The step is negative.</exception>
    public double At(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        return Value(step);
    }

    /// <summary>All problems of this schedule; empty if it can be used.</summary>
    public IReadOnlyList<SpecProblem> Validate()
    {
        var problems = new SpecProblems();
        Check(problems, "schedule");
        return problems.Found;
    }

    /// <summary>This schedule, or an exception with all its problems.</summary>
    /// <exception cref="SpecException">The schedule has problems.</exception>
    public ScheduleSpec Checked()
    {
        SpecException.ThrowIfAny(Validate());
        return this;
    }

    internal abstract void Check(SpecProblems problems, string path);

    /// <summary>Every whole number that <see cref="At"/> can round to.</summary>
    internal virtual IEnumerable<int> WholeValues()
    {
        int high = Whole(Highest);
        for (int value = Whole(Lowest); value <= high; value++) yield return value;
    }

    /// <summary>To the nearest, halves away from zero; saturated.</summary>
    internal static int Whole(double value) => (int)Math.Clamp(Math.Round(value, MidpointRounding.AwayFromZero), int.MinValue, int.MaxValue - 1);

    private protected abstract double Value(long step);
}
