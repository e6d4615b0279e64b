namespace MoE;

/// <summary>The stacked weights of E experts in the caller's memory, row-major.</summary>
public readonly ref struct ExpertTensors
{
    /// <summary>[E, F, D]; empty for experts without a gate.</summary>
    public ReadOnlySpan<float> Gate { get; init; }

    /// <summary>[E, F, D].</summary>
    public ReadOnlySpan<float> Up { get; init; }

    /// <summary>[E, D, F].</summary>
    public ReadOnlySpan<float> Down { get; init; }

    /// <summary>[E, F], or empty.</summary>
    public ReadOnlySpan<float> GateBias { get; init; }

    /// <summary>[E, F], or empty.</summary>
    public ReadOnlySpan<float> UpBias { get; init; }

    /// <summary>[E, D], or empty.</summary>
    public ReadOnlySpan<float> DownBias { get; init; }
}
