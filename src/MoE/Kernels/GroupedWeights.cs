namespace MoE;

/// <summary>One weight matrix per segment of <see cref="GroupedRows"/>, one behind the other. Refers to the caller's memory.</summary>
public readonly ref struct GroupedWeights
{
    /// <summary>Describes weights.</summary>
    /// <param name="values">[G, N, K] or [G, K, N], row-major.</param>
    /// <param name="groups">G, positive.</param>
    /// <param name="outputs">N, positive.</param>
    /// <param name="inputs">K, positive.</param>
    /// <param name="layout">Which of the two.</param>
    /// <exception cref="ArgumentException">The number of values is not G N K.</exception>
    public GroupedWeights(ReadOnlySpan<float> values, int groups, int outputs, int inputs, WeightLayout layout = WeightLayout.OutputsByInputs)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(groups);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        if (values.Length != (long)groups * outputs * inputs) throw new ArgumentException($"values has {values.Length} numbers; must have {groups} x {outputs} x {inputs} = {(long)groups * outputs * inputs}", nameof(values));
        if (!Enum.IsDefined(layout)) throw new ArgumentOutOfRangeException(nameof(layout), layout, "must be a defined layout");
        Values = values;
        Groups = groups;
        Outputs = outputs;
        Inputs = inputs;
        Layout = layout;
    }

    /// <summary>G matrices.</summary>
    public ReadOnlySpan<float> Values { get; }

    /// <summary>G.</summary>
    public int Groups { get; }

    /// <summary>N.</summary>
    public int Outputs { get; }

    /// <summary>K.</summary>
    public int Inputs { get; }

    /// <summary>How each lies in memory.</summary>
    public WeightLayout Layout { get; }
}
