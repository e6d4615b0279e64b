using System.Text.Json.Serialization;

namespace MoE;

/// <summary>How the weights of a token's chosen experts are normalised.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<WeightNormalization>))]
public enum WeightNormalization
{
    /// <summary>Scores are the weights.</summary>
    None,

    /// <summary>Divided by their sum.</summary>
    Sum,

    /// <summary>Divided by their Lp norm (MegaBlocks, DBRX, OLMo-core).</summary>
    PNorm,
}

/// <summary>How <see cref="WeighSpec.Epsilon"/> guards the division.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<EpsilonRule>))]
public enum EpsilonRule
{
    /// <summary>Added to the sum (transformers and Megatron-LM: 1e-20).</summary>
    Add,

    /// <summary>The sum is at least this (llama.cpp: 6.1e-5).</summary>
    Floor,
}

/// <summary>The third stage of a gate: the scores of the chosen experts become weights.</summary>
public sealed record WeighSpec
{
    /// <summary>The normalisation.</summary>
    public WeightNormalization Normalization { get; init; } = WeightNormalization.None;

    /// <summary>Exponent of <see cref="WeightNormalization.PNorm"/>; at least 1.</summary>
    public double P { get; init; } = 2.0;

    /// <summary>Guard of the division, zero or more.</summary>
    public double Epsilon { get; init; }

    /// <summary>How the guard acts.</summary>
    public EpsilonRule EpsilonRule { get; init; } = EpsilonRule.Add;

    /// <summary>With k = 1 the single weight is normalised too (and is then constantly one, without a router gradient). Megatron-LM: false.</summary>
    public bool NormalizeSingle { get; init; } = true;

    /// <summary>Multiplies the weights last (<c>routed_scaling_factor</c>); finite.</summary>
    public double Scale { get; init; } = 1.0;

    /// <summary>Weights are the biased scores that chose, not the scores: a defect of transformers' ERNIE 4.5 in version 5.0.0.dev0. Needs a selection bias.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool BiasedWeights { get; init; }

    /// <summary>The last so many experts weigh nothing when they are chosen, before the weights are normalised (MoE++'s zero expert: the others of the token take its share). Not negative.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int WeightlessExperts { get; init; }

    /// <summary>The values of a soft top-k over all experts weigh instead of the scores, so that experts that were not chosen learn too (CoLT5's coordinate descent; st-moe <c>differentiable_topk</c>). Null: the scores.</summary>
    public CoordinateDescentSpec? SoftTopK { get; init; }

    internal void Check(SpecProblems problems, string path)
    {
        problems.RequireDefined(Normalization, $"{path}.normalization");
        problems.RequireDefined(EpsilonRule, $"{path}.epsilon_rule");
        problems.Require(double.IsFinite(P) && P >= 1, $"{path}.p", P, "must be finite and at least 1");
        problems.Require(double.IsFinite(Epsilon) && Epsilon >= 0, $"{path}.epsilon", Epsilon, "must be finite and not negative");
        problems.Require(WeightlessExperts >= 0, $"{path}.weightless_experts", WeightlessExperts, "must not be negative");
        SoftTopK?.Check(problems, $"{path}.soft_top_k");
        problems.Require(double.IsFinite(Scale), $"{path}.scale", Scale, "must be finite");
    }
}
