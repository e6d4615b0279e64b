namespace MoE.Benchmarks;

/// <summary>How far a value a may lie from its reference b in a tensor whose largest reference is m: |a - b| &lt;= Absolute + Relative |b| + OfLargest m.</summary>
public readonly record struct Tolerance(double Absolute, double Relative, double OfLargest = 0)
{
    /// <summary>Routing weights in single precision: the bound of the conformance suite.</summary>
    public static Tolerance RoutingWeights { get; } = new(2e-6, 2e-5);

    /// <summary>Layer outputs in single precision: the bound of the conformance suite.</summary>
    public static Tolerance Layer { get; } = new(1e-5, 1e-4);

    /// <summary>Training in single precision. A gradient is a sum over tokens whose terms cancel, so its error goes with the scale of the tensor and not with the single value.</summary>
    public static Tolerance Training { get; } = new(0, 0, 1e-5);

    /// <summary>Weights in bfloat16 (2^-9) and, with some contenders, products too.</summary>
    public static Tolerance Bfloat16 { get; } = new(0, 0, 0.03);

    /// <summary>8-bit weights and activations per block of 32: about 1 % each, and four times that in the tail.</summary>
    public static Tolerance Int8 { get; } = new(0, 0, 0.05);

    /// <summary>4-bit weights per block of 32: about 10 % on a layer's output for weights without structure, and four times that in the tail.</summary>
    public static Tolerance Int4 { get; } = new(0, 0, 0.4);

    /// <summary>The bound for a case.</summary>
    /// <exception cref="NotSupportedException">The type has no bound yet.</exception>
    public static Tolerance For(BenchCase @case)
    {
        ArgumentNullException.ThrowIfNull(@case);
        return (@case.Mode, @case.DType) switch
        {
            (BenchMode.Infer or BenchMode.Lora, "fp32") => Layer,
            (BenchMode.Infer, "bf16") => Bfloat16,
            (BenchMode.Infer, "int8") => Int8,
            (BenchMode.Infer, "int4" or "int4-zero") => Int4,
            (BenchMode.Train, "fp32") => Training,
            (BenchMode.Router, "fp32") => RoutingWeights,
            _ => throw new NotSupportedException($"{@case}: no tolerance is set for {@case.DType}"),
        };
    }

    /// <summary>The largest difference allowed for one value.</summary>
    public double Bound(double expected, double largest) => Absolute + Relative * Math.Abs(expected) + OfLargest * largest;
}
