namespace MoE;

/// <summary>
/// Rows of a batch in segments, one weight matrix per segment: row r of segment g stands for <c>y[Outputs[r]] += Scales[r] W_g x[Inputs[r]]</c>. Tokens sorted by expert are one case, typed edges of a graph another,
/// requests with an adapter each a third. Refers to the caller's memory.
/// </summary>
public readonly ref struct GroupedRows
{
    /// <summary>Describes rows.</summary>
    /// <param name="offsets">[G + 1]: segment g is rows offsets[g] .. offsets[g + 1] - 1; from zero, not falling.</param>
    /// <param name="inputs">[R]: which row of x each is; empty: its own number (no gather).</param>
    /// <param name="outputs">[R]: the row of y it is added to; empty: its own number (no scatter).</param>
    /// <param name="scales">[R]: a factor on the product; empty: one.</param>
    /// <exception cref="ArgumentException">The offsets do not start at zero or fall, or a length is not R.</exception>
    public GroupedRows(ReadOnlySpan<int> offsets, ReadOnlySpan<int> inputs = default, ReadOnlySpan<int> outputs = default, ReadOnlySpan<float> scales = default)
    {
        if (offsets.IsEmpty || offsets[0] != 0) throw new ArgumentException($"offsets {(offsets.IsEmpty ? "is empty" : $"starts with {offsets[0]}")}; must start with 0", nameof(offsets));
        for (int g = 1; g < offsets.Length; g++)
        {
            if (offsets[g] < offsets[g - 1]) throw new ArgumentException($"offsets[{g}] = {offsets[g]}; must not be less than offsets[{g - 1}] = {offsets[g - 1]}", nameof(offsets));
        }

        Count = offsets[^1];
        Length(inputs.Length, nameof(inputs));
        Length(outputs.Length, nameof(outputs));
        Length(scales.Length, nameof(scales));
        Offsets = offsets;
        Inputs = inputs;
        Outputs = outputs;
        Scales = scales;
    }

    /// <summary>R.</summary>
    public int Count { get; }

    /// <summary>G.</summary>
    public int Groups => Offsets.Length - 1;

    /// <summary>[G + 1].</summary>
    public ReadOnlySpan<int> Offsets { get; }

    /// <summary>[R], or empty.</summary>
    public ReadOnlySpan<int> Inputs { get; }

    /// <summary>[R], or empty.</summary>
    public ReadOnlySpan<int> Outputs { get; }

    /// <summary>[R], or empty.</summary>
    public ReadOnlySpan<float> Scales { get; }

    private void Length(int length, string name)
    {
        if (length != 0 && length != Count) throw new ArgumentException($"{name} has {length} values; must have {Count}, or none", name);
    }
}
