namespace MoE.Onnx.Tests;

/// <summary>Routers that take different numbers of experts per token, and those with a stage of their own, against the reference.</summary>
public class RaggedRouterTests
{
    private static readonly Dictionary<string, RouterSpec> Routers = new()
    {
        ["top-p"] = RouterProfiles.DynamicTopP(8, 0.4),
        ["top-p, everything"] = RouterProfiles.DynamicTopP(8, 1.5),
        ["top-p, the best only"] = RouterProfiles.DynamicTopP(8, 0),
        ["top-p, highest index first, normalised"] = RouterProfiles.DynamicTopP(8, 0.5) with { Ties = TieRule.HighestIndex, Weigh = new WeighSpec { Normalization = WeightNormalization.Sum, Scale = 2.5 } },
        ["relu, possibly none"] = RouterProfiles.ReMoE(8),
        ["relu, normalised"] = RouterProfiles.ReMoE(8) with { Weigh = new WeighSpec { Normalization = WeightNormalization.Sum } },
        ["threshold, at least one"] = RouterProfiles.DenseToSparse(8, threshold: 0.3, noisy: false),
        ["threshold, at least the highest index"] = RouterProfiles.DenseToSparse(8, threshold: 0.9, noisy: false) with { Ties = TieRule.HighestIndex },
        ["threshold on logits"] = new RouterSpec { Experts = 6, Select = new ThresholdSelection { Threshold = 0.1 }, Score = new ScoreSpec { Stage = ScoreStage.AfterSelection } },
        ["nothing passes"] = new RouterSpec { Experts = 6, Select = new ThresholdSelection { Threshold = 2 } },
        ["prototypes"] = RouterProfiles.Prototypes(8, 2),
        ["prototypes, highest index first"] = RouterProfiles.Prototypes(9, 3) with { Ties = TieRule.HighestIndex },
        ["sparse mixer"] = RouterProfiles.PhiMoE(8),
        ["sparse mixer of three"] = RouterProfiles.PhiMoE(8, 3, 0.2),
        ["offset"] = RouterProfiles.OlmoCore(8, 2, ScoreFunction.Sigmoid, normalizeP: 2, bias: true),
        ["offset after the choice"] = new RouterSpec { Experts = 6, Select = new TopKSelection { K = 3 }, Score = new ScoreSpec { Stage = ScoreStage.AfterSelection, Offset = 0.25 } },
        ["biased weights"] = RouterProfiles.Ernie45(8, 3),
        ["weightless experts"] = RouterProfiles.MoEPlusPlus(8),
        ["only weightless experts"] = RouterProfiles.Mixtral(8) with { Weigh = new WeighSpec { Normalization = WeightNormalization.Sum, WeightlessExperts = 8 } },
        ["a capacity without a number"] = RouterProfiles.Tutel(8, 2, 0),
    };

    public static TheoryData<string, OnnxLayerForm> Cases
    {
        get
        {
            var data = new TheoryData<string, OnnxLayerForm>();
            foreach (string name in Routers.Keys)
                foreach (var form in LayerCase.SingleForms) data.Add(name, form);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_reference_gives_the_same(string name, OnnxLayerForm form)
    {
        var layer = new LayerCase(LayerCase.Layer() with { Router = Routers[name] });
        if (OnnxLayerWriter.Refusals(layer.Spec, form) is { Count: > 0 } refusals)
        {
            Assert.Equal((OnnxLayerForm.Contrib, "router.weigh.biased_weights"), (form, Assert.Single(refusals).Name));
            return;
        }

        layer.Check(form, 40);
        layer.Check(form, 0);
        layer.Check(form, 1, opset: OnnxOpset.Oldest);
        layer.Check(form, 40, routingOutputs: false);
    }

    [Theory]
    [InlineData(WeightFormat.Int8PerRow)]
    [InlineData(WeightFormat.Int4PerBlock)]
    public void Quantised_experts_too(WeightFormat format)
    {
        using var folder = new TestFolder();
        foreach (var (name, router) in Routers)
        {
            var layer = new LayerCase(LayerCase.Layer(width: 32, inner: 32) with { Router = router });
            var options = new OnnxExportOptions { Form = OnnxLayerForm.Quantized, Layer = new OnnxLayerOptions { Format = format }, Verify = new OnnxVerifyOptions { Tokens = 16 } };
            if (OnnxLayerWriter.Refusals(layer.Spec, OnnxLayerForm.Quantized).Count > 0) continue;
            var found = OnnxExporter.Export(layer.Spec, layer.Weights, folder["a.onnx"], options).Verification!;
            Assert.True(found.Passed, $"{name}: {found.ToText()}");
        }
    }

    [Fact]
    public void Different_tokens_take_different_numbers_of_experts()
    {
        var layer = new LayerCase(LayerCase.Layer() with { Router = RouterProfiles.ReMoE(8) });
        using var served = OnnxMoELayer.Create(layer.Spec, layer.Weights, OnnxLayerForm.Portable);
        var routing = (TopKRouting)served.Route(layer.Tokens(60));
        int[] taken = [.. Enumerable.Range(0, 60).Select(t => 8 - routing.ExpertIds.Slice(t * 8, 8).ToArray().Count(static e => e < 0))];
        Assert.True(taken.Distinct().Count() > 3);
        Assert.Equal(routing.Load().Sum(), taken.Sum());
    }

    [Fact]
    public void What_a_graph_cannot_express_is_refused_by_name()
    {
        static string[] Names(RouterSpec router) => [.. OnnxLayerWriter.Refusals(LayerCase.Layer() with { Router = router }, OnnxLayerForm.Portable).Select(static r => r.Name)];
        Assert.Equal(["router.dispatch.capacity", "router.select"], Names(RouterProfiles.VMoEExpertChoice(8)));
        Assert.Equal(["router.weigh.soft_top_k"], Names(RouterProfiles.Mixtral(8) with { Weigh = new WeighSpec { SoftTopK = new CoordinateDescentSpec() } }));
        Assert.Equal(["router.dispatch.capacity"], Names(RouterProfiles.Tutel(8, 2, 1.25)));
    }
}
