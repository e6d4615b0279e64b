namespace MoE;

/// <summary>A merge of adapters into one, as data.</summary>
public sealed record LoraMergeSpec
{
    /// <summary>The rule.</summary>
    public LoraMergeKind Kind { get; init; } = LoraMergeKind.Linear;

    /// <summary>Share of the values that is kept, above 0 and up to 1, for the rules that prune.</summary>
    public double Density { get; init; } = 0.5;

    /// <summary>The sign of a value is elected by the number of adapters; otherwise by the sum of their values.</summary>
    public bool SignByCount { get; init; }

    /// <summary>The rule acts on the weight changes B A instead of on the factors, and the result is cut to this rank by singular values; null: on the factors. Not with concatenation.</summary>
    public int? SvdRank { get; init; }

    /// <summary>All problems of this spec; empty if it can be used.</summary>
    public IReadOnlyList<SpecProblem> Validate()
    {
        var problems = new SpecProblems();
        problems.RequireDefined(Kind, "kind");
        problems.Require(Density > 0 && Density <= 1, "density", Density, "must be above 0 and at most 1");
        if (SvdRank is { } rank) problems.RequirePositive(rank, "svd_rank");
        problems.Require(SvdRank is null || Kind != LoraMergeKind.Concatenate, "svd_rank", SvdRank, "must be null with concatenation, which is exact");
        return problems.Found;
    }

    /// <summary>This spec, or an exception with all its problems.</summary>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public LoraMergeSpec Checked()
    {
        SpecException.ThrowIfAny(Validate());
        return this;
    }
}
