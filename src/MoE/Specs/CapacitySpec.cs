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

/// <summary>The capacity C of an expert: how many routes it accepts in one call.</summary>
public sealed record CapacitySpec
{
    /// <summary>
    /// The capacity factor: C = round((T * k / E) * factor), or without k, see <see cref="CountsChoices"/>. Not negative. Null: <see cref="Fixed"/> is used.
    /// The order of operations is Megatron-LM's; where the exact product is whole, a peer that multiplies by the factor first can differ by one.
    /// </summary>
    public double? Factor { get; init; }

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
    /// <returns>C, zero or more; computed in double precision and saturated at <see cref="int.MaxValue"/>.</returns>
    public int Of(int tokens, int experts, int k)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        double c = Fixed ?? Round((double)tokens * (CountsChoices ? k : 1) / experts * (Factor ?? 0));
        if (AtMostTokens) c = Math.Min(c, tokens);
        c = Math.Max(c, Minimum);
        if (Multiple > 1) c = Math.Ceiling(c / Multiple) * Multiple;
        return (int)Math.Min(c, int.MaxValue);
    }

    private double Round(double c) => Rounding switch
    {
        CapacityRounding.Ceiling => Math.Ceiling(c),
        CapacityRounding.Floor => Math.Floor(c),
        _ => Math.Round(c, MidpointRounding.ToEven),
    };

    internal void Check(SpecProblems problems, string path)
    {
        problems.Require(Factor is null != Fixed is null, $"{path}.factor", Factor, $"exactly one of factor and fixed ({(Fixed is { } f ? f.ToString(System.Globalization.CultureInfo.InvariantCulture) : "null")}) must be given");
        if (Factor is { } factor) problems.Require(double.IsFinite(factor) && factor >= 0, $"{path}.factor", factor, "must be finite and not negative");
        if (Fixed is { } fixedCapacity) problems.Require(fixedCapacity >= 0, $"{path}.fixed", fixedCapacity, "must not be negative");
        problems.RequireDefined(Rounding, $"{path}.rounding");
        problems.Require(Minimum >= 0, $"{path}.minimum", Minimum, "must not be negative");
        problems.RequirePositive(Multiple, $"{path}.multiple");
    }
}
