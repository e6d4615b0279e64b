namespace MoE.Tests.Specs;

/// <summary>A bad layer is refused with every problem of router, experts and shared expert, under the path of each.</summary>
public sealed class MoELayerSpecValidationTests
{
    private static readonly MoELayerSpec s_good = new()
    {
        Width = 4,
        Router = new RouterSpec { Experts = 8, Select = new TopKSelection { K = 2 } },
        Expert = new ExpertSpec { Width = 6 },
        Shared = new SharedExpertSpec { Width = 3 },
    };

    public static TheoryData<MoELayerSpec, string> Bad => new()
    {
        { s_good with { Schema = 0 }, "schema = 0: must be 1" },
        { s_good with { Width = 0 }, "width = 0: must be positive" },
        { s_good with { Weighted = (WeightedSide)2 }, "weighted = 2: must be one of Output, Input" },
        { s_good with { Router = null! }, "router = null: must be given" },
        { s_good with { Expert = null! }, "expert = null: must be given" },
        { s_good with { Shared = new SharedExpertSpec { Width = -1 } }, "shared.width = -1: must be positive" },
        { s_good with { Router = s_good.Router with { Select = new TopKSelection { K = 9 } } }, "router.select.k = 9: must be in 1..experts (8)" },
        { Grouped(new GroupLimit { Count = 4, Keep = 2 }, 5), "router.select.k = 5: must not exceed the experts in the kept groups (2 x 2 = 4)" },
        { Grouped(new GroupLimit { Count = 3, Keep = 1 }, 1), "router.select.groups.count = 3: must divide experts (8)" },
        { Expert(new ExpertSpec { Width = 0 }), "expert.width = 0: must be positive" },
        { Expert(new ExpertSpec { Width = 1, Form = (ExpertForm)2 }), "expert.form = 2: must be one of FeedForward, Glu" },
        { Expert(new ExpertSpec { Width = 1, Activation = (Activation)9 }), "expert.activation = 9: must be one of Relu, Gelu, GeluTanh, Silu, Identity" },
        { Expert(new ExpertSpec { Width = 1, Layout = (GluLayout)9 }), "expert.layout = 9: must be one of Concatenated, Interleaved" },
        { Expert(new ExpertSpec { Width = 1, Alpha = double.NaN }), "expert.alpha = NaN: must be finite" },
        { Expert(new ExpertSpec { Width = 1, Alpha = 1.702, Activation = Activation.Gelu }), "expert.alpha = 1.702: needs activation Silu" },
        { Expert(new ExpertSpec { Width = 1, UpOffset = double.NegativeInfinity }), "expert.up_offset = -Infinity: must be finite" },
        { Expert(new ExpertSpec { Width = 1, Limit = 0 }), "expert.limit = 0: must be positive and finite" },
        { Expert(new ExpertSpec { Width = 1, Limit = double.NaN }), "expert.limit = NaN: must be positive and finite" },
        { Expert(new ExpertSpec { Width = 1, Limit = 7, Form = ExpertForm.FeedForward }), "expert.limit = 7: needs form Glu" },
        { Expert(new ExpertSpec { Width = 1, UpOffset = 1, Form = ExpertForm.FeedForward }), "expert.up_offset = 1: needs form Glu" },
    };

    [Theory, MemberData(nameof(Bad))]
    public void Each_rule_names_the_path_the_value_and_itself(MoELayerSpec spec, string problem)
    {
        Assert.Equal([problem], spec.Validate().Select(static p => p.ToString()));
        Assert.Equal(problem, Assert.Throws<SpecException>(spec.Checked).Message);
    }

    [Fact]
    public void Problems_of_all_parts_are_reported_at_once()
    {
        var spec = s_good with
        {
            Width = -1,
            Router = s_good.Router with { Score = new ScoreSpec { Temperature = -1 }, Select = new TopKSelection { K = 0 } },
            Expert = new ExpertSpec { Width = 0, Limit = -1 },
            Shared = new SharedExpertSpec { Width = 0 },
        };
        Assert.Equal(
            ["width", "router.score.temperature", "router.select.k", "expert.width", "expert.limit", "shared.width"],
            Assert.Throws<SpecException>(spec.Checked).Problems.Select(static p => p.Name));
    }

    [Fact]
    public void A_good_spec_has_no_problems()
    {
        Assert.Empty(s_good.Validate());
        Assert.Same(s_good, s_good.Checked());
    }

    private static MoELayerSpec Expert(ExpertSpec expert) => s_good with { Expert = expert };

    private static MoELayerSpec Grouped(GroupLimit groups, int k) =>
        s_good with { Router = s_good.Router with { Select = new TopKSelection { K = k, Groups = groups } } };
}
