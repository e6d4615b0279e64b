using System.Text.Json.Serialization;

namespace MoE;

/// <summary>The second stage of a gate: scores to chosen experts. A closed family; each member is one rule of the literature.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind", UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization)]
[JsonDerivedType(typeof(TopKSelection), "top_k")]
[JsonDerivedType(typeof(AllSelection), "all")]
[JsonDerivedType(typeof(TopPSelection), "top_p")]
[JsonDerivedType(typeof(ThresholdSelection), "threshold")]
[JsonDerivedType(typeof(ExpertChoiceSelection), "expert_choice")]
[JsonDerivedType(typeof(SparseMixerSelection), "sparse_mixer")]
[JsonDerivedType(typeof(PrototypeSelection), "prototypes")]
[JsonDerivedType(typeof(RaceSelection), "race")]
public abstract record SelectSpec
{
    private protected SelectSpec()
    {
    }

    internal abstract void Check(SpecProblems problems, string path, int experts);
}

/// <summary>Each token takes its k best experts, optionally only from its best groups of experts.</summary>
public sealed record TopKSelection : SelectSpec
{
    /// <summary>Experts per token, 1..E.</summary>
    public required int K { get; init; }

    /// <summary>Restricts the choice to the best groups (DeepSeek); null: all experts compete.</summary>
    public GroupLimit? Groups { get; init; }

    /// <summary>A per-expert bias is added to the scores for the choice only; weights never see it (DeepSeek-V3).</summary>
    public bool UsesBias { get; init; }

    /// <summary>Which of the choices behind the first are routed; null: all of them.</summary>
    public LaterChoices? Later { get; init; }

    /// <summary>In training, the choice is made on scores that are balanced over the batch first; null: on the scores themselves. Weights never see it.</summary>
    public BatchBalance? Balance { get; init; }

    internal override void Check(SpecProblems problems, string path, int experts)
    {
        problems.Require(K >= 1 && K <= experts, $"{path}.k", K, $"must be in 1..experts ({experts})");
        Groups?.Check(problems, path, experts, K);
        Later?.Check(problems, $"{path}.later", K);
        if (Balance is null) return;
        Balance.Check(problems, $"{path}.balance", K);
        problems.Require(Groups is null && !UsesBias, $"{path}.balance", Balance.Method, "is made for a choice without groups and bias");
    }
}

/// <summary>Every token takes every expert (a dense mixture).</summary>
public sealed record AllSelection : SelectSpec
{
    internal override void Check(SpecProblems problems, string path, int experts)
    {
    }
}

/// <summary>
/// Each token takes its best experts until their scores sum to more than p, the one that passes p included: at least one, and all where the sum never passes p (Huang et al. 2024, Dynamic_MoE).
/// Routings have E choices per token, best first, and -1 behind the last one taken.
/// </summary>
public sealed record TopPSelection : SelectSpec
{
    /// <summary>The mass p, zero or more; from 1 on every expert is taken (up to rounding).</summary>
    public required double P { get; init; }

    internal override void Check(SpecProblems problems, string path, int experts) =>
        problems.Require(double.IsFinite(P) && P >= 0, $"{path}.p", P, "must be finite and not negative");
}

/// <summary>
/// Each token takes every expert whose score is above a threshold, possibly none (ReMoE with <see cref="ScoreFunction.Relu"/> and zero). Routings have E choices per token in the order of the experts, -1 where not taken.
/// </summary>
public sealed record ThresholdSelection : SelectSpec
{
    /// <summary>The score must be greater; finite.</summary>
    public double Threshold { get; init; }

    /// <summary>A token without any score above the threshold takes its best expert.</summary>
    public bool AtLeastOne { get; init; }

    internal override void Check(SpecProblems problems, string path, int experts) =>
        problems.Require(double.IsFinite(Threshold), $"{path}.threshold", Threshold, "must be finite");
}

/// <summary>
/// Each expert takes its best C tokens (Zhou et al. 2022), C being <see cref="DispatchSpec.Capacity"/>: the experts are balanced by construction, a token may be taken by none, and a later token can take an
/// earlier one's place, so that the rule leaks the future where tokens are predicted one by one (<see cref="Causality"/>). Routings have E choices per token in the order of the experts, -1 where not taken;
/// the position of a route is its rank in the expert's choice.
/// </summary>
public sealed record ExpertChoiceSelection : SelectSpec
{
    /// <summary>Scores are softmaxes over the tokens of a sequence instead of the experts (Mesh TensorFlow); the score function must be softmax.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool OverTokens { get; init; }

    /// <summary>A token's weights are divided by the number of experts that took it (Mesh TensorFlow).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool DividesByCount { get; init; }

    internal override void Check(SpecProblems problems, string path, int experts)
    {
    }
}

/// <summary>
/// SparseMixer-v2 (Liu et al. 2023; PhiMoE): experts are taken one after the other. In each stage, experts whose logit is too far below the best are masked, (max - l) / max(|l|, max) > 2 jitter; one of the rest is taken:
/// the best, in training a sample of their softmax; and it weighs its own probability among them. In training a sample that is not the best weighs a third of it three times in four, so that the gradient, which sees the whole
/// weight, is that of Heun's third-order method. Weights do not sum to one. The draws are <see cref="NoiseNames.Sample"/> and <see cref="NoiseNames.Heun"/>, one of each per stage.
/// </summary>
public sealed record SparseMixerSelection : SelectSpec
{
    /// <summary>Experts per token, 1..E.</summary>
    public int K { get; init; } = 2;

    /// <summary>How far below the best an expert may be, not negative. PhiMoE: 0.01.</summary>
    public double Jitter { get; init; } = 0.01;

    internal override void Check(SpecProblems problems, string path, int experts)
    {
        problems.Require(K >= 1 && K <= experts, $"{path}.k", K, $"must be in 1..experts ({experts})");
        problems.Require(double.IsFinite(Jitter) && Jitter >= 0, $"{path}.jitter", Jitter, "must be finite and not negative");
    }
}

/// <summary>Experts lie in blocks of equal size (prototypes), each with a softmax of its own, and each token takes the best of every block (M6-T, Yang et al. 2021; Hetu <c>KTop1Gate</c>).</summary>
public sealed record PrototypeSelection : SelectSpec
{
    /// <summary>Blocks, and experts per token; positive, divides E.</summary>
    public required int Count { get; init; }

    internal override void Check(SpecProblems problems, string path, int experts)
    {
        problems.RequirePositive(Count, $"{path}.count");
        if (Count > 0 && experts > 0) problems.Require(experts % Count == 0, $"{path}.count", Count, $"must divide experts ({experts})");
    }
}

/// <summary>
/// All pairs of a token and an expert in a batch compete (in a sequence: <see cref="DispatchSpec.PerSequence"/>), and the best k N of them are routed, N being the number of tokens without padding (Yuan et al. 2025, "Expert
/// Race", arXiv 2503.16057): tokens take as many experts as they are worth, possibly none, at k in the mean. Scores of different tokens are compared, so a softmax over experts says less than a sigmoid or the logit itself. A later token can take an earlier one's place, so that the rule
/// leaks the future (<see cref="Causality"/>); the authors choose by a running threshold in evaluation, which is <see cref="ThresholdSelection"/>.
/// Routings have E choices per token in the order of the experts, -1 where not taken.
/// </summary>
public sealed record RaceSelection : SelectSpec
{
    /// <summary>k, experts per token in the mean, 1..E.</summary>
    public required int PerToken { get; init; }

    internal override void Check(SpecProblems problems, string path, int experts) =>
        problems.Require(PerToken >= 1 && PerToken <= experts, $"{path}.per_token", PerToken, $"must be in 1..experts ({experts})");
}
