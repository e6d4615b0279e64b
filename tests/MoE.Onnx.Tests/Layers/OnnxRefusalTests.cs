namespace MoE.Onnx.Tests;

/// <summary>What cannot be written, and that it is said by name, all of it at once.</summary>
public class OnnxRefusalTests
{
    public static TheoryData<string, string, MoELayerSpec> Contrib
    {
        get
        {
            var glu = LayerCase.Layer();
            var plain = LayerCase.Layer(form: ExpertForm.FeedForward);
            return new()
            {
                { "expert.activation", "Gelu", plain with { Expert = plain.Expert with { Activation = Activation.Gelu } } },
                { "expert.activation", "Gelu", glu with { Expert = glu.Expert with { Activation = Activation.Gelu } } },
                { "expert.activation", "GeluTanh", glu with { Expert = glu.Expert with { Activation = Activation.GeluTanh } } },
                { "expert.activation", "Relu", glu with { Expert = glu.Expert with { Activation = Activation.Relu } } },
                { "expert.activation", "Identity", glu with { Expert = glu.Expert with { Activation = Activation.Identity } } },
                { "expert.alpha", "1.702", plain with { Expert = plain.Expert with { Alpha = 1.702 } } },
                { "weighted", "Input", glu with { Weighted = WeightedSide.Input } },
                { "router.score.function", "Identity", glu with { Router = new RouterSpec { Experts = 5, Select = new TopKSelection { K = 2 }, Score = new ScoreSpec { Function = ScoreFunction.Identity } } } },
            };
        }
    }

    [Theory]
    [MemberData(nameof(Contrib))]
    public void The_contrib_operator_is_not_asked_for_what_it_cannot_do(string name, string value, MoELayerSpec spec)
    {
        var layer = new LayerCase(spec);
        var e = Assert.Throws<OnnxExportException>(() => OnnxLayerWriter.Build(spec, layer.Weights, OnnxLayerForm.Contrib));
        var problem = Assert.Single(e.Problems);
        Assert.Equal((name, value), (problem.Name, problem.Value));
        Assert.Equal(e.Problems, OnnxLayerWriter.Refusals(spec, OnnxLayerForm.Contrib));
        Assert.Empty(OnnxLayerWriter.Refusals(spec, OnnxLayerForm.Portable));
        layer.Check(OnnxLayerForm.Portable, 5);
    }

    [Fact]
    public void A_schedule_is_not_frozen_at_some_step()
    {
        var layer = LayerCase.Layer();
        var spec = layer with { Router = layer.Router with { Schedules = new RouterSchedules { Temperature = new LinearSchedule { From = 2, To = 1, Steps = 10 } } } };
        foreach (var form in Enum.GetValues<OnnxLayerForm>())
            Assert.Contains(OnnxLayerWriter.Refusals(spec, form), static p => p.Name == "router.schedules" && p.Rule.Contains("RouterSpec.At(step)", StringComparison.Ordinal));
        Assert.DoesNotContain(OnnxLayerWriter.Refusals(spec with { Router = spec.Router.At(5) }, OnnxLayerForm.Portable), static p => p.Name == "router.schedules");
    }

    [Fact]
    public void All_reasons_are_given()
    {
        var spec = LayerCase.Layer(activation: Activation.Gelu) with { Weighted = WeightedSide.Input };
        spec = spec with { Router = spec.Router with { Dispatch = new DispatchSpec { Capacity = new CapacitySpec { Factor = 1.25 } } } };
        Assert.Equal(["router.dispatch.capacity", "expert.activation", "weighted"], OnnxLayerWriter.Refusals(spec, OnnxLayerForm.Contrib).Select(static p => p.Name));
        var e = Assert.Throws<OnnxExportException>(() => OnnxLayerWriter.Build(spec, new WeightDictionary(), OnnxLayerForm.Portable));
        Assert.Equal("router.dispatch.capacity", Assert.Single(e.Problems).Name);
        e = Assert.Throws<OnnxExportException>(() => OnnxRouterWriter.Build(spec.Router, new WeightDictionary()));
        Assert.Equal("dispatch.capacity", Assert.Single(e.Problems).Name);
        Assert.Throws<ArgumentOutOfRangeException>(() => OnnxLayerWriter.Refusals(spec, (OnnxLayerForm)7));
    }

    [Fact]
    public void A_bad_spec_is_refused_before_anything_else() =>
        Assert.Throws<SpecException>(() => OnnxLayerWriter.Build(LayerCase.Layer(width: 0), new WeightDictionary(), OnnxLayerForm.Portable));

    [Theory]
    [InlineData(OnnxLayerForm.Portable)]
    [InlineData(OnnxLayerForm.Contrib)]
    public void Bad_weights_are_named_together_and_leave_no_file(OnnxLayerForm form)
    {
        using var folder = new TestFolder();
        var spec = LayerCase.Layer(biases: true);
        var down = new float[5 * 7 * 9];
        down[17] = float.NaN;
        var weights = new WeightDictionary()
            .Add(WeightNames.Router, new float[35], 7, 5)
            .Add(WeightNames.ExpertUp, new float[5 * 9 * 7], 5, 9, 7)
            .Add(WeightNames.ExpertDown, down, 5, 7, 9)
            .Add(WeightNames.ExpertDownBias, Enumerable.Repeat(float.NegativeInfinity, 35).ToArray(), 5, 7);
        var e = Assert.Throws<ArgumentException>(() => OnnxLayerWriter.Write(spec, weights, form, folder["a.onnx"]));
        foreach (string part in (string[])
        [
            "router.weight has shape [7, 5]; must be [5, 7]",
            "experts.gate is missing; must be [5, 9, 7]",
            "experts.gate_bias is missing; must be [5, 9]",
            "experts.up_bias is missing; must be [5, 9]",
            "experts.down has a NaN or infinity",
            "experts.down_bias has a NaN or infinity",
        ]) Assert.Contains(part, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("experts.up ", e.Message, StringComparison.Ordinal);
        Assert.Empty(folder.Files);
    }

    [Theory]
    [InlineData(WeightType.BFloat16)]
    [InlineData(WeightType.Float16)]
    public void NaN_in_narrow_weights_is_seen(WeightType type)
    {
        var layer = new LayerCase(LayerCase.Layer()).With(WeightNames.ExpertUp, Enumerable.Repeat(float.PositiveInfinity, 5 * 9 * 7).ToArray());
        var e = Assert.Throws<ArgumentException>(() => OnnxLayerWriter.Build(layer.Spec, new NarrowWeights(layer.Weights, type), OnnxLayerForm.Portable));
        Assert.StartsWith("experts.up has a NaN or infinity", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new int[0])]
    [InlineData(new[] { 35 })]
    [InlineData(new[] { 7, 5 })]
    [InlineData(new[] { 5, 7, 1 })]
    public void A_scorer_of_the_wrong_rank_or_size_is_named(int[] shape)
    {
        var spec = LayerCase.Layer().Router;
        var weights = new WeightDictionary();
        if (shape.Length > 0) weights.Add(WeightNames.Router, new float[35], shape);
        var e = Assert.Throws<ArgumentException>(() => OnnxRouterWriter.Build(spec, weights));
        Assert.StartsWith("router.weight", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_vanish_before_the_model_is_written_are_an_error()
    {
        var layer = new LayerCase(LayerCase.Layer());
        var source = new Vanishing(layer.Weights);
        var model = OnnxLayerWriter.Build(layer.Spec, source, OnnxLayerForm.Portable);
        source.Gone = true;
        Assert.Contains("was taken away", Assert.Throws<InvalidOperationException>(() => OnnxWriter.ToBytes(model)).Message, StringComparison.Ordinal);
    }

    private sealed class Vanishing(IWeightSource source) : IWeightSource
    {
        public bool Gone { get; set; }

        public IEnumerable<string> Names => source.Names;

        public bool TryGet(string name, out WeightTensor tensor)
        {
            if (!Gone) return source.TryGet(name, out tensor);
            tensor = default;
            return false;
        }
    }
}
