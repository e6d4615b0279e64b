using System.Text.Json.Serialization;

namespace MoE;

/// <summary>How a fractional capacity becomes whole.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<CapacityRounding>))]
public enum CapacityRounding
{
    /// <summary>Up (Megatron-LM, DeepSpeed).</summary>
    Ceiling,

    /// <summary>Down (MegaBlocks, Mesh TensorFlow).</summary>
    Floor,

    /// <summary>To the nearest, halves to even (V-MoE, flaxformer).</summary>
    HalfToEven,
}

/// <summary>In which order a capacity is computed from T, E, k and the factor f.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<CapacityFormula>))]
public enum CapacityFormula
{
    /// <summary>round((T k / E) f), in double precision (Megatron-LM, MegaBlocks).</summary>
    ShareTimesFactor,

    /// <summary>round((T k f) / E), in double precision (Mesh TensorFlow, lucidrains, V-MoE, flaxformer).</summary>
    FactorFirst,

    /// <summary>round(single(T / E) single(f k)), in single precision (DeepSpeed).</summary>
    Single,

    /// <summary>k round(f ceil(T / E)) (Tutel with floor; NLLB and torchscale with a factor of one).</summary>
    WholeShare,

    /// <summary>floor(round(f T) k / E) (FastMoE's GShard gate with ceiling).</summary>
    WholeTokens,

    /// <summary>round(f T): a share of the tokens for each expert, whatever E and k (NLLB and torchscale in evaluation with ceiling).</summary>
    TokenShare,
}

/// <summary>The capacity C of an expert: how many routes it accepts in one call.</summary>
public sealed record CapacitySpec
{
    /// <summary>
    /// The capacity factor f: C = round((T * k / E) * f) or another <see cref="Formula"/>, without k where <see cref="CountsChoices"/> says so. Not negative. Null: <see cref="Fixed"/> or the load is used.
    /// The order of operations matters: where the exact product is whole, two formulas can differ by one.
    /// </summary>
    public double? Factor { get; init; }

    /// <summary>The factor of evaluation, not negative, also where training has a fixed capacity; null: as in training.</summary>
    public double? EvaluationFactor { get; init; }

    /// <summary>The formula of evaluation; null: that of training.</summary>
    public CapacityFormula? EvaluationFormula { get; init; }

    /// <summary>The rounding of evaluation; null: that of training.</summary>
    public CapacityRounding? EvaluationRounding { get; init; }

    /// <summary>The order of operations.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public CapacityFormula Formula { get; init; } = CapacityFormula.ShareTimesFactor;

    /// <summary>The capacity is never above the longest queue of the call, so that nothing is reserved in vain; without a factor and a fixed capacity it is the longest queue, and nothing is dropped (Tutel with a factor of zero or below, DeepSpeed <c>drop_tokens=False</c>).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool AtMostLoad { get; init; }

    /// <summary>A capacity that does not depend on T (transformers Switch <c>expert_capacity</c>); not negative.</summary>
    public int? Fixed { get; init; }

    /// <summary>The k choices of a token count (Megatron-LM, DeepSpeed, MegaBlocks); otherwise the factor is per token (Mesh TensorFlow, flaxformer).</summary>
    public bool CountsChoices { get; init; } = true;

    /// <summary>How the product is rounded.</summary>
    public CapacityRounding Rounding { get; init; } = CapacityRounding.Ceiling;

    /// <summary>The least capacity, not negative.</summary>
    public int Minimum { get; init; }

    /// <summary>The capacity is rounded up to a multiple of this (V-MoE 4, OLMo-core 8); positive.</summary>
    public int Multiple { get; init; } = 1;

    /// <summary>The capacity is never above the number of tokens (Mesh TensorFlow, lucidrains).</summary>
    public bool AtMostTokens { get; init; }

    /// <summary>The capacity of each expert for a call of <paramref name="tokens"/> tokens with <paramref name="k"/> choices each.</summary>
    /// <param name="tokens">T, zero or more.</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">Choices per token, positive.</param>
    /// <param name="training">Training rather than evaluation, for the factor.</param>
    /// <param name="load">Routes of the longest queue, for <see cref="AtMostLoad"/>; null: not known, and then the bound is left out.</param>
    /// <returns>C, zero or more, saturated at <see cref="int.MaxValue"/>.</returns>
    public int Of(int tokens, int experts, int k, bool training = true, int? load = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        double? factor = training ? Factor : EvaluationFactor ?? Factor;
        double c = Fixed is { } constant && (training || EvaluationFactor is null) ? constant : (factor is { } f ? Product(training ? Formula : EvaluationFormula ?? Formula, tokens, experts, CountsChoices ? k : 1, f, training ? Rounding : EvaluationRounding ?? Rounding) : double.PositiveInfinity);
        if (AtMostTokens) c = Math.Min(c, tokens);
        if (AtMostLoad) c = Math.Min(c, load ?? (double)tokens);
        c = Math.Max(c, Minimum);
        if (Multiple > 1) c = Math.Ceiling(c / Multiple) * Multiple;
        return (int)Math.Min(c, int.MaxValue);
    }

    private static double Product(CapacityFormula formula, int tokens, int experts, int k, double factor, CapacityRounding rounding) => formula switch
    {
        CapacityFormula.FactorFirst => Round((double)tokens * k * factor / experts, rounding),
        CapacityFormula.Single => Round((float)tokens / experts * (float)(factor * k), rounding),
        CapacityFormula.WholeShare => Round(factor * Math.Ceiling((double)tokens / experts), rounding) * k,
        CapacityFormula.WholeTokens => Math.Floor(Round(factor * tokens, rounding) * k / experts),
        CapacityFormula.TokenShare => Round(factor * tokens, rounding),
        _ => Round((double)tokens * k / experts * factor, rounding),
    };

    private static double Round(double c, CapacityRounding rounding) => rounding switch
    {
        CapacityRounding.Ceiling => Math.Ceiling(c),
        CapacityRounding.Floor => Math.Floor(c),
        _ => Math.Round(c, MidpointRounding.ToEven),
    };

    internal void Check(SpecProblems problems, string path)
    {
        problems.Require(Factor is null != Fixed is null || (AtMostLoad && Factor is null && Fixed is null), $"{path}.factor", Factor, $"exactly one of factor and fixed ({(Fixed is { } f ? f.ToString(System.Globalization.CultureInfo.InvariantCulture) : "null")}) must be given, or neither with at_most_load");
        if (EvaluationFactor is { } evaluation)
        {
            problems.Require(double.IsFinite(evaluation) && evaluation >= 0, $"{path}.evaluation_factor", evaluation, "must be finite and not negative");
            problems.Require(Factor is not null || Fixed is not null, $"{path}.evaluation_factor", evaluation, "needs a factor or a fixed capacity for training");
        }

        problems.RequireDefined(Formula, $"{path}.formula");
        if (EvaluationRounding is { } evaluationRounding) problems.RequireDefined(evaluationRounding, $"{path}.evaluation_rounding");
        if (EvaluationFormula is { } formula) problems.RequireDefined(formula, $"{path}.evaluation_formula");
        if (Factor is { } factor) problems.Require(double.IsFinite(factor) && factor >= 0, $"{path}.factor", factor, "must be finite and not negative");
        if (Fixed is { } fixedCapacity) problems.Require(fixedCapacity >= 0, $"{path}.fixed", fixedCapacity, "must not be negative");
        problems.RequireDefined(Rounding, $"{path}.rounding");
        problems.Require(Minimum >= 0, $"{path}.minimum", Minimum, "must not be negative");
        problems.RequirePositive(Multiple, $"{path}.multiple");
    }
}
