namespace MoE.Conformance.Runner;

/// <summary>How far a number may be from the recorded one: |a - b| &lt;= Absolute + Relative |b|.</summary>
internal readonly record struct Tolerance(double Absolute, double Relative)
{
    /// <summary>Routing weights, scores, logits and losses in single precision.</summary>
    public static Tolerance Routing { get; } = new(2e-6, 2e-5);

    /// <summary>Layer outputs and gradients in single precision.</summary>
    public static Tolerance Layer { get; } = new(1e-5, 1e-4);

    /// <summary>Anything recorded in bfloat16. The floor is that of single precision: near zero, 2 per cent of a rounding error is not a bound.</summary>
    public static Tolerance BFloat16 { get; } = new(1e-5, 2e-2);

    /// <summary>Scores this near decide nothing.</summary>
    public const double Tie = 2e-6;

    /// <summary>The tolerance of an output.</summary>
    public static Tolerance Of(Quantity quantity, string type) =>
        type == "bfloat16" ? BFloat16 : quantity == Quantity.Output ? Layer : Routing;

    /// <summary>The tolerance of a gradient.</summary>
    public static Tolerance OfGradient(string type) => type == "bfloat16" ? BFloat16 : Layer;

    public double Bound(double recorded) => Absolute + Relative * Math.Abs(recorded);

    public override string ToString() => FormattableString.Invariant($"{Absolute:g} + {Relative:g} |b|");
}
