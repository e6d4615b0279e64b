namespace MoE;

/// <summary>
/// Which experts see which token, with what weight: an immutable host value that no engine owns. Statistics, logs, replay and comparison are functions of it.
/// A route is one (token, choice) pair; routes are numbered in token order, choices of a token in descending order of their selection score.
/// </summary>
public abstract class Routing
{
    private readonly float[] _scores;

    private protected Routing(int tokens, int experts, float[]? scores)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        if (scores is not null && scores.Length != (long)tokens * experts)
            throw new ArgumentException($"scores has {scores.Length} values; must be tokens x experts ({tokens} x {experts})", nameof(scores));
        TokenCount = tokens;
        ExpertCount = experts;
        _scores = scores ?? [];
    }

    /// <summary>The form.</summary>
    public abstract RoutingKind Kind { get; }

    /// <summary>T.</summary>
    public int TokenCount { get; }

    /// <summary>E.</summary>
    public int ExpertCount { get; }

    /// <summary>Scores of all experts [T, E] before bias and groups, where they were asked for; otherwise empty.</summary>
    public ReadOnlySpan<float> Scores => _scores;

    /// <summary>Number of routes, kept, dropped and empty ones (masked tokens) alike.</summary>
    public abstract int RouteCount { get; }

    /// <summary>Writes the weight of every (token, expert) pair; zero where no route was kept.</summary>
    /// <param name="weights">[T, E], overwritten.</param>
    /// <exception cref="ArgumentException">The length is not T x E.</exception>
    public abstract void CopyDenseWeights(Span<float> weights);

    /// <summary>The weights as [T, E].</summary>
    public float[] ToDenseWeights()
    {
        var weights = new float[checked(TokenCount * ExpertCount)];
        CopyDenseWeights(weights);
        return weights;
    }

    /// <summary>Number of kept routes of each expert, [E].</summary>
    public abstract int[] Load();

    private protected void CheckDense(Span<float> weights)
    {
        if (weights.Length != (long)TokenCount * ExpertCount)
            throw new ArgumentException($"weights has {weights.Length} values; must be tokens x experts ({TokenCount} x {ExpertCount})", nameof(weights));
    }
}
