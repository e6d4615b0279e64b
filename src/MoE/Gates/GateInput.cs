namespace MoE;

/// <summary>What the gates of the literature see. Only <see cref="Tokens"/> is always there; an empty span means not given.</summary>
public readonly ref struct GateInput
{
    /// <summary>A batch of tokens.</summary>
    /// <param name="tokens">[T, D], row-major.</param>
    /// <param name="width">D, positive.</param>
    /// <exception cref="ArgumentException">The length is no multiple of D.</exception>
    public GateInput(ReadOnlySpan<float> tokens, int width)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (tokens.Length % width != 0)
            throw new ArgumentException($"tokens has {tokens.Length} values; must be a multiple of width ({width})", nameof(tokens));
        Tokens = tokens;
        Width = width;
    }

    /// <summary>The experts' input, [T, D].</summary>
    public ReadOnlySpan<float> Tokens { get; }

    /// <summary>D.</summary>
    public int Width { get; }

    /// <summary>T.</summary>
    public int TokenCount => Width == 0 ? 0 : Tokens.Length / Width;

    /// <summary>What the scorer looks at where it differs from the experts' input, [T, Ds]; its width is its length / T.</summary>
    public ReadOnlySpan<float> Selector { get; init; }

    /// <summary>[T]: true for padding. A padded token goes to no expert and uses no capacity.</summary>
    public ReadOnlySpan<bool> Padding { get; init; }

    /// <summary>[E]: true for an expert that may not be chosen.</summary>
    public ReadOnlySpan<bool> ClosedExperts { get; init; }

    /// <summary>[T, K]: the experts to take instead of choosing (replay); weights come from the live scores.</summary>
    public ReadOnlySpan<int> GivenExperts { get; init; }

    /// <summary>[T]: vocabulary ids, for hash gates.</summary>
    public ReadOnlySpan<int> TokenIds { get; init; }

    /// <summary>[T]: task ids, for task gates.</summary>
    public ReadOnlySpan<int> TaskIds { get; init; }

    /// <summary>[T]: type ids, for typed gates.</summary>
    public ReadOnlySpan<int> TypeIds { get; init; }

    /// <summary>Training step.</summary>
    public long Step { get; init; }

    /// <summary>Training rather than evaluation.</summary>
    public bool Training { get; init; }

    /// <summary>Where random numbers come from; null: a gate that needs them refuses.</summary>
    public INoiseSource? Noise { get; init; }

    /// <summary>The gate's place in the model, the first part of the names of its draws; null: <see cref="NoiseNames.DefaultScope"/>.</summary>
    public string? NoiseScope { get; init; }

    /// <summary>Tokens per sequence, for what is counted sequence by sequence; divides T. 0: the whole batch is one sequence.</summary>
    public int SequenceLength { get; init; }
}
