namespace MoE.Onnx;

/// <summary>How engines are compared.</summary>
public sealed record OnnxVerifyOptions
{
    /// <summary>Draws the inputs.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>T of the largest batch, positive.</summary>
    public int Tokens { get; init; } = 64;

    /// <summary>[n, D]: tokens of the user's own, compared as a batch of their own; empty: none.</summary>
    public ReadOnlyMemory<float> Given { get; init; }

    /// <summary>What may differ.</summary>
    public OnnxTolerance Tolerance { get; init; } = OnnxTolerance.Single;
}
