namespace MoE.Tests.Reference;

/// <summary>Bad input is refused at the boundary with the argument, the value and the rule.</summary>
public sealed class ReferenceRouterRefusalTests
{
    private static readonly RouterSpec s_top2 = new() { Experts = 4, Select = new TopKSelection { K = 2 } };

    private static readonly RouterSpec s_biased = s_top2 with { Select = new TopKSelection { K = 2, UsesBias = true } };

    [Theory]
    [InlineData(float.NaN, "logits[1, 2] = NaN: must be finite or -infinity")]
    [InlineData(float.PositiveInfinity, "logits[1, 2] = Infinity: must be finite or -infinity")]
    public void A_logit_that_is_no_number_is_named(float bad, string message)
    {
        float[] logits = [1, 2, 3, 4, 5, 6, bad, 8];
        Refused("logits", message, () => ReferenceRouter.Route(logits, s_top2));
        Refused("logits", message, () => ReferenceRouter.SelectionScores(logits, s_top2, default, new float[8]));
    }

    [Fact]
    public void A_token_without_any_finite_logit_is_named()
    {
        const float none = float.NegativeInfinity;
        Refused("logits", "logits[1, *]: every open expert has -infinity; one must be finite", () => ReferenceRouter.Route([1, 2, 3, 4, none, none, none, none], s_top2));
        Refused("logits", "logits[0, *]: every open expert has -infinity; one must be finite", () => ReferenceRouter.Route([1, none, none, none], s_top2, new RouteOptions { ClosedExperts = [true, false, false, false] }));
    }

    [Fact]
    public void The_first_bad_logit_is_the_one_that_is_named() =>
        Refused("logits", "logits[0, 3] = NaN", () => ReferenceRouter.Route([1, 2, 3, float.NaN, float.NaN, 6, 7, 8], s_top2));

    [Fact]
    public void The_check_of_the_logits_can_be_turned_off()
    {
        float[] logits = [1, 2, float.NegativeInfinity, 4];
        Assert.Equal(ReferenceRouter.Route(logits, s_top2).Weights, ReferenceRouter.Route(logits, s_top2, new RouteOptions { SkipLogitCheck = true }).Weights);
        Refused("weights", "weights[0] = NaN: must be finite", () => ReferenceRouter.Route([float.NaN, 1, 2, 3], s_top2, new RouteOptions { SkipLogitCheck = true }));
    }

    [Fact]
    public void Lengths_are_named_with_what_they_must_be()
    {
        float[] logits = new float[8];
        Refused("logits", "logits has 7 values; must be a multiple of experts (4)", () => ReferenceRouter.Route(new float[7], s_top2));
        Refused("padding", "padding has 3 values; must have 2 (one per token)", () => ReferenceRouter.Route(logits, s_top2, new RouteOptions { Padding = new bool[3] }));
        Refused("closedExperts", "closedExperts has 3 values; must have 4 (one per expert)", () => ReferenceRouter.Route(logits, s_top2, new RouteOptions { ClosedExperts = new bool[3] }));
        Refused("givenExperts", "givenExperts has 3 values; must have 4 (tokens x k)", () => ReferenceRouter.Route(logits, s_top2, new RouteOptions { GivenExperts = new int[3] }));
        Refused("destination", "destination has 4 values; must be as many as logits (8)", () => ReferenceRouter.SelectionScores(logits, s_top2, default, new float[4]));
    }

    [Fact]
    public void The_bias_is_given_exactly_when_it_is_used()
    {
        float[] logits = new float[4];
        Refused("selectionBias", "selectionBias has 0 values; must have 4 for this spec", () => ReferenceRouter.Route(logits, s_biased));
        Refused("selectionBias", "selectionBias has 3 values; must have 4 for this spec", () => ReferenceRouter.Route(logits, s_biased, new RouteOptions { SelectionBias = new float[3] }));
        Refused("selectionBias", "selectionBias has 4 values; must have 0 for this spec", () => ReferenceRouter.Route(logits, s_top2, new RouteOptions { SelectionBias = new float[4] }));
        Refused("selectionBias", "selectionBias[1] = NaN: must be finite", () => ReferenceRouter.Route(logits, s_biased, new RouteOptions { SelectionBias = [0, float.NaN, 0, 0] }));
        Refused("selectionBias", "selectionBias[3] = -Infinity: must be finite", () => ReferenceRouter.Route(logits, s_biased, new RouteOptions { SelectionBias = [0, 0, 0, float.NegativeInfinity] }));
    }

    [Theory]
    [InlineData(-2)]
    [InlineData(4)]
    [InlineData(int.MaxValue)]
    public void A_given_expert_exists(int expert) =>
        Refused("givenExperts", $"givenExperts[1] = {expert}: must be -1 (none) or in 0..3", () => ReferenceRouter.Route(new float[4], s_top2, new RouteOptions { GivenExperts = [0, expert] }));

    [Fact]
    public void One_expert_is_open() =>
        Refused("closedExperts", "closedExperts closes every expert; at least one must be open", () => ReferenceRouter.Route(new float[4], s_top2, new RouteOptions { ClosedExperts = [true, true, true, true] }));

    [Fact]
    public void A_bad_spec_is_refused_before_the_logits_are_looked_at()
    {
        Assert.Throws<SpecException>(static () => ReferenceRouter.Route(new float[7], s_top2 with { Select = new TopKSelection { K = 5 } }));
        Assert.Throws<ArgumentNullException>("spec", static () => ReferenceRouter.Route([], null!));
    }

    private static void Refused(string parameter, string message, Action call)
    {
        var refused = Assert.Throws<ArgumentException>(call);
        Assert.Equal(parameter, refused.ParamName);
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }
}
