namespace MoE.Samples.Graphs;

/// <summary>Rows sorted by type: row r of type g reads input <c>Inputs[r]</c>. The route is given, as a hard top-1 choice with weight one.</summary>
public sealed class TypedRows
{
    private TypedRows(int[] offsets, int[] inputs, int inputCount, int[] order) => (Offsets, Inputs, InputCount, Order) = (offsets, inputs, inputCount, order);

    /// <summary>[types + 1].</summary>
    public int[] Offsets { get; }

    /// <summary>[rows].</summary>
    public int[] Inputs { get; }

    /// <summary>Rows of the input.</summary>
    public int InputCount { get; }

    /// <summary>[rows]: which row of the caller each is; rows of a type keep their order.</summary>
    public int[] Order { get; }

    /// <summary>Number of rows.</summary>
    public int Count => Inputs.Length;

    /// <summary>Number of types.</summary>
    public int Types => Offsets.Length - 1;

    /// <summary>The type of each row.</summary>
    public long[] TypeOfRow => [.. Enumerable.Range(0, Types).SelectMany(t => Enumerable.Repeat((long)t, Offsets[t + 1] - Offsets[t]))];

    /// <summary>Sorts rows by type, by counting.</summary>
    /// <param name="inputs">The input of each row.</param>
    /// <param name="types">The type of each row.</param>
    /// <param name="inputCount">Rows of the input.</param>
    /// <param name="typeCount">Number of types.</param>
    /// <exception cref="ArgumentException">A length differs, or an index is out of range.</exception>
    public static TypedRows Sort(IReadOnlyList<int> inputs, IReadOnlyList<int> types, int inputCount, int typeCount)
    {
        if (inputs.Count != types.Count) throw new ArgumentException($"{inputs.Count} inputs and {types.Count} types; must be as many", nameof(types));
        var offsets = new int[typeCount + 1];
        for (int r = 0; r < inputs.Count; r++)
        {
            if ((uint)inputs[r] >= (uint)inputCount) throw new ArgumentException($"inputs[{r}] = {inputs[r]}; must be in 0..{inputCount - 1}", nameof(inputs));
            if ((uint)types[r] >= (uint)typeCount) throw new ArgumentException($"types[{r}] = {types[r]}; must be in 0..{typeCount - 1}", nameof(types));
            offsets[types[r] + 1]++;
        }

        for (int t = 0; t < typeCount; t++) offsets[t + 1] += offsets[t];
        int[] next = [.. offsets], order = new int[inputs.Count], sorted = new int[inputs.Count];
        for (int r = 0; r < inputs.Count; r++)
        {
            int at = next[types[r]]++;
            order[at] = r;
            sorted[at] = inputs[r];
        }

        return new(offsets, sorted, inputCount, order);
    }

    /// <summary>The same types with other inputs, given in the order of the sorted rows.</summary>
    public TypedRows With(int[] inputs, int inputCount) => new(Offsets, inputs, inputCount, Order);

    /// <summary>Rows without repetitions, and which of them stands for each row.</summary>
    public (TypedRows Rows, int[] Map) Compact()
    {
        var compact = CompactRows.Of(Offsets, Inputs, InputCount);
        int[] inputs = compact.Inputs.ToArray();
        return (new(compact.Offsets.ToArray(), inputs, InputCount, [.. Enumerable.Range(0, inputs.Length)]), compact.Map.ToArray());
    }
}
