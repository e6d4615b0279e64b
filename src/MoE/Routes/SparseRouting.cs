namespace MoE;

/// <summary>A routing with a list of routes: <see cref="TopKRouting"/> or <see cref="RaggedRouting"/>.</summary>
public abstract class SparseRouting : Routing
{
    private readonly int[] _experts;
    private readonly float[] _weights;

    private protected SparseRouting(int tokens, int experts, int[] expertIds, float[] weights, ExpertPlan? plan, float[]? scores)
        : base(tokens, experts, scores)
    {
        ArgumentNullException.ThrowIfNull(expertIds);
        ArgumentNullException.ThrowIfNull(weights);
        if (weights.Length != expertIds.Length)
            throw new ArgumentException($"weights has {weights.Length} values; must be as many as expertIds ({expertIds.Length})", nameof(weights));
        for (int r = 0; r < expertIds.Length; r++)
        {
            if (expertIds[r] < -1 || expertIds[r] >= experts)
                throw new ArgumentException($"expertIds[{r}] = {expertIds[r]}: must be -1 (none) or in 0..{experts - 1}", nameof(expertIds));
            if (!float.IsFinite(weights[r]))
                throw new ArgumentException($"weights[{r}] = {weights[r]}: must be finite", nameof(weights));
        }

        if (plan is not null && (plan.Positions.Length != expertIds.Length || plan.Offsets.Length != experts + 1))
            throw new ArgumentException($"plan is of {plan.Positions.Length} routes and {plan.Offsets.Length - 1} experts; must be of {expertIds.Length} and {experts}", nameof(plan));
        _experts = expertIds;
        _weights = weights;
        Plan = plan ?? ExpertPlan.Dropless(expertIds, experts);
    }

    /// <summary>The chosen expert of every route, or -1 where the token has none (masked token, or fewer experts than choices).</summary>
    public ReadOnlySpan<int> ExpertIds => _experts;

    /// <summary>The weight of every route; zero for empty and dropped routes.</summary>
    public ReadOnlySpan<float> Weights => _weights;

    /// <summary>The routes sorted by expert, and what was dropped.</summary>
    public ExpertPlan Plan { get; }

    /// <inheritdoc/>
    public override int RouteCount => _experts.Length;

    /// <inheritdoc/>
    public override int[] Load()
    {
        var load = new int[ExpertCount];
        for (int e = 0; e < load.Length; e++) load[e] = Plan.Offsets[e + 1] - Plan.Offsets[e];
        return load;
    }

    /// <summary>The token of a route.</summary>
    /// <param name="route">0..<see cref="Routing.RouteCount"/> - 1.</param>
    public abstract int TokenOf(int route);

    /// <inheritdoc/>
    public override void CopyDenseWeights(Span<float> weights)
    {
        CheckDense(weights);
        weights.Clear();
        foreach (int route in Plan.Permutation)
            weights[TokenOf(route) * ExpertCount + _experts[route]] += _weights[route];
    }
}
