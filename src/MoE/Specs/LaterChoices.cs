using System.Text.Json.Serialization;

namespace MoE;

/// <summary>Which of a token's later choices (the second and those behind it) are routed.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<LaterRule>))]
public enum LaterRule
{
    /// <summary>None of them.</summary>
    None,

    /// <summary>Those whose value is above the threshold.</summary>
    Threshold,

    /// <summary>Each with probability value / threshold: routed if U &lt; value / max(threshold, <see cref="LaterChoices.ThresholdFloor"/>), the draw being <see cref="NoiseNames.LaterChoices"/>, [K - 1, T] uniform.</summary>
    Random,
}

/// <summary>What a later choice's value is.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<LaterValue>))]
public enum LaterValue
{
    /// <summary>Its weight, normalised where the weights are.</summary>
    Weight,

    /// <summary>Its score, before any normalisation (NLLB, torchscale).</summary>
    Score,
}

/// <summary>
/// GShard's second-expert policy, for all later choices. Without it all of them are routed. A choice that is not routed has no expert (-1) and weighs nothing; the weights of the others stay as they were.
/// Given experts (replay) are the outcome of the rule, so it is not applied to them: what was normalised over all choices is then normalised over the routed ones, and what used a place behind <see cref="AfterCapacity"/> uses none.
/// </summary>
public sealed record LaterChoices
{
    private readonly double[]? _thresholds;

    /// <summary>The rule.</summary>
    public LaterRule Rule { get; init; } = LaterRule.Random;

    /// <summary>The threshold, zero or more. 0.2 in Mesh TensorFlow and lucidrains; 0.5 is "twice the weight against U" of NLLB, torchscale and FastMoE.</summary>
    public double Threshold { get; init; } = 0.2;

    /// <summary>One threshold per later choice instead, K - 1 of them (st-moe); a copy of what was given; null: the same for all.</summary>
    public IReadOnlyList<double>? Thresholds
    {
        get => _thresholds;
        init => _thresholds = value is null ? null : [.. value];
    }

    /// <summary>The threshold of <see cref="LaterRule.Random"/> is at least this; positive.</summary>
    public double ThresholdFloor { get; init; } = 1e-9;

    /// <summary>What is compared.</summary>
    public LaterValue Value { get; init; } = LaterValue.Weight;

    /// <summary>The rule is applied to routes that passed the capacity (FastMoE); otherwise before, so that a choice not routed uses no capacity.</summary>
    public bool AfterCapacity { get; init; }

    /// <summary>The rule holds in evaluation too (Mesh TensorFlow, lucidrains, st-moe); otherwise in training only, and evaluation routes every choice (FastMoE).</summary>
    public bool InEvaluation { get; init; } = true;

    /// <summary>The threshold of a choice.</summary>
    /// <param name="choice">1..K-1; the first choice has none.</param>
    public double ThresholdOf(int choice) => _thresholds is { } each ? each[choice - 1] : Threshold;

    /// <summary>True where a choice of this value is routed.</summary>
    /// <param name="choice">1..K-1.</param>
    /// <param name="value">Its weight or score.</param>
    /// <param name="uniform">U, looked at by <see cref="LaterRule.Random"/> only.</param>
    public bool Routes(int choice, float value, float uniform) => Rule switch
    {
        LaterRule.None => false,
        LaterRule.Threshold => value > (float)ThresholdOf(choice),
        _ => uniform < value / (float)Math.Max(ThresholdOf(choice), ThresholdFloor),
    };

    /// <summary>Equal rules.</summary>
    public bool Equals(LaterChoices? other) => other is not null && Rule == other.Rule && Threshold.Equals(other.Threshold) && ThresholdFloor.Equals(other.ThresholdFloor) && Value == other.Value
        && AfterCapacity == other.AfterCapacity && InEvaluation == other.InEvaluation && (_thresholds is null) == (other._thresholds is null) && _thresholds.AsSpan().SequenceEqual(other._thresholds);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.Add(Rule);
        hash.Add(Threshold);
        hash.Add(ThresholdFloor);
        hash.Add(Value);
        hash.Add(AfterCapacity);
        hash.Add(InEvaluation);
        foreach (double t in _thresholds ?? []) hash.Add(t);
        return hash.ToHashCode();
    }

    internal void Check(SpecProblems problems, string path, int k)
    {
        problems.RequireDefined(Rule, $"{path}.rule");
        problems.RequireDefined(Value, $"{path}.value");
        problems.Require(double.IsFinite(Threshold) && Threshold >= 0, $"{path}.threshold", Threshold, "must be finite and not negative");
        problems.Require(double.IsFinite(ThresholdFloor) && ThresholdFloor > 0, $"{path}.threshold_floor", ThresholdFloor, "must be finite and positive");
        if (_thresholds is not { } each) return;
        problems.Require(each.Length == Math.Max(k - 1, 0), $"{path}.thresholds", each.Length, $"must have one value per later choice ({Math.Max(k - 1, 0)})");
        foreach (double t in each) problems.Require(double.IsFinite(t) && t >= 0, $"{path}.thresholds", t, "must be finite and not negative");
    }
}
