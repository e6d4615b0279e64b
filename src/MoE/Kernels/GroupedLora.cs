using System.Buffers;

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
        int[] pool = ArrayPool<int>.Shared.Rent(n + 1 + adapters.Length);
        float[]? hidden = null, scales = null;
        try
        {
            var offsets = pool.AsSpan(0, n + 1);
            offsets.Clear();
            for (int t = 0; t < adapters.Length; t++)
            {
                int adapter = adapters[t];
                if (adapter < -1 || adapter >= n) throw new ArgumentException($"adapters[{t}] = {adapter}; must be in -1..{n - 1}", nameof(adapters));
                if (adapter >= 0) offsets[adapter + 1]++;
            }

            for (int i = 0; i < n; i++) offsets[i + 1] += offsets[i];
            int rows = offsets[n];
            if (rows == 0) return;
            var order = pool.AsSpan(n + 1, rows);
            // Counting sort, stable: the ends move to the starts of the next segments, and back again.
            for (int t = 0; t < adapters.Length; t++)
            {
                if (adapters[t] >= 0) order[offsets[adapters[t]]++] = t;
            }

            for (int i = n; i > 0; i--) offsets[i] = offsets[i - 1];
            offsets[0] = 0;
            hidden = ArrayPool<float>.Shared.Rent(rows * Rank);
            scales = ArrayPool<float>.Shared.Rent(rows);
            for (int i = 0; i < n; i++) scales.AsSpan(offsets[i], offsets[i + 1] - offsets[i]).Fill(_scales[i]);
            var h = hidden.AsSpan(0, rows * Rank);
            GroupedGemm.Forward(x, new GroupedRows(offsets, inputs: order), new GroupedWeights(_a, n, Rank, Inputs), h, workspace);
            GroupedGemm.Forward(h, new GroupedRows(offsets, outputs: order, scales: scales.AsSpan(0, rows)), new GroupedWeights(_b, n, Outputs, Rank), y, workspace, add: true);
        }
        finally
        {
            ArrayPool<int>.Shared.Return(pool);
            if (hidden is not null) ArrayPool<float>.Shared.Return(hidden);
            if (scales is not null) ArrayPool<float>.Shared.Return(scales);
        }
    }
}
