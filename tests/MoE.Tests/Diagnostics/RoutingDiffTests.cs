using System.Text.Json;
using CsCheck;
using MoE.Diagnostics;

namespace MoE.Tests.Diagnostics;

/// <summary>Differences of routings, logs and specs: which tokens, how close, how much weight.</summary>
public sealed class RoutingDiffTests
{
    private static readonly TopKRouting s_before = new(3, 4, 2, [0, 1, 2, 3, 1, 0], [0.5f, 0.5f, 0.75f, 0.25f, 1, 0]);
    private static readonly TopKRouting s_after = new(3, 4, 2, [1, 0, 2, 0, -1, -1], [0.5f, 0.5f, 0.5f, 0.125f, 0, 0]);

    [Fact]
    public void Order_is_no_change_and_another_expert_is()
    {
        var diff = RoutingDiff.Between(s_before, s_after, [1, 0.001f, 2], [1, 0.25f, float.NaN]);
        var place = Assert.Single(diff.Places);
        Assert.Equal([1, 2], place.Changes.Select(static c => c.Token));
        Assert.Equal([2, 3], place.Changes[0].Before);
        Assert.Equal([0, 2], place.Changes[0].After);
        Assert.Equal((0.001f, 0.25f), (place.Changes[0].MarginBefore, place.Changes[0].MarginAfter));
        Assert.Empty(place.Changes[1].After);
        Assert.Equal((2, 0, 1.0, false), (diff.ChangedTokens, place.DropChanges, place.MaxWeightDifference, diff.IsEmpty));
    }

    [Fact]
    public void The_text_names_tokens_and_margins_and_is_cut()
    {
        var diff = RoutingDiff.Between(s_before, s_after, [1, 0.001f, 2], [1, 0.25f, float.NaN]);
        Assert.Equal(
            """
            2 of 3 tokens change their experts, 0 their drops; largest weight difference 1
              token 1: 2 3 -> 0 2, margin 0.001 -> 0.25
              and 1 more
            2 of 3 tokens change their experts in 1 routings

            """.ReplaceLineEndings("\n"),
            diff.ToText(most: 1));
        Assert.Contains("  token 2: 0 1 -> none, margin 2 -> NaN\n", diff.ToText(), StringComparison.Ordinal);
        Assert.Equal("0 of 3 tokens change their experts in 1 routings\n", RoutingDiff.Between(s_before, s_before).ToText());
    }

    [Fact]
    public void The_json_is_complete()
    {
        using var json = JsonDocument.Parse(RoutingDiff.Between(s_before, s_after, [1, 0.001f, float.PositiveInfinity]).ToJson());
        var root = json.RootElement;
        Assert.Equal((1, 2), (root.GetProperty("schema").GetInt32(), root.GetProperty("changed_tokens").GetInt32()));
        var changes = root.GetProperty("places")[0].GetProperty("changes");
        Assert.Equal("""[2,3]""", changes[0].GetProperty("before").ToString().Replace(" ", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal));
        Assert.Equal("0.001", changes[0].GetProperty("margin_before").GetRawText());
        Assert.Equal(JsonValueKind.Null, changes[0].GetProperty("margin_after").ValueKind);
        Assert.Equal("Infinity", changes[1].GetProperty("margin_before").GetString());
    }

    [Fact]
    public void A_capacity_changes_drops_and_not_the_choice()
    {
        var capped = new TopKRouting(3, 4, 2, [0, 1, 2, 3, 1, 0], [0.5f, 0.5f, 0.75f, 0.25f, 0, 0], ExpertPlan.Build([0, 1, 2, 3, 1, 0], new float[6], 2, 4, new DispatchSpec { Capacity = new CapacitySpec { Fixed = 1 } }));
        var diff = RoutingDiff.Between(s_before, capped);
        Assert.Equal((0, 2, 1.0), (diff.ChangedTokens, diff.Places[0].DropChanges, diff.Places[0].MaxWeightDifference));
        Assert.False(diff.IsEmpty);
    }

    [Fact]
    public void Forms_may_differ_and_shapes_may_not()
    {
        var dense = new DenseRouting(3, 4, 1, s_before.ToDenseWeights());
        // Token 2 gives expert 0 no weight, which in a dense routing is no expert.
        Assert.Equal([2], RoutingDiff.Between(s_before, dense).Places[0].Changes.Select(static c => c.Token));
        var ragged = new RaggedRouting(4, [0, 2, 4, 6], [0, 1, 2, 3, 1, 0], s_before.Weights.ToArray());
        Assert.True(RoutingDiff.Between(s_before, ragged).IsEmpty);
        Assert.Contains("before is of 3 tokens over 4 experts, after of 2 tokens over 4 experts", Assert.Throws<ArgumentException>(static () => RoutingDiff.Between(s_before, new TopKRouting(2, 4, 1, [0, 0], [1, 1]))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("marginsAfter", static () => RoutingDiff.Between(s_before, s_after, default, [1]));
    }

    [Fact]
    public void Logs_are_matched_by_layer_and_step()
    {
        RoutingRecord Record(string layer, long step, Routing routing, bool weights = true) => new(layer, step, routing, weights, []);
        var before = new RoutingLog([Record("a", 0, s_before), Record("a", 1, s_before), Record("b", 0, s_before), Record("c", 0, s_before)]);
        var after = new RoutingLog([Record("c", 0, new TopKRouting(1, 4, 1, [0], [1])), Record("a", 0, s_after, weights: false), Record("a", 1, s_before), Record("d", 5, s_before)]);
        var diff = RoutingDiff.Between(before, after);
        Assert.Equal([("a", 0L, 2), ("a", 1L, 0)], diff.Places.Select(static p => (p.Layer, p.Step, p.Changes.Count)));
        Assert.Equal((null, 0.0), (diff.Places[0].MaxWeightDifference, diff.Places[1].MaxWeightDifference));
        Assert.Equal(
            [
                "before only: the record of layer \"b\" at step 0",
                "the record of layer \"c\" at step 0: 3 tokens over 4 experts before, 1 tokens over 4 experts after",
                "after only: the record of layer \"d\" at step 5",
            ],
            diff.Unmatched);
        Assert.StartsWith("before only: the record of layer \"b\" at step 0\n", diff.ToText(), StringComparison.Ordinal);
        Assert.Contains("a, step 0: 2 of 3 tokens change their experts, 0 their drops; largest weight difference not known\n", diff.ToText(), StringComparison.Ordinal);
        Assert.True(RoutingDiff.Between(before, before).IsEmpty);
    }

    [Fact]
    public void Two_specs_on_the_same_logits()
    {
        float[] logits = [2, 1, 0, -1, 0.2f, 0.1f, 0, 3];
        var top = RouterProfiles.Olmoe(4, 1);
        var biased = top with { Select = new TopKSelection { K = 1, UsesBias = true } };
        var diff = RoutingDiff.Between(logits, top, biased, new RouteOptions { SelectionBias = [0, 10, 0, 0], Padding = [false, true] });
        var change = Assert.Single(diff.Places[0].Changes);
        Assert.Equal((0, 0, 1), (change.Token, Assert.Single(change.Before), Assert.Single(change.After)));
        Assert.True(change.MarginBefore is > 0 and < 1 && change.MarginAfter > 9);
        Assert.True(RoutingDiff.Between(logits, top, top).IsEmpty);
        Assert.Throws<SpecException>(static () => RoutingDiff.Between(new float[4], RouterProfiles.Olmoe(4, 1), RouterProfiles.Olmoe(4, 1) with { Select = new TopKSelection { K = 9 } }));
    }

    [Fact]
    public void Against_itself_nothing_differs() => RandomRoutings.Any.Sample(static routing => RoutingDiff.Between(routing, routing).IsEmpty, iter: 300);
}
