using System.Text.Json.Serialization;

namespace MoE;

/// <summary>The second stage of a gate: scores to chosen experts. A closed family; each member is one rule of the literature.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind", UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization)]
[JsonDerivedType(typeof(TopKSelection), "top_k")]
[JsonDerivedType(typeof(AllSelection), "all")]
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

    internal override void Check(SpecProblems problems, string path, int experts)
    {
        problems.Require(K >= 1 && K <= experts, $"{path}.k", K, $"must be in 1..experts ({experts})");
        Groups?.Check(problems, path, experts, K);
        Later?.Check(problems, $"{path}.later", K);
    }
}

/// <summary>Every token takes every expert (a dense mixture).</summary>
public sealed record AllSelection : SelectSpec
{
    internal override void Check(SpecProblems problems, string path, int experts)
    {
    }
}
