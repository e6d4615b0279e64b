namespace MoE.Tests.Routes;

/// <summary>The three kinds of routing: what they say of themselves, and what they refuse to hold.</summary>
public sealed class RoutingTests
{
    [Fact]
    public void TopK_lists_the_same_number_of_routes_for_every_token()
    {
        var routing = new TopKRouting(2, 3, 2, [2, 0, 1, -1], [0.75f, 0.25f, 1, 0]);
        Assert.Equal((RoutingKind.TopK, 2, 3, 2, 4), (routing.Kind, routing.TokenCount, routing.ExpertCount, routing.Choices, routing.RouteCount));
        Assert.Equal([0, 0, 1, 1], Enumerable.Range(0, 4).Select(routing.TokenOf));
        Assert.Equal([1, 1, 1], routing.Load());
        Assert.Equal([0.25f, 0, 0.75f, 0, 1, 0], routing.ToDenseWeights());
        Assert.True(routing.Scores.IsEmpty);
    }

    [Fact]
    public void Ragged_lists_any_number()
    {
        var routing = new RaggedRouting(3, [0, 2, 2, 5], [2, 0, 0, 1, 2], [0.5f, 0.5f, 1, 2, 3], scores: new float[9]);
        Assert.Equal((RoutingKind.Ragged, 3, 3, 5), (routing.Kind, routing.TokenCount, routing.ExpertCount, routing.RouteCount));
        Assert.Equal([0, 0, 2, 2, 2], Enumerable.Range(0, 5).Select(routing.TokenOf));
        Assert.Equal([0, 2, 2, 5], routing.TokenOffsets);
        Assert.Equal([2, 1, 2], routing.Load());
        Assert.Equal([0.5f, 0, 0.5f, 0, 0, 0, 1, 2, 3], routing.ToDenseWeights());
        Assert.Equal(9, routing.Scores.Length);
    }

    [Fact]
    public void Dense_has_a_weight_for_every_pair_and_slot()
    {
        var routing = new DenseRouting(2, 2, 2, [1, 2, 0, 0, 0, 0, 3, -3], dispatch: [0, 1, 0, 1, 0, 1, 0, 1]);
        Assert.Equal((RoutingKind.Dense, 2, 2, 2, 4), (routing.Kind, routing.TokenCount, routing.ExpertCount, routing.Slots, routing.RouteCount));
        Assert.Equal([3, 0, 0, 0], routing.ToDenseWeights());
        Assert.Equal([1, 1], routing.Load());
        Assert.Equal([0, 1, 0, 1, 0, 1, 0, 1], routing.DispatchWeights);
        Assert.Equal([1, 2], new DenseRouting(1, 2, 1, [1, 2]).DispatchWeights);
    }

    [Fact]
    public void Dropped_routes_weigh_nothing_in_the_dense_form()
    {
        var plan = ExpertPlan.Build([0, 0], [1, 1], 1, 1, new DispatchSpec { Capacity = new CapacitySpec { Fixed = 1 } });
        var routing = new TopKRouting(2, 1, 1, [0, 0], [1, 1], plan);
        Assert.Equal([1, 0], routing.ToDenseWeights());
        Assert.Equal([1], routing.Load());
    }

    [Fact]
    public void Nothing_is_routed_in_an_empty_batch()
    {
        Assert.Empty(new TopKRouting(0, 2, 1, [], []).ToDenseWeights());
        Assert.Equal([0, 0], new RaggedRouting(2, [0], [], []).Load());
        Assert.Equal([0, 0], new DenseRouting(0, 2, 3, []).Load());
    }

    [Fact]
    public void Broken_routings_are_refused_by_name()
    {
        Refused("tokens", "", static () => _ = new TopKRouting(-1, 1, 1, [], []));
        Refused("experts", "", static () => _ = new TopKRouting(0, 0, 1, [], []));
        Refused("choices", "", static () => _ = new TopKRouting(0, 1, 0, [], []));
        Refused("expertIds", "expertIds has 3 values; must be tokens x choices (2 x 1)", static () => _ = new TopKRouting(2, 1, 1, [0, 0, 0], [1, 1, 1]));
        Refused("weights", "weights has 1 values; must be as many as expertIds (2)", static () => _ = new TopKRouting(2, 1, 1, [0, 0], [1]));
        Refused("expertIds", "expertIds[1] = 2: must be -1 (none) or in 0..1", static () => _ = new TopKRouting(2, 2, 1, [0, 2], [1, 1]));
        Refused("weights", "weights[0] = NaN: must be finite", static () => _ = new TopKRouting(1, 1, 1, [0], [float.NaN]));
        Refused("scores", "scores has 1 values; must be tokens x experts (1 x 2)", static () => _ = new TopKRouting(1, 2, 1, [0], [1], null, [1]));
        Refused("plan", "plan is of 1 routes and 2 experts; must be of 2 and 2", static () => _ = new TopKRouting(2, 2, 1, [0, 0], [1, 1], ExpertPlan.Dropless([0], 2)));
        Refused("plan", "plan is of 2 routes and 3 experts; must be of 2 and 2", static () => _ = new TopKRouting(2, 2, 1, [0, 0], [1, 1], ExpertPlan.Dropless([0, 0], 3)));
        Refused("tokenOffsets", "", static () => _ = new RaggedRouting(2, null!, [], []));
        Refused("tokenOffsets", "tokenOffsets must run from 0 to the number of routes (2)", static () => _ = new RaggedRouting(2, [0, 1], [0, 1], [1, 1]));
        Refused("tokenOffsets", "tokenOffsets must run from 0", static () => _ = new RaggedRouting(2, [], [], []));
        Refused("tokenOffsets", "tokenOffsets[2] = 1: must not be below tokenOffsets[1] = 2", static () => _ = new RaggedRouting(2, [0, 2, 1, 2], [0, 1], [1, 1]));
        Refused("slots", "", static () => _ = new DenseRouting(1, 1, 0, []));
        Refused("weights", "weights has 3 values; must be tokens x experts x slots (1 x 2 x 2)", static () => _ = new DenseRouting(1, 2, 2, new float[3]));
        Refused("weights", "weights[1] = -Infinity: must be finite", static () => _ = new DenseRouting(1, 2, 1, [0, float.NegativeInfinity]));
        Refused("dispatch", "dispatch has 1 values", static () => _ = new DenseRouting(1, 2, 1, [0, 0], [0]));
        Refused("weights", "weights has 1 values; must be tokens x experts (1 x 2)", static () => new DenseRouting(1, 2, 1, [0, 0]).CopyDenseWeights(new float[1]));
        Refused("weights", "weights has 1 values; must be tokens x experts (1 x 2)", static () => new TopKRouting(1, 2, 1, [0], [0]).CopyDenseWeights(new float[1]));
    }

    private static void Refused(string parameter, string message, Action call)
    {
        var refused = Assert.ThrowsAny<ArgumentException>(call);
        Assert.Equal(parameter, refused.ParamName);
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }
}
