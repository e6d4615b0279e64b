namespace MoE;

/// <summary>K choices for every token: experts and weights are [T, K].</summary>
public sealed class TopKRouting : SparseRouting
{
    /// <summary>Makes a routing. The arrays are kept, not copied; the caller no longer writes to them.</summary>
    /// <param name="tokens">T, zero or more.</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="choices">K, positive.</param>
    /// <param name="expertIds">[T, K], each -1 or in 0..E-1.</param>
    /// <param name="weights">[T, K], finite.</param>
    /// <param name="plan">The dispatch plan; null: dropless.</param>
    /// <param name="scores">[T, E] or null.</param>
    /// <exception cref="ArgumentException">A length or value breaks these rules.</exception>
    public TopKRouting(int tokens, int experts, int choices, int[] expertIds, float[] weights, ExpertPlan? plan = null, float[]? scores = null)
        : base(tokens, experts, expertIds, weights, plan, scores)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(choices);
        if (expertIds.Length != (long)tokens * choices)
            throw new ArgumentException($"expertIds has {expertIds.Length} values; must be tokens x choices ({tokens} x {choices})", nameof(expertIds));
        Choices = choices;
    }

    /// <inheritdoc/>
    public override RoutingKind Kind => RoutingKind.TopK;

    /// <summary>K.</summary>
    public int Choices { get; }

    /// <inheritdoc/>
    public override int TokenOf(int route) => route / Choices;
}
