namespace MoE.Samples.Frame;

/// <summary>What a measured value is held against: a constant written before the run.</summary>
/// <param name="Low">The least value allowed; -infinity: no such limit.</param>
/// <param name="High">The largest value allowed; +infinity: no such limit.</param>
public readonly record struct Bound(double Low, double High)
{
    /// <summary>At least a value.</summary>
    public static Bound AtLeast(double value) => new(value, double.PositiveInfinity);

    /// <summary>At most a value.</summary>
    public static Bound AtMost(double value) => new(double.NegativeInfinity, value);

    /// <summary>Within a closed interval.</summary>
    public static Bound In(double low, double high) => new(low, high);

    /// <summary>The operator in the result file: one of <c>&gt;=</c>, <c>&lt;=</c>, <c>in</c>.</summary>
    public string Op => double.IsInfinity(High) ? ">=" : double.IsInfinity(Low) ? "<=" : "in";

    /// <summary>True if a value is allowed; NaN never is.</summary>
    public bool Allows(double value) => value >= Low && value <= High;

    /// <inheritdoc/>
    public override string ToString() => Op switch
    {
        ">=" => $">= {Low}",
        "<=" => $"<= {High}",
        _ => $"in [{Low}, {High}]",
    };
}
