namespace MoE.Onnx;

/// <summary>
/// How far two engines' outputs may lie apart. A number is within if its difference is at most the largest of <c>Absolute + Relative |expected|</c>, <c>Terms</c> times the sum of the magnitudes of the products that it is made of, and <c>Norm</c>
/// times the root of the sum of their squares, which is what they come to where their signs are random.
/// </summary>
/// <param name="Absolute">Not negative.</param>
/// <param name="Relative">Not negative.</param>
/// <param name="Terms">Not negative: what rounding may do where large terms cancel.</param>
/// <param name="Norm">Not negative: what errors of the factors themselves may do.</param>
public sealed record OnnxTolerance(double Absolute, double Relative, double Terms, double Norm)
{
    // A weight that is off takes its expert's output with it, which is within some norms of its products.
    private const double OutputsInNorms = 4;

    private const double Roundings = 4 / (double)(1 << 24);

    /// <summary>Engines that hold and multiply the same numbers in single precision: the tolerance of the conformance suite, and four roundings of the terms.</summary>
    public static OnnxTolerance Single { get; } = new(1e-5, 1e-4, Roundings, 0);

    /// <summary>One of them rounds activations to 8 bits with a scale for every 32: each is off by up to 1/254 of the largest of its block, which comes to about 1 % of a layer's output (root mean square) and several times that in the tail.</summary>
    public static OnnxTolerance RoundedActivations { get; } = new(1e-5, 1e-4, Roundings, 0.1);

    internal double Of(double expected, double terms, double norm, double weightError) =>
        Math.Max(Absolute + (Relative * Math.Abs(expected)), Math.Max(Terms * terms, Norm * norm)) + (weightError * OutputsInNorms * norm);
}
