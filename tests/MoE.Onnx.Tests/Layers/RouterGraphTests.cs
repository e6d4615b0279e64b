namespace MoE.Onnx.Tests;

/// <summary>Every router that a spec can say, in both forms, against the managed reference.</summary>
public class RouterGraphTests
{
    private const int Experts = 12;

    public static TheoryData<string> Routers => [.. All.Keys];

    private static Dictionary<string, RouterSpec> All { get; } = Make();

    [Theory]
    [MemberData(nameof(Routers))]
    public void Portable(string router) => Check(All[router], OnnxLayerForm.Portable);

    [Theory]
    [MemberData(nameof(Routers))]
    public void Contrib(string router)
    {
        var spec = All[router];
        if (spec.Score.Function == ScoreFunction.Identity)
        {
            var e = Assert.Throws<OnnxExportException>(() => Check(spec, OnnxLayerForm.Contrib));
            Assert.Equal("router.score.function", Assert.Single(e.Problems).Name);
            return;
        }

        Check(spec, OnnxLayerForm.Contrib);
        // Without routing outputs the operator routes by itself where it can.
        Check(spec, OnnxLayerForm.Contrib, routingOutputs: false);
    }

    [Theory]
    [MemberData(nameof(Routers))]
    public void Alone(string router)
    {
        var layer = Layer(All[router]);
        using var gate = OnnxGate.Load(OnnxWriter.ToBytes(OnnxRouterWriter.Build(All[router], layer.Weights)));
        using var reference = new ReferenceLayer(layer.Spec, layer.Weights);
        float[] x = layer.Tokens(50);
        LayerCase.RoutingsAreEqual((TopKRouting)reference.Route(x), (TopKRouting)gate.Route(new GateInput(x, layer.Spec.Width)));
    }

    private static void Check(RouterSpec spec, OnnxLayerForm form, bool routingOutputs = true) => Layer(spec).Check(form, 50, routingOutputs);

    private static LayerCase Layer(RouterSpec router) =>
        new(LayerCase.Layer(width: 8, inner: 6) with { Router = router, RouterBias = true });

    private static Dictionary<string, RouterSpec> Make()
    {
        var specs = new Dictionary<string, RouterSpec>();
        var plain = new RouterSpec { Experts = Experts, Select = new TopKSelection { K = 3 } };
        foreach (var function in Enum.GetValues<ScoreFunction>())
        {
            foreach (var stage in Enum.GetValues<ScoreStage>())
            {
                var scored = plain with { Score = new ScoreSpec { Function = function, Stage = stage } };
                specs.Add($"{function} {stage}", scored);
                if (function == ScoreFunction.Identity) continue;
                specs.Add($"{function} {stage} sum", scored with { Weigh = new WeighSpec { Normalization = WeightNormalization.Sum } });
                specs.Add($"{function} {stage} sum scaled", scored with { Weigh = new WeighSpec { Normalization = WeightNormalization.Sum, Epsilon = 1e-20, Scale = 2.5 } });
            }
        }

        foreach (double p in (double[])[1, 2, 3])
            specs.Add($"p-norm {p}", plain with { Weigh = new WeighSpec { Normalization = WeightNormalization.PNorm, P = p } });
        specs.Add("epsilon added", plain with { Weigh = new WeighSpec { Normalization = WeightNormalization.Sum, Epsilon = 0.1 } });
        specs.Add("epsilon as floor", plain with { Weigh = new WeighSpec { Normalization = WeightNormalization.Sum, Epsilon = 0.6, EpsilonRule = EpsilonRule.Floor } });
        specs.Add("epsilon below single precision", plain with { Weigh = new WeighSpec { Normalization = WeightNormalization.Sum, Epsilon = 1e-60 } });
        specs.Add("negative scale", plain with { Weigh = new WeighSpec { Scale = -0.5 } });
        specs.Add("zero scale", plain with { Weigh = new WeighSpec { Normalization = WeightNormalization.Sum, Scale = 0 } });
        specs.Add("temperature", plain with { Score = new ScoreSpec { Temperature = 0.3 } });
        specs.Add("temperature after", plain with { Score = new ScoreSpec { Temperature = 2.5, Stage = ScoreStage.AfterSelection } });
        foreach (bool single in (bool[])[false, true])
        {
            var one = new TopKSelection { K = 1 };
            var weigh = new WeighSpec { Normalization = WeightNormalization.Sum, NormalizeSingle = single };
            specs.Add($"k = 1, normalized {single}", plain with { Select = one, Weigh = weigh });
            specs.Add($"k = 1 after, normalized {single}", plain with { Select = one, Weigh = weigh, Score = new ScoreSpec { Stage = ScoreStage.AfterSelection } });
        }

        foreach (var ties in Enum.GetValues<TieRule>())
        {
            specs.Add($"ties {ties}", plain with { Ties = ties });
            specs.Add($"ties {ties} sum", plain with { Ties = ties, Weigh = new WeighSpec { Normalization = WeightNormalization.Sum } });
            specs.Add($"ties {ties} scaled", plain with { Ties = ties, Weigh = new WeighSpec { Scale = 3 } });
        }

        specs.Add("all", plain with { Select = new AllSelection() });
        specs.Add("all sum", plain with { Select = new AllSelection(), Weigh = new WeighSpec { Normalization = WeightNormalization.Sum } });
        specs.Add("all sigmoid", plain with { Select = new AllSelection(), Score = new ScoreSpec { Function = ScoreFunction.Sigmoid } });
        specs.Add("k = E", plain with { Select = new TopKSelection { K = Experts } });
        specs.Add("bias", plain with { Select = new TopKSelection { K = 3, UsesBias = true } });
        foreach (var score in Enum.GetValues<GroupScore>())
        {
            foreach (var mask in Enum.GetValues<GroupMask>())
            {
                var groups = new GroupLimit { Count = 3, Keep = 2, Score = score, Mask = mask };
                specs.Add($"groups {score} {mask}", plain with { Select = new TopKSelection { K = 4, Groups = groups } });
                specs.Add($"groups {score} {mask} bias", plain with
                {
                    Score = new ScoreSpec { Function = ScoreFunction.Sigmoid },
                    Select = new TopKSelection { K = 4, Groups = groups, UsesBias = true },
                    Weigh = new WeighSpec { Normalization = WeightNormalization.Sum, Epsilon = 1e-20, Scale = 2.5 },
                });
            }
        }

        return specs;
    }
}
