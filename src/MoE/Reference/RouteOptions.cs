namespace MoE;

/// <summary>What a router may be given beside the logits; an empty span means not given.</summary>
public readonly ref struct RouteOptions
{
    /// <summary>[E]: added to the scores for the choice only; needed exactly when the spec uses it.</summary>
    public ReadOnlySpan<float> SelectionBias { get; init; }

    /// <summary>[T]: true for padding.</summary>
    public ReadOnlySpan<bool> Padding { get; init; }

    /// <summary>[E]: true for an expert that may not be chosen.</summary>
    public ReadOnlySpan<bool> ClosedExperts { get; init; }

    /// <summary>[T, K]: the experts to take instead of choosing, -1 for none.</summary>
    public ReadOnlySpan<int> GivenExperts { get; init; }

    /// <summary>Tokens per sequence, for what is counted sequence by sequence; divides T. 0: the whole batch is one sequence.</summary>
    public int SequenceLength { get; init; }

    /// <summary>Where random numbers come from; null: a spec that needs them refuses.</summary>
    public INoiseSource? Noise { get; init; }

    /// <summary>First part of the names of draws; null: <see cref="NoiseNames.DefaultScope"/>.</summary>
    public string? NoiseScope { get; init; }

    /// <summary>Training step.</summary>
    public long Step { get; init; }

    /// <summary>Training rather than evaluation.</summary>
    public bool Training { get; init; }

    /// <summary>Keep the scores of all experts in the routing.</summary>
    public bool KeepScores { get; init; }

    /// <summary>Do not look for NaN and infinities first. Such logits then give an unspecified routing, or an exception from its construction.</summary>
    public bool SkipLogitCheck { get; init; }
}
