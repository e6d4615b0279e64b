namespace MoE;

/// <summary>A weight for every token and expert [T, E], or for every token, expert and slot [T, E, S] (soft MoE).</summary>
public sealed class DenseRouting : Routing
{
    private readonly float[] _weights;
    private readonly float[] _dispatch;

    /// <summary>Makes a routing. The arrays are kept, not copied; the caller no longer writes to them.</summary>
    /// <param name="tokens">T, zero or more.</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="slots">S, positive; 1 without slots.</param>
    /// <param name="weights">Combine weights [T, E, S], finite.</param>
    /// <param name="dispatch">Dispatch weights [T, E, S] where they differ from the combine weights (soft MoE), or null.</param>
    /// <param name="scores">[T, E] or null.</param>
    /// <exception cref="ArgumentException">A length or value breaks these rules.</exception>
    public DenseRouting(int tokens, int experts, int slots, float[] weights, float[]? dispatch = null, float[]? scores = null)
        : base(tokens, experts, scores)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(slots);
        Check(weights, nameof(weights), slots);
        if (dispatch is not null) Check(dispatch, nameof(dispatch), slots);
        Slots = slots;
        _weights = weights;
        _dispatch = dispatch ?? weights;
    }

    /// <inheritdoc/>
    public override RoutingKind Kind => RoutingKind.Dense;

    /// <summary>S.</summary>
    public int Slots { get; }

    /// <summary>Combine weights, [T, E, S].</summary>
    public ReadOnlySpan<float> Weights => _weights;

    /// <summary>Dispatch weights, [T, E, S].</summary>
    public ReadOnlySpan<float> DispatchWeights => _dispatch;

    /// <inheritdoc/>
    public override int RouteCount => checked(TokenCount * ExpertCount);

    /// <inheritdoc/>
    public override void CopyDenseWeights(Span<float> weights)
    {
        CheckDense(weights);
        for (int i = 0; i < weights.Length; i++)
        {
            float sum = 0;
            foreach (float w in _weights.AsSpan(i * Slots, Slots)) sum += w;
            weights[i] = sum;
        }
    }

    /// <summary>Number of tokens with a non-zero weight for each expert, [E].</summary>
    public override int[] Load()
    {
        var load = new int[ExpertCount];
        for (int i = 0; i < RouteCount; i++)
        {
            if (_weights.AsSpan(i * Slots, Slots).ContainsAnyExcept(0f)) load[i % ExpertCount]++;
        }

        return load;
    }

    private void Check(float[] values, string name, int slots)
    {
        ArgumentNullException.ThrowIfNull(values, name);
        if (values.Length != (long)TokenCount * ExpertCount * slots)
            throw new ArgumentException($"{name} has {values.Length} values; must be tokens x experts x slots ({TokenCount} x {ExpertCount} x {slots})", name);
        int bad = Array.FindIndex(values, static v => !float.IsFinite(v));
        if (bad >= 0) throw new ArgumentException($"{name}[{bad}] = {values[bad]}: must be finite", name);
    }
}
