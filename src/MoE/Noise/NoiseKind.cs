using System.Text.Json.Serialization;

namespace MoE;

/// <summary>Distributions that gates draw from.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<NoiseKind>))]
public enum NoiseKind
{
    /// <summary>U[0, 1).</summary>
    Uniform,

    /// <summary>N(0, 1).</summary>
    Normal,

    /// <summary>Gumbel(0, 1): -ln(-ln U).</summary>
    Gumbel,

    /// <summary>Exp(1): -ln U.</summary>
    Exponential,
}
