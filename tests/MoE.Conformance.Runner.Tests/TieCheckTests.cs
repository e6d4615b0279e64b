using CsCheck;

namespace MoE.Conformance.Runner.Tests;

/// <summary>Which recorded choices a tie allows.</summary>
public sealed class TieCheckTests
{
    private static readonly RouterSpec Plain = new() { Experts = 4, Score = new ScoreSpec { Function = ScoreFunction.Identity }, Select = new TopKSelection { K = 2 } };

    private static readonly RouterSpec Grouped = Plain with { Select = new TopKSelection { K = 2, Groups = new GroupLimit { Count = 2, Keep = 1 } } };

    [Theory]
    [InlineData(new[] { 0, 1 }, true)]
    [InlineData(new[] { 2, 0 }, true)]
    [InlineData(new[] { 1, 2 }, false)]
    [InlineData(new[] { 0, 3 }, false)]
    [InlineData(new[] { 0, 0 }, false)]
    [InlineData(new[] { 0, -1 }, false)]
    public void Equal_scores_may_be_exchanged(int[] recorded, bool allowed) =>
        Assert.Equal(allowed, TieCheck.Allows(Plain, [3, 1, 1, 0], [], recorded, "float32"));

    [Theory]
    [InlineData(1e-6f, true)]
    [InlineData(4e-6f, false)]
    public void Nearly_equal_scores_may_be_exchanged(float gap, bool allowed) =>
        Assert.Equal(allowed, TieCheck.Allows(Plain, [1, 0.1f + gap, 0.1f, 0], [], [0, 2], "float32"));

    [Fact]
    public void In_bfloat16_a_rounding_step_is_a_tie()
    {
        Assert.True(TieCheck.Allows(Plain, [1, 0.5f, 0.496f, 0], [], [0, 2], "bfloat16"));
        Assert.False(TieCheck.Allows(Plain, [1, 0.5f, 0.496f, 0], [], [0, 2], "float32"));
        Assert.False(TieCheck.Allows(Plain, [1, 0.5f, 0.45f, 0], [], [0, 2], "bfloat16"));
    }

    [Fact]
    public void The_bias_takes_part()
    {
        var biased = Plain with { Select = new TopKSelection { K = 2, UsesBias = true } };
        Assert.True(TieCheck.Allows(biased, [3, 1, 0, 0], [0, 0, 1, 0], [0, 2], "float32"));
        Assert.False(TieCheck.Allows(biased, [3, 1, 1, 0], [0, 0, -1, 0], [0, 2], "float32"));
    }

    [Fact]
    public void Tied_groups_may_be_exchanged_and_others_not()
    {
        Assert.True(TieCheck.Allows(Grouped, [2, 1, 1, 2], [], [0, 1], "float32"));
        Assert.True(TieCheck.Allows(Grouped, [2, 1, 1, 2], [], [3, 2], "float32"));
        Assert.False(TieCheck.Allows(Grouped, [2, 1, 1, 2], [], [0, 3], "float32"));
        Assert.False(TieCheck.Allows(Grouped, [2, 1.5f, 1, 2], [], [3, 2], "float32"));
    }

    [Fact]
    public void Masked_groups_at_zero_may_be_exchanged()
    {
        var spec = new RouterSpec
        {
            Experts = 6,
            Score = new ScoreSpec { Function = ScoreFunction.Identity },
            Select = new TopKSelection { K = 2, Groups = new GroupLimit { Count = 3, Keep = 1, Mask = GroupMask.Zero } },
        };
        Assert.True(TieCheck.Allows(spec, [-1, -1, -2, -2, -3, -3], [], [2, 5], "float32"));
        Assert.False(TieCheck.Allows(spec, [-1, -1, -2, -2, -3, -3], [], [0, 5], "float32"));
    }

    [Fact]
    public void The_librarys_own_choice_is_always_allowed() => Gen.Float[-3, 3].Array[4].Sample(logits =>
    {
        foreach (var spec in new[] { Plain, Grouped })
        {
            int[] chosen = ReferenceRouter.Route(logits, spec).ExpertIds.ToArray();
            Assert.True(TieCheck.Allows(spec, logits, [], chosen, "float32"));
        }
    });

    [Fact]
    public void Selection_scores_are_what_the_choice_compares()
    {
        var scores = new float[8];
        ReferenceRouter.SelectionScores([1, 2, 3, 4, 4, 3, 2, 1], Grouped, new RouteOptions { Padding = [false, true] }, scores);
        float none = float.NegativeInfinity;
        Assert.Equal([none, none, 3, 4, none, none, none, none], scores);
        Assert.Throws<ArgumentException>(() => ReferenceRouter.SelectionScores([1, 2, 3, 4], Grouped, default, new float[3]));
    }
}
