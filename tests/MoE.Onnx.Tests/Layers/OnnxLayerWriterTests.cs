namespace MoE.Onnx.Tests;

/// <summary>Written layers, run by ONNX Runtime, against the managed reference.</summary>
public class OnnxLayerWriterTests
{
    public static TheoryData<OnnxLayerForm> Forms => [OnnxLayerForm.Portable, OnnxLayerForm.Loop, OnnxLayerForm.Contrib];

    [Theory]
    [InlineData(5, 2, 7, 9, 11)]
    [InlineData(1, 1, 3, 1, 4)]
    [InlineData(3, 1, 1, 5, 6)]
    [InlineData(4, 4, 5, 3, 3)]
    [InlineData(17, 5, 13, 33, 29)]
    [InlineData(64, 8, 16, 8, 1)]
    [InlineData(64, 8, 16, 8, 70)]
    public void Sizes(int experts, int k, int width, int inner, int tokens)
    {
        var layer = new LayerCase(LayerCase.Layer(experts, k, width, inner));
        layer.Check(OnnxLayerForm.Portable, tokens);
        layer.Check(OnnxLayerForm.Loop, tokens);
        layer.Check(OnnxLayerForm.Contrib, tokens);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(1000)]
    public void Token_counts(int tokens)
    {
        var layer = new LayerCase(LayerCase.Layer());
        layer.Check(OnnxLayerForm.Portable, tokens);
        layer.Check(OnnxLayerForm.Loop, tokens);
        layer.Check(OnnxLayerForm.Contrib, tokens);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void The_graph_itself_takes_no_tokens(OnnxLayerForm form)
    {
        // The engine answers T = 0 without running; other runtimes' users run the graph.
        var groups = new GroupLimit { Count = 2, Keep = 1 };
        foreach (var select in (SelectSpec[])[new TopKSelection { K = 2, Groups = groups, UsesBias = true }, new AllSelection()])
        {
            var spec = LayerCase.Layer(experts: 4) with { Shared = new SharedExpertSpec { Width = 3, SigmoidGate = true } };
            var layer = new LayerCase(spec with { Router = spec.Router with { Select = select } });
            byte[] model = OnnxWriter.ToBytes(OnnxLayerWriter.Build(layer.Spec, layer.Weights, form, new OnnxLayerOptions { RoutingOutputs = false }));
            Assert.Empty(Assert.Single(OrtProbe.Run(model, (OnnxNames.Tokens, [], [0, 7]))));
        }
    }

    public static TheoryData<ExpertForm, Activation, bool> Experts
    {
        get
        {
            var data = new TheoryData<ExpertForm, Activation, bool>();
            foreach (var form in Enum.GetValues<ExpertForm>())
            {
                foreach (var activation in Enum.GetValues<Activation>())
                {
                    data.Add(form, activation, false);
                    data.Add(form, activation, true);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Experts))]
    public void Every_expert(ExpertForm form, Activation activation, bool biases)
    {
        var layer = new LayerCase(LayerCase.Layer(form: form, activation: activation, biases: biases));
        layer.Check(OnnxLayerForm.Portable, 12);
        if (OnnxLayerWriter.Refusals(layer.Spec, OnnxLayerForm.Contrib).Count == 0) layer.Check(OnnxLayerForm.Contrib, 12);
        else Assert.True(activation == Activation.Gelu || (form == ExpertForm.Glu && activation != Activation.Silu));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void The_gpt_oss_expert_with_limit_alpha_and_offset(OnnxLayerForm form)
    {
        var spec = LayerCase.Layer(biases: true);
        spec = spec with { RouterBias = true, Expert = spec.Expert with { Alpha = 1.702, Limit = 0.75, UpOffset = 1 } };
        var layer = new LayerCase(spec);
        layer.Check(form, 40);

        // The limit is felt: without it the numbers are others.
        using var limited = new ReferenceLayer(spec, layer.Weights);
        using var free = new ReferenceLayer(spec with { Expert = spec.Expert with { Limit = null } }, layer.Weights);
        float[] x = layer.Tokens(40), a = new float[x.Length], b = new float[x.Length];
        limited.Forward(x, a);
        free.Forward(x, b);
        Assert.True(a.Zip(b).Max(static p => Math.Abs(p.First - p.Second)) > 1e-2);
    }

    [Fact]
    public void Silu_with_a_slope_in_a_plain_expert()
    {
        var spec = LayerCase.Layer(form: ExpertForm.FeedForward);
        new LayerCase(spec with { Expert = spec.Expert with { Alpha = 1.702 } }).Check(OnnxLayerForm.Portable, 12);
    }

    [Theory]
    [InlineData(OnnxLayerForm.Portable, false, false)]
    [InlineData(OnnxLayerForm.Portable, true, true)]
    [InlineData(OnnxLayerForm.Contrib, false, true)]
    [InlineData(OnnxLayerForm.Contrib, true, false)]
    public void Shared_experts(OnnxLayerForm form, bool gated, bool biases)
    {
        var spec = LayerCase.Layer(biases: biases) with { Shared = new SharedExpertSpec { Width = 6, SigmoidGate = gated } };
        new LayerCase(spec).Check(form, 13);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Weights_on_the_experts_input(int k) =>
        new LayerCase(LayerCase.Layer(k: k) with { Weighted = WeightedSide.Input }).Check(OnnxLayerForm.Portable, 13);

    [Theory]
    [MemberData(nameof(Forms))]
    public void What_follows_the_experts(OnnxLayerForm form)
    {
        var plain = LayerCase.Layer() with { Router = RouterProfiles.OnnxRuntimeMoE(5, 2, normalize: false) };
        foreach (var spec in (MoELayerSpec[])
        [
            plain with { OutputBias = true },
            plain with { KeepsRemainder = true },
            plain with { OutputMasking = 0.2 },
            plain with { OutputBias = true, KeepsRemainder = true, OutputMasking = 0.3, Shared = new SharedExpertSpec { Width = 4 } },
        ])
        {
            var layer = new LayerCase(spec);
            layer.Check(form, 12);
            layer.Check(form, 12, routingOutputs: false);
            using var folder = new TestFolder();
            Assert.True(OnnxExporter.Export(spec, layer.Weights, folder["a.onnx"], new OnnxExportOptions { Form = form }).Verification!.Passed);
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Experts_nobody_chose(OnnxLayerForm form)
    {
        // A bias of the choice that sends every token to experts 1 and 3.
        var spec = LayerCase.Layer(experts: 6);
        spec = spec with { Router = spec.Router with { Select = new TopKSelection { K = 2, UsesBias = true } } };
        var layer = new LayerCase(spec).With(WeightNames.SelectionBias, [0, 9, 0, 9, 0, 0]);
        using var reference = new ReferenceLayer(spec, layer.Weights);
        using var engine = OnnxMoELayer.Create(spec, layer.Weights, form);
        float[] x = layer.Tokens(20), expected = new float[x.Length], actual = new float[x.Length];
        reference.Forward(x, expected);
        var routing = engine.ForwardAndRoute(x, actual);
        Assert.Equal([0, 20, 0, 20, 0, 0], routing.Load());
        LayerCase.OutputsAreClose(expected, actual);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Equal_layers_give_equal_bytes(OnnxLayerForm form)
    {
        var spec = LayerCase.Layer(biases: true) with { Shared = new SharedExpertSpec { Width = 4 } };
        byte[] a = OnnxWriter.ToBytes(OnnxLayerWriter.Build(spec, new LayerCase(spec).Weights, form));
        using var stream = new MemoryStream();
        OnnxLayerWriter.Write(spec, new LayerCase(spec).Weights, form, stream);
        Assert.Equal(a, stream.ToArray());
        Assert.NotEqual(a, OnnxWriter.ToBytes(OnnxLayerWriter.Build(spec, new LayerCase(spec, seed: 9).Weights, form)));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void A_layer_as_a_file_with_its_weights_inside_or_beside(OnnxLayerForm form)
    {
        using var folder = new TestFolder();
        var layer = new LayerCase(LayerCase.Layer(width: 32, inner: 48));
        OnnxLayerWriter.Write(layer.Spec, layer.Weights, form, folder["inside.onnx"]);
        OnnxWriter.Write(OnnxLayerWriter.Build(layer.Spec, layer.Weights, form), folder["beside.onnx"], new OnnxWriteOptions { ExternalDataThreshold = 1024 });
        Assert.Equal(["beside.onnx", "beside.onnx.data", "inside.onnx"], folder.Files);
        using var inside = OnnxMoELayer.Load(folder["inside.onnx"]);
        using var beside = OnnxMoELayer.Load(folder["beside.onnx"]);
        float[] x = layer.Tokens(9), a = new float[x.Length], b = new float[x.Length];
        inside.Forward(x, a);
        beside.Forward(x, b);
        Assert.Equal(a, b);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void The_spec_travels_with_the_model(OnnxLayerForm form)
    {
        var spec = LayerCase.Layer() with { Shared = new SharedExpertSpec { Width = 4, SigmoidGate = true } };
        using var engine = OnnxMoELayer.Create(spec, new LayerCase(spec).Weights, form);
        Assert.Equal(spec, engine.Spec);
    }

    [Theory]
    [InlineData(WeightType.BFloat16)]
    [InlineData(WeightType.Float16)]
    public void Narrow_weights_are_widened_exactly(WeightType type)
    {
        var spec = LayerCase.Layer(width: 64, inner: 96);
        var narrow = new NarrowWeights(new LayerCase(spec).Weights, type);
        foreach (var form in Enum.GetValues<OnnxLayerForm>())
        {
            byte[] fromNarrow = OnnxWriter.ToBytes(OnnxLayerWriter.Build(spec, narrow, form));
            byte[] fromSingles = OnnxWriter.ToBytes(OnnxLayerWriter.Build(spec, narrow.ToSingles(), form));
            Assert.Equal(fromSingles, fromNarrow);
        }
    }
}
