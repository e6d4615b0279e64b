namespace MoE.Tests.Gates;

/// <summary>Gates that learn nothing: tables and made loads.</summary>
public sealed class LookupGateTests
{
    private static readonly float[] s_tokens = new float[8];

    [Fact]
    public void A_token_goes_where_its_id_says()
    {
        var gate = new LookupGate(new LookupTable(4, 2, [3, 0, 1, -1, -1, -1]));
        var routing = (SparseRouting)gate.Route(new GateInput(s_tokens, 2) { TokenIds = [1, 0, 2, 0] });
        Assert.Equal([1, -1, 3, 0, -1, -1, 3, 0], routing.ExpertIds.ToArray());
        Assert.Equal([1, 0, 0.5f, 0.5f, 0, 0, 0.5f, 0.5f], routing.Weights.ToArray());
    }

    [Theory, InlineData(LookupKey.Token), InlineData(LookupKey.Type), InlineData(LookupKey.Task)]
    public void Each_key_has_its_ids(LookupKey key)
    {
        var gate = new LookupGate(new LookupTable(2, 1, [1, 0]), key);
        int[] ids = [0, 0, 1, 0];
        var routing = (SparseRouting)gate.Route(key switch
        {
            LookupKey.Token => new GateInput(s_tokens, 2) { TokenIds = ids },
            LookupKey.Type => new GateInput(s_tokens, 2) { TypeIds = ids },
            _ => new GateInput(s_tokens, 2) { TaskIds = ids },
        });
        Assert.Equal([1, 1, 0, 1], routing.ExpertIds.ToArray());
        Assert.ThrowsAny<Exception>(() => gate.Route(new GateInput(s_tokens, 2)));
    }

    [Fact]
    public void Padding_and_closed_experts_are_left_out()
    {
        var gate = new LookupGate(new LookupTable(3, 2, [0, 1]));
        var routing = (SparseRouting)gate.Route(new GateInput(s_tokens, 2) { TokenIds = [0, 0, 0, 0], Padding = [false, true, false, false], ClosedExperts = [true, false, false] });
        Assert.Equal([-1, 1, -1, -1, -1, 1, -1, 1], routing.ExpertIds.ToArray());
        Assert.Equal(1, routing.Weights[1]);
    }

    [Fact]
    public void Bad_tables_and_ids_are_refused()
    {
        Assert.Contains("table[1, 0] = 4: must be -1 (none) or in 0..3", Assert.Throws<ArgumentException>(() => new LookupTable(4, 1, [0, 4])).Message);
        Assert.Throws<ArgumentException>(() => new LookupTable(4, 2, [0, 1, 2]));
        Assert.Throws<ArgumentException>(() => new LookupTable(4, 1, []));
        var gate = new LookupGate(new LookupTable(2, 1, [1, 0]));
        Assert.Contains("= 2: must be in 0..1", Assert.Throws<ArgumentException>(() => gate.Route(new GateInput(s_tokens, 2) { TokenIds = [0, 1, 2, 0] })).Message);
        Assert.Throws<ArgumentException>(() => gate.Route(new GateInput(s_tokens, 2) { TokenIds = [0] }));
        Assert.Throws<ArgumentException>(() => LookupTable.Balanced([1, double.NaN], 2));
        Assert.Throws<ArgumentException>(() => LookupTable.Balanced([], 2));
    }

    [Fact]
    public void A_random_hash_is_the_same_for_a_seed_and_has_different_experts_per_id()
    {
        var table = LookupTable.Random(500, 8, 3, seed: 9);
        Assert.Equal(table.Experts.ToArray(), LookupTable.Random(500, 8, 3, seed: 9).Experts.ToArray());
        Assert.NotEqual(table.Experts.ToArray(), LookupTable.Random(500, 8, 3, seed: 10).Experts.ToArray());
        Assert.All(table.Experts.ToArray().Chunk(3), static row => Assert.Equal(3, row.Distinct().Count()));
        Assert.All(table.Experts.ToArray().GroupBy(static e => e), static g => Assert.InRange(g.Count(), 1500 / 8 - 60, 1500 / 8 + 60));
    }

    [Fact]
    public void A_balanced_hash_spreads_the_frequencies()
    {
        // Zipf's law: a plain hash leaves one expert with the most frequent word and its share of the rest.
        double[] frequencies = [.. Enumerable.Range(1, 1000).Select(static r => 1.0 / r)];
        var table = LookupTable.Balanced(frequencies, 4);
        double[] load = [.. Enumerable.Range(0, 4).Select(e => frequencies.Where((_, id) => table.Experts[id] == e).Sum())];
        Assert.InRange(load.Max() / load.Min(), 1, 1.001);
        Assert.Equal([0, 1, 2, 3], table.Experts[..4].ToArray());
    }

    [Theory, InlineData(SyntheticLoad.RoundRobin), InlineData(SyntheticLoad.Random), InlineData(SyntheticLoad.Skewed), InlineData(SyntheticLoad.Collapsed)]
    public void Made_loads_are_what_they_say(SyntheticLoad load)
    {
        const int tokens = 4000, experts = 8, k = 2;
        var gate = new SyntheticGate(experts, k, load, seed: 3);
        var routing = (SparseRouting)gate.Route(new GateInput(new float[tokens], 1));
        Assert.All(routing.ExpertIds.ToArray().Chunk(k), static row => Assert.Equal(k, row.Distinct().Count()));
        Assert.All(routing.Weights.ToArray(), static w => Assert.Equal(0.5f, w));
        Assert.Equal(routing.ExpertIds.ToArray(), ((SparseRouting)gate.Route(new GateInput(new float[tokens], 1))).ExpertIds.ToArray());
        int[] counts = routing.Load();
        switch (load)
        {
            case SyntheticLoad.RoundRobin: Assert.All(counts, static c => Assert.Equal(tokens * k / experts, c)); break;
            case SyntheticLoad.Collapsed: Assert.Equal([tokens, tokens, 0, 0, 0, 0, 0, 0], counts); break;
            case SyntheticLoad.Random: Assert.All(counts, static c => Assert.InRange(c, 850, 1150)); break;
            default: Assert.Equal(counts.OrderDescending(), counts); Assert.True(counts[0] > 4 * counts[7]); break;
        }
    }

    [Fact]
    public void Made_loads_refuse_bad_numbers()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new SyntheticGate(0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SyntheticGate(4, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SyntheticGate(4, 1, (SyntheticLoad)9));
        Assert.Equal(0, new SyntheticGate(4, 1).Route(new GateInput([], 3)).TokenCount);
    }
}
