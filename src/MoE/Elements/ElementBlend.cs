namespace MoE;

/// <summary>What an element gate does with its values: the blends of the literature, element by element. An element gate is no <see cref="Routing"/>: it scales, it does not choose.</summary>
public static class ElementBlend
{
    /// <summary>g * a + (1 - g) * b: GRU-style blends, PGN. With g = 1 exactly a, with g = 0 exactly b.</summary>
    /// <param name="gate">g, any length n; usually in 0..1.</param>
    /// <param name="whenOpen">a, [n].</param>
    /// <param name="whenClosed">b, [n].</param>
    /// <param name="destination">[n], overwritten; may be one of the inputs.</param>
    /// <exception cref="ArgumentException">A length differs from the gate's.</exception>
    public static void Convex(ReadOnlySpan<float> gate, ReadOnlySpan<float> whenOpen, ReadOnlySpan<float> whenClosed, Span<float> destination)
    {
        Guard(gate.Length, whenOpen.Length, nameof(whenOpen));
        Guard(gate.Length, whenClosed.Length, nameof(whenClosed));
        Guard(gate.Length, destination.Length, nameof(destination));
        for (int i = 0; i < gate.Length; i++)
        {
            float g = gate[i];
            // The end points by themselves: an infinite closed branch must not leak through an open gate.
            destination[i] = g == 1 ? whenOpen[i] : g == 0 ? whenClosed[i] : g * whenOpen[i] + (1 - g) * whenClosed[i];
        }
    }

    /// <summary>g * x: GLU, squeeze-excite, receptance.</summary>
    /// <param name="gate">g, any length n.</param>
    /// <param name="values">x, [n].</param>
    /// <param name="destination">[n], overwritten; may be one of the inputs.</param>
    /// <exception cref="ArgumentException">A length differs from the gate's.</exception>
    public static void Multiply(ReadOnlySpan<float> gate, ReadOnlySpan<float> values, Span<float> destination)
    {
        Guard(gate.Length, values.Length, nameof(values));
        Guard(gate.Length, destination.Length, nameof(destination));
        for (int i = 0; i < gate.Length; i++) destination[i] = gate[i] * values[i];
    }

    /// <summary>x + g * z: the zero-initialised residual of LLaMA-Adapter and ImageBind-LLM. With g = 0 exactly x.</summary>
    /// <param name="values">x, any length n.</param>
    /// <param name="gate">g, [n].</param>
    /// <param name="branch">z, [n].</param>
    /// <param name="destination">[n], overwritten; may be one of the inputs.</param>
    /// <exception cref="ArgumentException">A length differs from that of x.</exception>
    public static void Residual(ReadOnlySpan<float> values, ReadOnlySpan<float> gate, ReadOnlySpan<float> branch, Span<float> destination)
    {
        Guard(values.Length, gate.Length, nameof(gate));
        Guard(values.Length, branch.Length, nameof(branch));
        Guard(values.Length, destination.Length, nameof(destination));
        for (int i = 0; i < values.Length; i++) destination[i] = gate[i] == 0 ? values[i] : values[i] + gate[i] * branch[i];
    }

    private static void Guard(int expected, int length, string name)
    {
        if (length != expected) throw new ArgumentException($"{name} has {length} values; must have {expected}", name);
    }
}
