using MoE.Onnx;

namespace MoE.Samples.Serving;

/// <summary>One engine that serves the layer.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Bytes">Of its files; null for an engine without.</param>
/// <param name="Against">Its comparison with the torch layer; null for that layer.</param>
/// <param name="Times">What it takes.</param>
/// <param name="Rounded">|y' - y| / |y| that its rounded weights cost; null: its weights are those of the layer, so that all its numbers must be.</param>
public sealed record ServedRow(string Name, long? Bytes, OnnxVerification? Against, CallerTimes Times, double? Rounded = null)
{
    /// <summary>As equal to the torch layer as it claims to be: routed alike, and with the layer's own weights also within tolerance.</summary>
    public bool Holds => Against is null || (Rounded is null ? Against.Passed : Against.Batches.All(static b => b.ClearlyDifferently == 0));
}
