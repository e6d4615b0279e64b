namespace MoE.Conformance.Runner;

/// <summary>The experts a peer chose against those an engine chose, token by token.</summary>
internal sealed class RecordedChoice
{
    private readonly GoldenTensor _recorded;
    private readonly GoldenTensor _live;

    private RecordedChoice(GoldenTensor recorded, GoldenTensor live, bool ordered)
    {
        _recorded = recorded;
        _live = live;
        IsOrdered = ordered;
    }

    /// <summary>The file records the order of a token's choices, not only their set.</summary>
    public bool IsOrdered { get; }

    /// <summary>The recorded experts, [T, K].</summary>
    public GoldenTensor Experts => _recorded;

    public int Choices => _live.Size(^1);

    public int Tokens => Choices == 0 ? 0 : _live.Count / Choices;

    /// <summary>True if every token has the same experts, in the same order.</summary>
    public bool SameOrder => _recorded.Integers.SequenceEqual(_live.Integers);

    /// <summary>The first token whose experts are not the same in the same order; there must be one.</summary>
    public int FirstDifference => _recorded.Integers.CommonPrefixLength(_live.Integers) / Choices;

    /// <summary>The choice of a case, or null where the file records none or the plan makes none.</summary>
    public static RecordedChoice? Of(GoldenCase golden, CasePlan plan, IEngineRun run)
    {
        if (plan.Choice is null || plan.Choice.Dispatch.Capacity is not null) return null;
        int k = plan.Choice.TopK;
        var experts = Key(golden, plan, Quantity.Experts);
        var recorded = experts?.Reshape(-1, k) ?? Key(golden, plan, Quantity.Map)?.TrueColumns(k);
        if (recorded is null) return null;
        var live = run.Value(Quantity.Experts);
        return recorded.Count == live.Count
            ? new RecordedChoice(recorded, live, experts is not null)
            : throw new InvalidDataException($"the file records {recorded.Count} choices, but the engine made {live.Count}");
    }

    /// <summary>Two choices [.., K] of the same tokens, in order.</summary>
    public static RecordedChoice Between(GoldenTensor recorded, GoldenTensor live)
    {
        int k = recorded.Size(^1);
        return recorded.Count == live.Count
            ? new RecordedChoice(recorded.Reshape(-1, k), live.Reshape(-1, k), ordered: true)
            : throw new InvalidDataException($"the file records {recorded.Count} choices, but the engine made {live.Count}");
    }

    /// <summary>The tokens whose sets of experts differ.</summary>
    public IReadOnlyList<int> DifferingTokens() => [.. Enumerable.Range(0, Tokens).Where(t => !Sorted(_recorded, t).SequenceEqual(Sorted(_live, t)))];

    /// <summary>The recorded experts of a token.</summary>
    public int[] OfToken(int token) => Array.ConvertAll(Row(_recorded, token), static e => checked((int)e));

    /// <summary>Where each recorded choice stands among the live ones, [T, K]; every token must have the same set.</summary>
    public int[] LivePlaces() => Places(_recorded, _live);

    /// <summary>Where each live choice stands among the recorded ones, [T, K]; every token must have the same set.</summary>
    public int[] RecordedPlaces() => Places(_live, _recorded);

    public string Describe(int token) => $"token {token}: recorded experts {string.Join(", ", Row(_recorded, token))}; got {string.Join(", ", Row(_live, token))}";

    private int[] Places(GoldenTensor wanted, GoldenTensor among)
    {
        var places = new int[wanted.Count];
        for (int t = 0; t < Tokens; t++)
        {
            // Each place is used once, so that repeated -1 entries match one by one.
            var row = Row(among, t);
            for (int j = 0; j < Choices; j++)
            {
                int place = Array.IndexOf(row, wanted.Integers[t * Choices + j]);
                row[place] = long.MinValue;
                places[t * Choices + j] = place;
            }
        }

        return places;
    }

    private long[] Row(GoldenTensor experts, int token) => experts.Integers.Slice(token * Choices, Choices).ToArray();

    private long[] Sorted(GoldenTensor experts, int token) => [.. Row(experts, token).Order()];

    private static GoldenTensor? Key(GoldenCase golden, CasePlan plan, Quantity quantity)
    {
        foreach (var (key, value) in plan.Outputs)
        {
            if (value == quantity && golden.Outputs.TryGetValue(key, out var recorded)) return recorded.Tensor;
        }

        return null;
    }
}
