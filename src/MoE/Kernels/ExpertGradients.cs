namespace MoE;

/// <summary>Where the gradients of <see cref="ExpertTraining"/> go, in the caller's memory: overwritten. Empty: not wanted.</summary>
public readonly ref struct ExpertGradients
{
    /// <summary>[T, D], of the input.</summary>
    public Span<float> Input { get; init; }

    /// <summary>[R], of the scales of the rows.</summary>
    public Span<float> Scales { get; init; }

    /// <summary>[E, F, D].</summary>
    public Span<float> Gate { get; init; }

    /// <summary>[E, F, D].</summary>
    public Span<float> Up { get; init; }

    /// <summary>[E, D, F].</summary>
    public Span<float> Down { get; init; }

    /// <summary>[E, F].</summary>
    public Span<float> GateBias { get; init; }

    /// <summary>[E, F].</summary>
    public Span<float> UpBias { get; init; }

    /// <summary>[E, D].</summary>
    public Span<float> DownBias { get; init; }
}
