namespace MoE;

/// <summary>What a lookup gate looks up.</summary>
public enum LookupKey
{
    /// <summary><see cref="GateInput.TokenIds"/>: hash routing (Roller et al. 2021).</summary>
    Token,

    /// <summary><see cref="GateInput.TypeIds"/>: typed routing.</summary>
    Type,

    /// <summary><see cref="GateInput.TaskIds"/>: task routing.</summary>
    Task,
}

/// <summary>A fixed table from ids to experts: hash, typed and task routing.</summary>
public sealed class LookupTable
{
    private readonly int[] _experts;

    /// <summary>Makes a table.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="choices">K, positive.</param>
    /// <param name="table">[ids, K], each in 0..E-1, or -1 for none; a copy is kept.</param>
    /// <exception cref="ArgumentException">A length or value breaks these rules.</exception>
    public LookupTable(int experts, int choices, ReadOnlySpan<int> table)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(choices);
        if (table.IsEmpty || table.Length % choices != 0) throw new ArgumentException($"table has {table.Length} values; must be a positive multiple of choices ({choices})", nameof(table));
        for (int i = 0; i < table.Length; i++)
        {
            if (table[i] < -1 || table[i] >= experts) throw new ArgumentException($"table[{i / choices}, {i % choices}] = {table[i]}: must be -1 (none) or in 0..{experts - 1}", nameof(table));
        }

        (ExpertCount, Choices, _experts) = (experts, choices, table.ToArray());
    }

    /// <summary>E.</summary>
    public int ExpertCount { get; }

    /// <summary>K.</summary>
    public int Choices { get; }

    /// <summary>Number of ids.</summary>
    public int IdCount => _experts.Length / Choices;

    /// <summary>[ids, K].</summary>
    public ReadOnlySpan<int> Experts => _experts;

    /// <summary>Each id goes to K different random experts: a random hash (ParlAI).</summary>
    /// <param name="ids">Size of the vocabulary, positive.</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="choices">K, 1..E.</param>
    /// <param name="seed">The same seed gives the same table everywhere.</param>
    public static LookupTable Random(int ids, int experts, int choices = 1, ulong seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(ids);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        if (choices < 1 || choices > experts) throw new ArgumentOutOfRangeException(nameof(choices), choices, $"must be in 1..{experts}");
        var source = new SeededNoise(seed);
        var uniform = new float[experts];
        var table = new int[ids * choices];
        for (int i = 0; i < ids; i++)
        {
            source.Fill("lookup", i, NoiseKind.Uniform, uniform);
            int[] ranked = [.. Enumerable.Range(0, experts).OrderByDescending(e => uniform[e])];
            ranked.AsSpan(0, choices).CopyTo(table.AsSpan(i * choices));
        }

        return new LookupTable(experts, choices, table);
    }

    /// <summary>Ids are given out from the most frequent down, each to the expert with the least so far: the balanced hash of Roller et al. 2021.</summary>
    /// <param name="frequencies">How often each id occurs, finite and not negative.</param>
    /// <param name="experts">E, positive.</param>
    /// <exception cref="ArgumentException">There is no id, or a frequency breaks these rules.</exception>
    public static LookupTable Balanced(ReadOnlySpan<double> frequencies, int experts)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        if (frequencies.IsEmpty) throw new ArgumentException("frequencies is empty; must have one per id", nameof(frequencies));
        double[] all = frequencies.ToArray();
        int bad = Array.FindIndex(all, static f => !(f >= 0 && double.IsFinite(f)));
        if (bad >= 0) throw new ArgumentException($"frequencies[{bad}] = {all[bad]}: must be finite and not negative", nameof(frequencies));
        var load = new PriorityQueue<int, (double Load, int Expert)>();
        for (int e = 0; e < experts; e++) load.Enqueue(e, (0, e));
        var table = new int[all.Length];
        foreach (int id in Enumerable.Range(0, all.Length).OrderByDescending(i => all[i]))
        {
            load.TryDequeue(out int e, out var least);
            table[id] = e;
            load.Enqueue(e, (least.Load + all[id], e));
        }

        return new LookupTable(experts, 1, table);
    }

    internal int[] Rows(ReadOnlySpan<int> ids, string name)
    {
        var rows = new int[ids.Length * Choices];
        for (int t = 0; t < ids.Length; t++)
        {
            if (ids[t] < 0 || ids[t] >= IdCount) throw new ArgumentException($"{name}[{t}] = {ids[t]}: must be in 0..{IdCount - 1}", name);
            Experts.Slice(ids[t] * Choices, Choices).CopyTo(rows.AsSpan(t * Choices));
        }

        return rows;
    }
}
