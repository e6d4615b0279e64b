namespace MoE.Onnx;

/// <summary>How far two engines' outputs may lie apart. A number is within if its difference is at most <c>Absolute + Relative |expected|</c>, or at most <c>Terms</c> times the sum of the magnitudes of the products it is made of.</summary>
/// <param name="Absolute">Not negative.</param>
/// <param name="Relative">Not negative.</param>
/// <param name="Terms">Not negative: what rounding may do where large terms cancel.</param>
public sealed record OnnxTolerance(double Absolute, double Relative, double Terms)
{
    /// <summary>Engines that hold and multiply the same numbers in single precision: the tolerance of the conformance suite, and 32 roundings of the terms.</summary>
    public static OnnxTolerance Single { get; } = new(1e-5, 1e-4, 32 / (double)(1 << 24));

    /// <summary>One of them rounds activations to 8 bits, with a scale for every 32: the largest of a block is off by 1/254, its neighbours by as much, which a block of one large number makes the error of all.</summary>
    public static OnnxTolerance RoundedActivations { get; } = new(1e-5, 1e-4, 0.03);

    internal double Of(double expected, double terms, double routing) =>
        Math.Max(Absolute + (Relative * Math.Abs(expected)), Terms * terms) + (routing * terms);
}
