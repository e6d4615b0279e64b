namespace MoE.Onnx.Tests;

/// <summary>Where routers come apart: ties, vanishing scores, saturation.</summary>
public class RouterExtremesTests
{
    private static RouterSpec Router(int experts, int k, TieRule ties, GroupLimit? groups = null) => new()
    {
        Experts = experts,
        Select = new TopKSelection { K = k, Groups = groups },
        Ties = ties,
    };

    [Theory]
    [InlineData(5, 2)]
    [InlineData(64, 8)]
    [InlineData(64, 64)]
    [InlineData(300, 1)]
    public void Equal_scores_go_where_the_spec_says(int experts, int k)
    {
        foreach (var ties in Enum.GetValues<TieRule>())
        {
            var weights = new WeightDictionary().Add(WeightNames.Router, new float[experts * 3], experts, 3);
            using var gate = OnnxGate.Load(OnnxWriter.ToBytes(OnnxRouterWriter.Build(Router(experts, k, ties), weights)));
            var routing = (TopKRouting)gate.Route(new GateInput([1, 2, 3], 3));
            var expected = Enumerable.Range(0, k).Select(j => ties == TieRule.HighestIndex ? experts - 1 - j : j);
            Assert.Equal(expected, routing.ExpertIds.ToArray());
        }
    }

    [Theory]
    [InlineData(TieRule.LowestIndex)]
    [InlineData(TieRule.HighestIndex)]
    public void Many_ties_among_scores_and_groups(TieRule ties)
    {
        // Small integers as weights and tokens: exact logits, hundreds of ties.
        var random = new Random(5);
        var groups = new GroupLimit { Count = 4, Keep = 2, Score = GroupScore.SumOfTopTwo };
        foreach (var router in (RouterSpec[])[Router(16, 5, ties), Router(16, 5, ties, groups)])
        {
            var spec = router with { Score = new ScoreSpec { Stage = ScoreStage.AfterSelection } };
            float[] scorer = Ints(16 * 2), x = Ints(400 * 2);
            var weights = new WeightDictionary().Add(WeightNames.Router, scorer, 16, 2);
            using var gate = OnnxGate.Load(OnnxWriter.ToBytes(OnnxRouterWriter.Build(spec, weights)));
            var reference = new LinearGate(spec, scorer);
            LayerCase.RoutingsAreEqual((TopKRouting)reference.Route(new GateInput(x, 2)), (TopKRouting)gate.Route(new GateInput(x, 2)));
        }

        float[] Ints(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)random.Next(-1, 2))];
    }

    [Theory]
    [InlineData(OnnxLayerForm.Portable)]
    [InlineData(OnnxLayerForm.Contrib)]
    public void Equal_logits_choose_the_lowest_index_in_the_contrib_form_too(OnnxLayerForm form)
    {
        // The operator by itself takes the highest (measured on 1.31.1); the router in front decides.
        var layer = new LayerCase(LayerCase.Layer(experts: 5)).With(WeightNames.Router, new float[35]);
        layer.Check(form, 4);
        layer.Check(form, 4, routingOutputs: false);
    }

    [Fact]
    public void The_operators_own_router_breaks_ties_as_the_spec_with_the_highest_index()
    {
        var spec = LayerCase.Layer(experts: 5);
        var layer = new LayerCase(spec with { Router = spec.Router with { Ties = TieRule.HighestIndex } }).With(WeightNames.Router, new float[35]);
        layer.Check(OnnxLayerForm.Contrib, 4, routingOutputs: false);
    }

    public static TheoryData<OnnxLayerForm, ScoreFunction, float> Vanishing
    {
        get
        {
            var data = new TheoryData<OnnxLayerForm, ScoreFunction, float>();
            foreach (var form in LayerCase.SingleForms)
            {
                foreach (float level in (float[])[-10, -20, -60, -85, -200, 20, 60])
                {
                    data.Add(form, ScoreFunction.Sigmoid, level);
                    // At -200 softplus is below single precision, though its root is not: documented as lost.
                    if (level != -200) data.Add(form, ScoreFunction.SqrtSoftplus, level);
                    data.Add(form, ScoreFunction.Softmax, level);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Vanishing))]
    public void Scores_far_from_zero_keep_their_ratios(OnnxLayerForm form, ScoreFunction function, float level)
    {
        var spec = LayerCase.Layer(experts: 4);
        spec = spec with
        {
            RouterBias = true,
            Router = spec.Router with { Score = new ScoreSpec { Function = function } },
        };
        // Where single precision still tells the scores apart, the logits do; beyond, all are equal and ties decide on both sides.
        bool vanished = level == -200 || (level > 0 && function == ScoreFunction.Sigmoid);
        float[] steps = vanished ? [0, 0, 0, 0] : [0.25f, 0, 0.75f, 0.5f];
        var layer = new LayerCase(spec).With(WeightNames.Router, new float[28]).With(WeightNames.RouterBias, [.. steps.Select(s => level + s)]);
        layer.Check(form, 3);
    }

    [Theory]
    [InlineData(GroupMask.NegativeInfinity, new[] { 5, 4 })]
    [InlineData(GroupMask.Zero, new[] { 0, 1 })]
    public void A_masked_group_wins_over_negative_scores_where_the_spec_says_zero(GroupMask mask, int[] expected)
    {
        // Group 1 (experts 3 to 5) is the better one, but all biased scores are negative: zeros beat them, as in transformers.
        var spec = LayerCase.Layer(experts: 6);
        var groups = new GroupLimit { Count = 2, Keep = 1, Mask = mask };
        spec = spec with { RouterBias = true, Router = spec.Router with { Select = new TopKSelection { K = 2, Groups = groups, UsesBias = true } } };
        var layer = new LayerCase(spec)
            .With(WeightNames.Router, new float[42])
            .With(WeightNames.RouterBias, [0, 0, 0, 1, 2, 3])
            .With(WeightNames.SelectionBias, [-9, -9, -9, -9, -9, -9]);
        foreach (var form in LayerCase.SingleForms) layer.Check(form, 2);
        using var gate = OnnxGate.Load(OnnxWriter.ToBytes(OnnxRouterWriter.Build(spec.Router, layer.Weights)));
        Assert.Equal(expected, ((TopKRouting)gate.Route(new GateInput(layer.Tokens(1), 7))).ExpertIds.ToArray());
    }

    [Theory]
    [InlineData(OnnxLayerForm.Portable)]
    [InlineData(OnnxLayerForm.Contrib)]
    public void A_choice_by_bias_may_fall_on_scores_that_are_zero(OnnxLayerForm form)
    {
        // Softmax leaves nothing for experts 0 and 1, the bias chooses them all the same: the weights are 0 / 0, which stays 0.
        var spec = LayerCase.Layer(experts: 4);
        spec = spec with { RouterBias = true, Router = spec.Router with { Select = new TopKSelection { K = 2, UsesBias = true } } };
        var layer = new LayerCase(spec)
            .With(WeightNames.Router, new float[28])
            .With(WeightNames.RouterBias, [0, 0, 500, 500])
            .With(WeightNames.SelectionBias, [9, 9, 0, 0]);
        layer.Check(form, 3);
        using var engine = OnnxMoELayer.Create(spec, layer.Weights, form);
        var y = new float[7];
        var routing = (TopKRouting)engine.ForwardAndRoute(layer.Tokens(1), y);
        Assert.Equal([0, 1], routing.ExpertIds.ToArray());
        Assert.All(y, static v => Assert.Equal(0, v));
    }
}
