namespace MoE.Tests.Reference;

/// <summary>Group-limited selection: every group score, both masks, and the traps of the peers.</summary>
public sealed class ReferenceRouterGroupTests
{
    [Theory]
    [InlineData(GroupScore.Max, new[] { 0, 1 })]
    [InlineData(GroupScore.SumOfTopTwo, new[] { 4, 5 })]
    [InlineData(GroupScore.SumOfTopShare, new[] { 4, 5 })]
    public void The_best_group_is_the_one_its_score_says(GroupScore score, int[] expected) =>
        Assert.Equal(expected, Route([9, 1, 0, 4, 6, 5], new GroupLimit { Count = 3, Keep = 1, Score = score }, 2).ExpertIds);

    [Fact]
    public void The_share_is_k_over_keep_rounded_down()
    {
        // k = 3, keep = 2: one expert scores a group, so groups 0 and 1 are kept; by their two best it would be 1 and 2.
        float[] logits = [9, 0, 6, 5, 5, 5];
        Assert.Equal([0, 2, 3], Route(logits, new GroupLimit { Count = 3, Keep = 2, Score = GroupScore.SumOfTopShare }, 3).ExpertIds);
        Assert.Equal([2, 3, 4], Route(logits, new GroupLimit { Count = 3, Keep = 2, Score = GroupScore.SumOfTopTwo }, 3).ExpertIds);
    }

    [Fact]
    public void Choices_come_from_kept_groups_only()
    {
        float[] logits = [9, -9, 5, 5, 6, 6];
        Assert.Equal([4, 5, 2], Route(logits, new GroupLimit { Count = 3, Keep = 2 }, 3).ExpertIds);
    }

    [Fact]
    public void All_groups_kept_is_no_limit()
    {
        float[] logits = Draw.Coarse(50 * 6, 4);
        foreach (var score in Enum.GetValues<GroupScore>())
        {
            var limited = Route(logits, new GroupLimit { Count = 3, Keep = 3, Score = score }, 3);
            Assert.Equal(Route(logits, null, 3).ExpertIds, limited.ExpertIds);
        }
    }

    [Fact]
    public void Tied_groups_and_experts_obey_the_tie_rule()
    {
        var limit = new GroupLimit { Count = 3, Keep = 1 };
        Assert.Equal([0, 1], Route(new float[6], limit, 2).ExpertIds);
        Assert.Equal([5, 4], Route(new float[6], limit, 2, TieRule.HighestIndex).ExpertIds);
    }

    [Fact]
    public void With_a_zero_mask_a_lost_group_beats_negative_scores()
    {
        // DeepSeek-V3 issue 741, transformers issue 45440.
        float[] logits = [-4, -4, -3, -1, -5, -5];
        Assert.Equal([3, 2], Route(logits, new GroupLimit { Count = 3, Keep = 1 }, 2).ExpertIds);
        Assert.Equal([0, 1], Route(logits, new GroupLimit { Count = 3, Keep = 1, Mask = GroupMask.Zero }, 2).ExpertIds);
    }

    [Fact]
    public void With_a_zero_mask_positive_scores_still_win()
    {
        float[] logits = [4, 4, 3, 9, 5, 5];
        Assert.Equal([3, 2], Route(logits, new GroupLimit { Count = 3, Keep = 1, Mask = GroupMask.Zero }, 2).ExpertIds);
    }

    [Fact]
    public void A_zero_mask_does_not_open_closed_experts()
    {
        float[] logits = [-4, -4, -3, -1, -5, -5];
        Assert.Equal([1, 4], Route(logits, new GroupLimit { Count = 3, Keep = 1, Mask = GroupMask.Zero }, 2, closed: [true, false, false, false, false, false]).ExpertIds);
    }

    [Fact]
    public void Closed_experts_do_not_score_their_group()
    {
        float[] logits = [9, 9, 1, 1, 2, 0];
        bool[] closed = [true, false, false, false, false, false];
        Assert.Equal([1], Route(logits, new GroupLimit { Count = 3, Keep = 1, Score = GroupScore.Max }, 1, closed: closed).ExpertIds);
        // Its two best are 9 and nothing: minus infinity.
        Assert.Equal([2], Route(logits, new GroupLimit { Count = 3, Keep = 1 }, 1, closed: closed).ExpertIds);
    }

    [Fact]
    public void A_kept_group_with_too_few_open_experts_leaves_empty_routes()
    {
        bool[] closed = [false, false, true, true, true, true];
        Assert.Equal([0, 1], Route(new float[6], new GroupLimit { Count = 3, Keep = 1 }, 2, closed: closed).ExpertIds);
        Assert.Equal([1, -1], Route(new float[6], new GroupLimit { Count = 3, Keep = 1, Score = GroupScore.Max }, 2, closed: [true, false, true, true, true, true]).ExpertIds);
    }

    private static TopKRouting Route(float[] logits, GroupLimit? groups, int k, TieRule ties = TieRule.LowestIndex, bool[]? closed = null) => ReferenceRouter.Route(
        logits,
        new RouterSpec { Experts = 6, Score = new ScoreSpec { Function = ScoreFunction.Identity }, Select = new TopKSelection { K = k, Groups = groups }, Ties = ties },
        new RouteOptions { ClosedExperts = closed });
}
