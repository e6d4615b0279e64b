namespace MoE.Onnx.Tests.Layers;

/// <summary>ONNX Runtime's quantised experts against the managed kernels on the same numbers and scales.</summary>
public sealed class QuantizedFormTests
{
    private static readonly Dictionary<string, MoELayerSpec> s_specs = new()
    {
        ["softmax over the chosen"] = LayerProfiles.Mixtral(64, 96, 8, 2),
        ["highest index first"] = LayerProfiles.Mixtral(64, 96, 8, 2) with { Router = RouterProfiles.Mixtral(8) with { Ties = TieRule.HighestIndex } },
        ["probabilities as they are"] = LayerProfiles.Olmoe(32, 64, 16, 4),
        ["sigmoid, groups, bias, scale"] = LayerProfiles.DeepSeekV3(64, 32, 16, 4, 4, 2, 2.5) with { Shared = null },
        ["relu with biases"] = LayerProfiles.Mixtral(32, 64, 5, 3) with { Expert = new ExpertSpec { Form = ExpertForm.FeedForward, Activation = Activation.Relu, Width = 64, Biases = true } },
        ["no multiple of the block, with biases"] = LayerProfiles.GptOss(64, 44, 8, 4),
        ["narrower than a block"] = LayerProfiles.Mixtral(32, 5, 4, 2) with { Expert = new ExpertSpec { Form = ExpertForm.FeedForward, Activation = Activation.GeluTanh, Width = 5, Biases = true } },
        ["gpt-oss"] = LayerProfiles.GptOss(64, 32, 8, 4),
    };

    public static TheoryData<string, WeightFormat, bool> Cases
    {
        get
        {
            var data = new TheoryData<string, WeightFormat, bool>();
            foreach (string name in s_specs.Keys)
            {
                foreach (var format in new[] { WeightFormat.Int8PerRow, WeightFormat.Int8PerBlock, WeightFormat.Int4PerBlock, WeightFormat.Int4PerBlockAsymmetric })
                {
                    foreach (bool routing in new[] { false, true }) data.Add(name, format, routing);
                }
            }

            return data;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void It_is_the_managed_layer_on_the_same_numbers(string name, WeightFormat format, bool routing)
    {
        var spec = s_specs[name];
        var layer = new LayerCase(spec);
        byte[] model = OnnxWriter.ToBytes(OnnxLayerWriter.Build(spec, layer.Weights, OnnxLayerForm.Quantized, new OnnxLayerOptions { RoutingOutputs = routing, Format = format }));
        using var engine = OnnxMoELayer.Load(model, new OnnxEngineOptions { IntraOpThreads = 1 });
        // ONNX Runtime quantises activations for 8-bit blocks.
        bool exact = format != WeightFormat.Int8PerBlock;
        using var managed = new ManagedMoEEngine(spec, layer.Weights, 1, new ExpertPrecision(format));
        float[] x = layer.Tokens(33), actual = new float[x.Length], expected = new float[x.Length];
        managed.Forward(x, expected);
        engine.Forward(x, actual);
        double error = 0, norm = 0;
        for (int i = 0; i < x.Length; i++)
        {
            error += Math.Pow(actual[i] - expected[i], 2);
            norm += Math.Pow(expected[i], 2);
        }

        Assert.True(Math.Sqrt(error / norm) <= (exact ? 1e-5 : 0.02), $"relative error {Math.Sqrt(error / norm)}");
        if (routing) LayerCase.RoutingsAreEqual((TopKRouting)managed.Route(x), (TopKRouting)engine.ForwardAndRoute(x, actual));
    }

    [Theory, InlineData(WeightFormat.Int4PerBlock), InlineData(WeightFormat.Int4PerBlockAsymmetric)]
    public void Four_bits_may_meet_activations_of_eight(WeightFormat format)
    {
        var layer = new LayerCase(s_specs["softmax over the chosen"]);
        byte[] model = OnnxWriter.ToBytes(OnnxLayerWriter.Build(layer.Spec, layer.Weights, OnnxLayerForm.Quantized, new OnnxLayerOptions { Format = format, Activations = ActivationFormat.Int8 }));
        using var engine = OnnxMoELayer.Load(model, new OnnxEngineOptions { IntraOpThreads = 1 });
        using var managed = new ManagedMoEEngine(layer.Spec, layer.Weights, 1, new ExpertPrecision(format));
        float[] x = layer.Tokens(33), actual = new float[x.Length], expected = new float[x.Length];
        managed.Forward(x, expected);
        engine.Forward(x, actual);
        double norm = Math.Sqrt(expected.Sum(static v => (double)v * v)), error = Math.Sqrt(expected.Zip(actual, static (a, b) => Math.Pow(a - b, 2)).Sum());
        // Neither equal, as they would be in single precision, nor further away than rounded activations put it.
        Assert.InRange(error / norm, 1e-4, 0.02);
    }

    [Fact]
    public void What_it_cannot_hold_is_refused()
    {
        var spec = LayerProfiles.Mixtral(33, 40, 4, 2) with { Expert = new ExpertSpec { Width = 40, Form = ExpertForm.FeedForward, Activation = Activation.Gelu } };
        var problems = OnnxLayerWriter.Refusals(spec, OnnxLayerForm.Quantized);
        Assert.Equal(["expert.activation", "width"], problems.Select(static p => p.Name));
        Assert.Contains("com.microsoft::QMoE", problems[0].Rule);
        var layer = new LayerCase(LayerProfiles.Mixtral(32, 32, 4, 2));
        Assert.Contains("format with integers", Assert.Throws<ArgumentOutOfRangeException>(() => OnnxLayerWriter.Build(layer.Spec, layer.Weights, OnnxLayerForm.Quantized, new OnnxLayerOptions { Format = WeightFormat.BFloat16 })).Message);
    }
}
