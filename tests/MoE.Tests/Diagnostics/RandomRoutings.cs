using CsCheck;
using MoE.Diagnostics;

namespace MoE.Tests.Diagnostics;

/// <summary>Random routings of every form, with padding, drops and empty tokens.</summary>
internal static class RandomRoutings
{
    public static Gen<Routing> Any { get; } = Gen.Select(Gen.Int[0, 2], Gen.OneOf(1, 3, 7, 300, 70_000), Gen.Int[0, 9], Draw.Seed)
        .Select(static (kind, experts, tokens, seed) => Make((RoutingKind)kind, kind == 2 ? Math.Min(experts, 7) : experts, tokens, seed));

    public static void AssertEqual(Routing expected, RoutingRecord actual, bool weights = true)
    {
        var found = actual.Routing;
        Assert.Equal((expected.Kind, expected.TokenCount, expected.ExpertCount), (found.Kind, found.TokenCount, found.ExpertCount));
        if (expected is DenseRouting dense)
        {
            Assert.Equal(dense.Slots, ((DenseRouting)found).Slots);
            Assert.Equal(dense.Weights.ToArray(), ((DenseRouting)found).Weights.ToArray());
            Assert.Equal(dense.DispatchWeights.ToArray(), ((DenseRouting)found).DispatchWeights.ToArray());
            return;
        }

        SparseRouting a = (SparseRouting)expected, b = (SparseRouting)found;
        Assert.Equal(a.ExpertIds.ToArray(), b.ExpertIds.ToArray());
        Assert.Equal(weights ? a.Weights.ToArray() : new float[a.RouteCount], b.Weights.ToArray());
        Assert.Equal((a.Plan.Capacity, a.Plan.DroppedCount), (b.Plan.Capacity, b.Plan.DroppedCount));
        Assert.Equal(a.Plan.Permutation.ToArray(), b.Plan.Permutation.ToArray());
        Assert.Equal(a.Plan.Offsets.ToArray(), b.Plan.Offsets.ToArray());
        if (expected is RaggedRouting ragged) Assert.Equal(ragged.TokenOffsets.ToArray(), ((RaggedRouting)found).TokenOffsets.ToArray());
        else Assert.Equal(((TopKRouting)expected).Choices, ((TopKRouting)found).Choices);
    }

    private static Routing Make(RoutingKind kind, int experts, int tokens, int seed)
    {
        var random = new Random(seed);
        if (kind == RoutingKind.Dense)
        {
            int slots = 1 + seed % 2, count = tokens * experts * slots;
            return new DenseRouting(tokens, experts, slots, Draw.Coarse(count, seed), seed % 3 == 0 ? Draw.Normal(count, seed + 1) : null);
        }

        int k = 1 + seed % Math.Min(experts, 3);
        var offsets = new int[tokens + 1];
        for (int t = 0; t < tokens; t++) offsets[t + 1] = offsets[t] + (kind == RoutingKind.Ragged ? random.Next(k + 1) : k);
        var ids = new int[offsets[^1]];
        for (int r = 0; r < ids.Length; r++) ids[r] = random.Next(5) == 0 ? -1 : random.Next(experts);
        float[] weights = Draw.Normal(ids.Length, seed);
        int? capacity = seed % 2 == 0 ? random.Next(3) : null;
        var plan = ExpertPlan.Build(ids, weights, kind == RoutingKind.Ragged ? 1 : k, experts, new DispatchSpec { Capacity = capacity is { } c ? new CapacitySpec { Fixed = c } : null });
        return kind == RoutingKind.Ragged ? new RaggedRouting(experts, offsets, ids, weights, plan) : new TopKRouting(tokens, experts, k, ids, weights, plan);
    }
}
