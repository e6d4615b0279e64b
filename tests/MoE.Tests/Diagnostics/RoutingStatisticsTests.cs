using CsCheck;
using MoE.Diagnostics;

namespace MoE.Tests.Diagnostics;

/// <summary>The statistics in closed form: balanced, collapsed, dropped, padded.</summary>
public sealed class RoutingStatisticsTests
{
    // Four tokens take expert 0, one takes 1, one takes 2, one is padding; expert 3 is dead. Two of expert 0's four are dropped.
    private static readonly TopKRouting s_skewed = Route([0, 0, 1, 0, -1, 2, 0], 4, 2);

    [Fact]
    public void Demand_counts_what_drops_hide()
    {
        Assert.Equal([4, 1, 1, 0], RoutingStatistics.Demand(s_skewed));
        Assert.Equal([2, 1, 1, 0], s_skewed.Load());
        Assert.Equal([1, 2], RoutingStatistics.Demand(new DenseRouting(2, 2, 1, [0, 1, 2, 3])));
    }

    [Fact]
    public void Violation_and_variation_measure_the_demand()
    {
        // Mean 1.5: max 4 is 1.667 above; variance (6.25 + 0.25 + 0.25 + 2.25) / 4 = 2.25.
        Assert.Equal(4 / 1.5 - 1, RoutingStatistics.MaxViolation(s_skewed), 1e-12);
        Assert.Equal(1, RoutingStatistics.LoadVariation(s_skewed), 1e-12);
        Assert.Equal(RoutingStatistics.MaxViolation(s_skewed), RoutingStatistics.MaxViolation([8, 2, 2, 0]), 1e-12);
        Assert.Equal(RoutingStatistics.LoadVariation(s_skewed), RoutingStatistics.LoadVariation([8, 2, 2, 0]), 1e-12);
    }

    [Fact]
    public void Balance_and_collapse_have_known_values()
    {
        var balanced = Route([0, 1, 2, 3, 3, 2, 1, 0], 4, null);
        Assert.Equal((0.0, 0.0, 0.0), (RoutingStatistics.MaxViolation(balanced), RoutingStatistics.LoadVariation(balanced), RoutingStatistics.DropRate(balanced)));
        Assert.Equal(Math.Log(4), RoutingStatistics.MeanWeightEntropy(balanced), 1e-12);
        Assert.Empty(RoutingStatistics.DeadExperts(balanced));
        var collapsed = Route([2, 2, 2], 4, null);
        Assert.Equal(3, RoutingStatistics.MaxViolation(collapsed), 1e-12);
        Assert.Equal(Math.Sqrt(3), RoutingStatistics.LoadVariation(collapsed), 1e-12);
        Assert.Equal(0, RoutingStatistics.MeanWeightEntropy(collapsed));
        Assert.Equal([0, 1, 3], RoutingStatistics.DeadExperts(collapsed));
    }

    [Fact]
    public void Drops_are_a_share_of_the_routes()
    {
        Assert.Equal(2.0 / 6, RoutingStatistics.DropRate(s_skewed), 1e-12);
        Assert.Equal(1, RoutingStatistics.DropRate(Route([0, 1], 2, 0)));
        Assert.Equal(0, RoutingStatistics.DropRate(new DenseRouting(1, 2, 1, [1, 0])));
        Assert.Equal([3], RoutingStatistics.DeadExperts(s_skewed));
        Assert.Empty(RoutingStatistics.DeadExperts(Route([0, 1], 2, 0)));
    }

    [Fact]
    public void Mean_weights_leave_padding_out()
    {
        Assert.Equal([2 / 6.0, 1 / 6.0, 1 / 6.0, 0], RoutingStatistics.MeanWeights(s_skewed));
        Assert.Equal([1.5, 2], RoutingStatistics.MeanWeights(new DenseRouting(2, 2, 1, [1, 1, 2, 3])));
        // Dropped weight is gone: 2, 1 and 1 of 4.
        Assert.Equal(1.5 * Math.Log(2), RoutingStatistics.MeanWeightEntropy(s_skewed), 1e-12);
        Assert.Equal([0.25, 0.5], RoutingStatistics.MeanWeights(new RaggedRouting(2, [0, 2, 2, 3], [0, 1, 1], [0.5f, 0.5f, 0.5f])));
    }

    [Fact]
    public void Nothing_routed_is_not_a_number_of_nothing()
    {
        foreach (var routing in (Routing[])[new TopKRouting(0, 2, 1, [], []), new TopKRouting(2, 2, 1, [-1, -1], [0, 0]), new DenseRouting(0, 2, 1, []), new RaggedRouting(2, [0, 0], [], [])])
        {
            Assert.Equal(0, RoutingStatistics.MaxViolation(routing));
            Assert.Equal(0, RoutingStatistics.LoadVariation(routing));
            Assert.Equal(0, RoutingStatistics.MeanWeightEntropy(routing));
            Assert.Equal(0, RoutingStatistics.DropRate(routing));
            Assert.Equal([0, 0], RoutingStatistics.MeanWeights(routing));
            Assert.Equal([0, 1], RoutingStatistics.DeadExperts(routing));
        }
    }

    [Fact]
    public void Bounds_hold_for_any_routing() => Gen.Select(Gen.Int[1, 8], Gen.Int[0, 12], Gen.Int[0, 4], Draw.Seed).Sample(static (experts, tokens, capacity, seed) =>
    {
        var spec = RouterProfiles.Olmoe(experts, 1 + seed % experts) with { Dispatch = new DispatchSpec { Capacity = new CapacitySpec { Fixed = capacity } } };
        var routing = ReferenceRouter.Route(Draw.Normal(tokens * experts, seed), spec);
        Assert.InRange(RoutingStatistics.MaxViolation(routing), 0, experts - 1);
        Assert.InRange(RoutingStatistics.LoadVariation(routing), 0, Math.Sqrt(experts - 1) + 1e-12);
        Assert.InRange(RoutingStatistics.MeanWeightEntropy(routing), 0, Math.Log(experts) + 1e-12);
        Assert.InRange(RoutingStatistics.DropRate(routing), 0, 1);
    }, iter: 500);

    [Fact]
    public void Negative_means_have_no_entropy()
    {
        var refused = Assert.Throws<ArgumentException>(static () => RoutingStatistics.MeanWeightEntropy(new DenseRouting(1, 2, 1, [1, -1])));
        Assert.Equal("routing", refused.ParamName);
        Assert.Contains("the mean weight of expert 1 is -1; must not be negative", refused.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>("routing", static () => RoutingStatistics.Demand(null!));
    }

    private static TopKRouting Route(int[] experts, int count, int? capacity)
    {
        float[] weights = [.. experts.Select(static e => e < 0 ? 0f : 1)];
        var plan = ExpertPlan.Build(experts, weights, 1, count, new DispatchSpec { Capacity = capacity is { } c ? new CapacitySpec { Fixed = c } : null });
        return new TopKRouting(experts.Length, count, 1, experts, weights, plan);
    }
}
