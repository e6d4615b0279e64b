namespace MoE.Conformance.Runner;

/// <summary>How far a number a may be from the recorded b: max(Absolute + Relative |b|, Scaled m), m being the largest recorded magnitude of the tensor.</summary>
/// <param name="Absolute">The floor.</param>
/// <param name="Relative">Share of the number itself.</param>
/// <param name="Scaled">Share of the tensor's largest number.</param>
/// <param name="Norm">If positive, the Euclidean norm of all differences may also be at most this share of that of the recorded numbers (and the floor).</param>
internal readonly record struct Tolerance(double Absolute, double Relative, double Scaled = 0, double Norm = 0)
{
    /// <summary>Scores this near decide nothing.</summary>
    public const double Tie = 2e-6;

    /// <summary>Routing weights, scores, logits and losses in single precision.</summary>
    public static Tolerance Routing { get; } = new(2e-6, 2e-5);

    /// <summary>Layer outputs and gradients in single precision.</summary>
    public static Tolerance Layer { get; } = new(1e-5, 1e-4);

    /// <summary>The same where activations are in the thousands: a sum that cancels keeps the rounding of its terms, so the floor grows with them. Never above 1e-4 of the largest number.</summary>
    public static Tolerance LargeLayer { get; } = Layer with { Scaled = 1e-5 };

    /// <summary>Routing weights, scores and logits in bfloat16, number by number.</summary>
    public static Tolerance BFloat16Routing { get; } = new(1e-5, 2e-2);

    /// <summary>
    /// Layer outputs and gradients in bfloat16. The peers round every intermediate, and a sum that cancels keeps the rounding of its terms: where the exact sum is small, what they record is not (or is zero).
    /// So 2 per cent is taken of the tensor, in two norms: no number off by more than 2 per cent of the largest, nor all together by more than 2 per cent.
    /// </summary>
    public static Tolerance BFloat16Layer { get; } = new(1e-5, 2e-2, Scaled: 2e-2, Norm: 2e-2);

    /// <summary>The tolerance of an output.</summary>
    public static Tolerance Of(Quantity quantity, string type, string caseName) =>
        quantity == Quantity.Output ? OfGradient(type, caseName) : type == "bfloat16" ? BFloat16Routing : Routing;

    /// <summary>The tolerance of a gradient, or of a layer's output.</summary>
    public static Tolerance OfGradient(string type, string caseName) => type == "bfloat16" ? BFloat16Layer : IsLarge(caseName) ? LargeLayer : Layer;

    public double Bound(double recorded, double largest) => Math.Max(Absolute + Relative * Math.Abs(recorded), Scaled * largest);

    /// <summary>The cases that are named for their big activations.</summary>
    private static bool IsLarge(string caseName) => caseName.Split('_').Any(static word => word is "sat" or "large" or "clamp");
}
