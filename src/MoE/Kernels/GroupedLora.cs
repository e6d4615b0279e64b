namespace MoE;

/// <summary>
/// The adapters of one linear layer for batches whose rows use different ones (the situation of S-LoRA and Punica): rows are sorted by adapter, then two grouped low-rank products run on the register tiles, however many
/// adapters there are and whatever their ranks (smaller ones are padded with zeros, which is exact). Holds copies of the factors; safe for concurrent callers with workspaces of their own.
/// </summary>
public sealed class GroupedLora
{
    private readonly float[] _a;
    private readonly float[] _b;
    private readonly float[] _scales;

    /// <summary>Takes copies of adapters.</summary>
    /// <param name="inputs">Width of the input, positive.</param>
    /// <param name="outputs">Width of the output, positive.</param>
    /// <param name="adapters">Forms and factors, at least one: A [r, inputs], B [outputs, r]. Without magnitudes.</param>
    /// <exception cref="ArgumentException">There is none, or some do not fit: all of them are named.</exception>
    public GroupedLora(int inputs, int outputs, IReadOnlyList<(LoraSpec Spec, ReadOnlyMemory<float> A, ReadOnlyMemory<float> B)> adapters)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs);
        ArgumentNullException.ThrowIfNull(adapters);
        if (adapters.Count == 0) throw new ArgumentException("adapters is empty; must hold at least one", nameof(adapters));
        var problems = new List<string>();
        for (int i = 0; i < adapters.Count; i++)
        {
            var (spec, a, b) = adapters[i];
            problems.AddRange(spec.Validate().Select(p => $"adapter {i}: {p}"));
            if (spec.Magnitude) problems.Add($"adapter {i} has a magnitude");
            if (a.Length != (long)spec.Rank * inputs) problems.Add($"adapter {i}: A has {a.Length} values; must have {spec.Rank} x {inputs}");
            if (b.Length != (long)spec.Rank * outputs) problems.Add($"adapter {i}: B has {b.Length} values; must have {outputs} x {spec.Rank}");
        }

        if (problems.Count > 0) throw new ArgumentException(string.Join("; ", problems), nameof(adapters));
        Inputs = inputs;
        Outputs = outputs;
        Rank = adapters.Max(static a => a.Spec.Rank);
        _a = new float[checked(adapters.Count * Rank * inputs)];
        _b = new float[checked(adapters.Count * Rank * outputs)];
        _scales = [.. adapters.Select(static a => (float)a.Spec.Scale)];
        for (int i = 0; i < adapters.Count; i++)
        {
            var (spec, a, b) = adapters[i];
            a.Span.CopyTo(_a.AsSpan(i * Rank * inputs));
            for (int o = 0; o < outputs; o++) b.Span.Slice(o * spec.Rank, spec.Rank).CopyTo(_b.AsSpan((i * outputs + o) * Rank));
        }
    }

    /// <summary>Width of the input.</summary>
    public int Inputs { get; }

    /// <summary>Width of the output.</summary>
    public int Outputs { get; }

    /// <summary>The largest rank.</summary>
    public int Rank { get; }

    /// <summary>n.</summary>
    public int Count => _scales.Length;

    /// <summary>y[t] += scale B A x[t] with the adapter of each row. Bits depend on neither threads nor the other rows.</summary>
    /// <param name="x">[T, inputs].</param>
    /// <param name="adapters">[T]: the number of an adapter, or -1 for none.</param>
    /// <param name="y">[T, outputs], added to.</param>
    /// <param name="workspace">The caller's own.</param>
    /// <exception cref="ArgumentException">A length is wrong, a number names no adapter, or the memory overlaps; y is as it was.</exception>
    public void Add(ReadOnlySpan<float> x, ReadOnlySpan<int> adapters, Span<float> y, MoEWorkspace workspace)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        if (x.Length != (long)adapters.Length * Inputs) throw new ArgumentException($"x has {x.Length} values; must have {adapters.Length} x {Inputs}", nameof(x));
        if (y.Length != (long)adapters.Length * Outputs) throw new ArgumentException($"y has {y.Length} values; must have {adapters.Length} x {Outputs}", nameof(y));
        if (x.Overlaps(y)) throw new ArgumentException("y overlaps x; must be other memory", nameof(y));
        int n = Count;
        for (int t = 0; t < adapters.Length; t++)
        {
            if (adapters[t] < -1 || adapters[t] >= n) throw new ArgumentException($"adapters[{t}] = {adapters[t]}; must be in -1..{n - 1}", nameof(adapters));
        }

        // A row and its adapter are a token and its only expert.
        var sorted = workspace.Sorting;
        sorted.Begin(adapters.Length, n, 1);
        adapters.CopyTo(sorted.MutableIds);
        sorted.Bucket();
        ReadOnlySpan<int> offsets = sorted.Offsets, order = sorted.Permutation;
        int rows = order.Length;
        if (rows == 0) return;
        var memory = workspace.Training((long)rows * (Rank + 1));
        Span<float> hidden = memory[..(rows * Rank)], scales = memory.Slice(rows * Rank, rows);
        for (int i = 0; i < n; i++) scales[offsets[i]..offsets[i + 1]].Fill(_scales[i]);
        GroupedGemm.Forward(x, new GroupedRows(offsets, inputs: order), new GroupedWeights(_a, n, Rank, Inputs), hidden, workspace);
        GroupedGemm.Forward(hidden, new GroupedRows(offsets, outputs: order, scales: scales), new GroupedWeights(_b, n, Outputs, Rank), y, workspace, add: true);
    }
}
