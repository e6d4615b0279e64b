using CsCheck;

namespace MoE.Tests.Routes;

/// <summary>Permutation, offsets, positions and drops, worked out by hand and for any routes.</summary>
public sealed class ExpertPlanTests
{
    // Four tokens with two choices: [0, 1], [0, 1], [1, 0], [0, 2].
    private static readonly int[] s_routes = [0, 1, 0, 1, 1, 0, 0, 2];

    private static readonly float[] s_weights = [0.5f, 0.4f, 0.9f, 0.1f, 0.6f, 0.3f, 0.7f, 0.2f];

    [Fact]
    public void Routes_are_sorted_by_expert_and_stay_in_token_order()
    {
        var plan = ExpertPlan.Dropless(s_routes, 4);
        Assert.Equal([0, 2, 5, 6, 1, 3, 4, 7], plan.Permutation);
        Assert.Equal([0, 4, 7, 8, 8], plan.Offsets);
        Assert.Equal([0, 0, 1, 1, 2, 2, 3, 0], plan.Positions);
        Assert.Null(plan.Capacity);
        Assert.Equal(0, plan.DroppedCount);
        Assert.All(Enumerable.Range(0, 8), r => Assert.True(plan.IsKept(r)));
    }

    [Fact]
    public void Empty_routes_have_no_place()
    {
        var plan = ExpertPlan.Dropless([-1, 1, 0, -1], 2);
        Assert.Equal([2, 1], plan.Permutation);
        Assert.Equal([0, 1, 2], plan.Offsets);
        Assert.Equal([-1, 0, 0, -1], plan.Positions);
        Assert.Equal(0, plan.DroppedCount);
        Assert.False(plan.IsKept(0));
    }

    [Fact]
    public void First_choices_come_before_second_ones_and_all_of_them_count()
    {
        // First choices: 0 0 1 0; second: 1 1 0 2. Expert 0 is asked 4 times, expert 1 three times.
        var plan = Build(new DispatchSpec { Capacity = new CapacitySpec { Fixed = 2 } });
        Assert.Equal([0, 1, 1, 2, 0, 3, 2, 0], plan.Positions);
        Assert.Equal([0, 2, 1, 4, 7], plan.Permutation);
        Assert.Equal([0, 2, 4, 5, 5], plan.Offsets);
        Assert.Equal(3, plan.DroppedCount);
        Assert.Equal(2, plan.Capacity);
    }

    [Fact]
    public void Second_choices_may_queue_behind_the_kept_ones_only()
    {
        var plan = Build(new DispatchSpec { Capacity = new CapacitySpec { Fixed = 2 }, Offset = ChoiceOffset.KeptEarlierChoices });
        // Expert 0 kept 2 of its 3 first choices: its second choice stands at 2 instead of 3.
        Assert.Equal([0, 1, 1, 2, 0, 2, 2, 0], plan.Positions);
        Assert.Equal([0, 2, 1, 4, 7], plan.Permutation);
    }

    [Fact]
    public void Token_order_lets_second_choices_in()
    {
        var plan = Build(new DispatchSpec { Capacity = new CapacitySpec { Fixed = 2 }, Arrival = ArrivalOrder.TokenMajor });
        Assert.Equal([0, 0, 1, 1, 2, 2, 3, 0], plan.Positions);
        Assert.Equal([0, 2, 1, 3, 7], plan.Permutation);
    }

    [Fact]
    public void The_heaviest_may_stay_instead_of_the_first()
    {
        var plan = Build(new DispatchSpec { Capacity = new CapacitySpec { Fixed = 2 }, Drop = DropPolicy.HeaviestWeight });
        // Expert 0 is offered 0.5 0.9 0.3 0.7, expert 1 0.4 0.1 0.6.
        Assert.Equal([2, 6, 1, 4, 7], plan.Permutation);
        Assert.Equal(3, plan.DroppedCount);
        // Queued as before: the places are those of the arrivals.
        Assert.Equal([0, 1, 1, 2, 0, 3, 2, 0], plan.Positions);
    }

    [Fact]
    public void Equally_heavy_routes_stay_in_token_order()
    {
        var plan = ExpertPlan.Build([0, 0, 0], [1, 1, 1], 1, 1, new DispatchSpec { Capacity = new CapacitySpec { Fixed = 2 }, Drop = DropPolicy.HeaviestWeight });
        Assert.Equal([0, 1], plan.Permutation);
    }

    [Theory]
    [InlineData(DropPolicy.FirstCome, ArrivalOrder.ChoiceMajor, ChoiceOffset.AllEarlierChoices)]
    [InlineData(DropPolicy.FirstCome, ArrivalOrder.ChoiceMajor, ChoiceOffset.KeptEarlierChoices)]
    [InlineData(DropPolicy.FirstCome, ArrivalOrder.TokenMajor, ChoiceOffset.AllEarlierChoices)]
    [InlineData(DropPolicy.HeaviestWeight, ArrivalOrder.ChoiceMajor, ChoiceOffset.AllEarlierChoices)]
    public void No_capacity_drops_everything_and_much_of_it_nothing(DropPolicy drop, ArrivalOrder arrival, ChoiceOffset offset)
    {
        var none = Build(new DispatchSpec { Capacity = new CapacitySpec { Fixed = 0 }, Drop = drop, Arrival = arrival, Offset = offset });
        Assert.True(none.Permutation.IsEmpty);
        Assert.Equal((8, 0), (none.DroppedCount, none.Capacity));
        var all = Build(new DispatchSpec { Capacity = new CapacitySpec { Fixed = 100 }, Drop = drop, Arrival = arrival, Offset = offset });
        Assert.Equal(ExpertPlan.Dropless(s_routes, 4).Permutation, all.Permutation);
        Assert.Equal((0, 100), (all.DroppedCount, all.Capacity));
    }

    [Fact]
    public void Without_a_capacity_a_dispatch_is_dropless()
    {
        var plan = Build(new DispatchSpec { Drop = DropPolicy.HeaviestWeight, Arrival = ArrivalOrder.TokenMajor });
        Assert.Null(plan.Capacity);
        Assert.Equal(8, plan.Permutation.Length);
    }

    [Fact]
    public void A_plan_can_be_made_of_what_an_engine_kept()
    {
        var built = Build(new DispatchSpec { Capacity = new CapacitySpec { Fixed = 2 } });
        var same = ExpertPlan.FromKept(s_routes, 2, 4, [.. Enumerable.Range(0, 8).Select(built.IsKept)], built.Positions.ToArray(), 2);
        Assert.Equal(built.Permutation, same.Permutation);
        Assert.Equal(built.Offsets, same.Offsets);
        Assert.Equal(built.DroppedCount, same.DroppedCount);
    }

    [Fact]
    public void Any_plan_is_a_stable_sort_of_what_was_kept() =>
        Gen.Select(Gen.Int[1, 6], Gen.Int[1, 4], Gen.Int[0, 10], Gen.Int[0, 5], Gen.Int[0, 7], Draw.Seed).Sample(static (experts, choices, tokens, capacity, rules, seed) =>
        {
            var random = new Random(seed);
            int[] routes = [.. Enumerable.Range(0, tokens * choices).Select(_ => random.Next(-1, experts))];
            float[] weights = Draw.Coarse(routes.Length, seed);
            var plan = ExpertPlan.Build(routes, weights, choices, experts, new DispatchSpec
            {
                Capacity = new CapacitySpec { Fixed = capacity },
                Drop = (DropPolicy)(rules & 1),
                Arrival = (ArrivalOrder)(rules >> 1 & 1),
                Offset = (ChoiceOffset)(rules >> 2),
            });
            int[] kept = [.. Enumerable.Range(0, routes.Length).Where(plan.IsKept)];
            Assert.Equal(kept.OrderBy(r => routes[r]), plan.Permutation.ToArray());
            Assert.Equal(routes.Count(static e => e >= 0), kept.Length + plan.DroppedCount);
            Assert.Equal((0, kept.Length, experts + 1), (plan.Offsets[0], plan.Offsets[^1], plan.Offsets.Length));
            for (int e = 0; e < experts; e++)
            {
                Assert.InRange(plan.Offsets[e + 1] - plan.Offsets[e], 0, capacity);
                foreach (int r in plan.Permutation[plan.Offsets[e]..plan.Offsets[e + 1]]) Assert.Equal(e, routes[r]);
            }
        }, iter: 2000);

    [Fact]
    public void Bad_routes_are_refused_by_name()
    {
        Refused("expertIds", "expertIds[1] = 4: must be -1 (none) or in 0..3", static () => ExpertPlan.Dropless([0, 4], 4));
        Refused("expertIds", "expertIds[0] = -2: must be -1 (none) or in 0..3", static () => ExpertPlan.Dropless([-2, 0], 4));
        Refused("experts", "", static () => ExpertPlan.Dropless([], 0));
        Refused("choices", "", static () => ExpertPlan.Build([], [], 0, 4, DispatchSpec.Dropless));
        Refused("expertIds", "expertIds has 3 values; must be a multiple of choices (2)", static () => ExpertPlan.Build(new int[3], new float[3], 2, 4, DispatchSpec.Dropless));
        Refused("weights", "weights has 3 values; must be as many as expertIds (4)", static () => ExpertPlan.Build(new int[4], new float[3], 2, 4, DispatchSpec.Dropless));
        Refused("dispatch", "", static () => ExpertPlan.Build([], [], 1, 4, null!));
        Refused(null, "must be equally many", static () => ExpertPlan.FromKept([0, 0], 1, 1, new bool[2], new int[1], 1));
        Refused("kept", "kept[1] is true; route 1 has no expert", static () => ExpertPlan.FromKept([0, -1], 1, 1, [true, true], [0, -1], 1));
        Refused("kept", "expert 0 keeps 2 routes; must be at most capacity (1)", static () => ExpertPlan.FromKept([0, 0], 1, 1, [true, true], [0, 1], 1));
        Refused("expertIds", "expertIds[0] = 7", static () => ExpertPlan.FromKept([7], 1, 1, [true], [0], 1));
        Refused("capacity", "", static () => ExpertPlan.FromKept([0], 1, 1, [true], [0], -1));
    }

    private static ExpertPlan Build(DispatchSpec dispatch) => ExpertPlan.Build(s_routes, s_weights, 2, 4, dispatch);

    private static void Refused(string? parameter, string message, Action call)
    {
        var refused = Assert.ThrowsAny<ArgumentException>(call);
        Assert.Equal(parameter, refused.ParamName);
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }
}
