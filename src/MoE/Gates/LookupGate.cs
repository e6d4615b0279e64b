namespace MoE;

/// <summary>Routes each token by an id that it carries, without a scorer; its experts weigh evenly.</summary>
public sealed class LookupGate : IGate
{
    /// <summary>Makes a gate.</summary>
    /// <param name="table">From ids to experts.</param>
    /// <param name="key">Which ids.</param>
    public LookupGate(LookupTable table, LookupKey key = LookupKey.Token)
    {
        ArgumentNullException.ThrowIfNull(table);
        if (!Enum.IsDefined(key)) throw new ArgumentOutOfRangeException(nameof(key), key, "must be a defined key");
        (Table, Key) = (table, key);
    }

    /// <summary>From ids to experts.</summary>
    public LookupTable Table { get; }

    /// <summary>Which ids.</summary>
    public LookupKey Key { get; }

    /// <inheritdoc/>
    public string Name => "lookup";

    /// <inheritdoc/>
    public int ExpertCount => Table.ExpertCount;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The input carries no ids of this kind, or one is out of range.</exception>
    public Routing Route(in GateInput input)
    {
        string name = Key switch { LookupKey.Token => "tokenIds", LookupKey.Type => "typeIds", _ => "taskIds" };
        var ids = Key switch { LookupKey.Token => input.TokenIds, LookupKey.Type => input.TypeIds, _ => input.TaskIds };
        if (ids.Length != input.TokenCount) throw new ArgumentException($"{name} has {ids.Length} values; must have one per token ({input.TokenCount})", name);
        return GivenRoutes.Even(Table.Rows(ids, name), Table.Choices, Table.ExpertCount, input);
    }
}

/// <summary>Routings of given experts.</summary>
internal static class GivenRoutes
{
    /// <summary>Each expert of a token weighs the same; -1 is none. Padding goes nowhere, and closed experts take nothing.</summary>
    public static TopKRouting Even(int[] ids, int choices, int experts, in GateInput input)
    {
        for (int r = 0; r < ids.Length; r++)
        {
            bool padded = !input.Padding.IsEmpty && input.Padding[r / choices];
            if (padded || (ids[r] >= 0 && !input.ClosedExperts.IsEmpty && input.ClosedExperts[ids[r]])) ids[r] = -1;
        }

        var weights = new float[ids.Length];
        for (int t = 0; t < ids.Length; t += choices)
        {
            int count = choices - ids.AsSpan(t, choices).Count(-1);
            for (int j = t; j < t + choices; j++) weights[j] = ids[j] < 0 ? 0 : 1f / count;
        }

        return new TopKRouting(ids.Length / choices, experts, choices, ids, weights);
    }
}
