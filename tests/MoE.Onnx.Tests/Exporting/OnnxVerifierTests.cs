namespace MoE.Onnx.Tests;

/// <summary>What the comparison of engines lets through, and what not.</summary>
public class OnnxVerifierTests
{
    private static readonly MoELayerSpec Spec = LayerProfiles.Mixtral(12, 10);

    private static OnnxVerification Against(LayerCase layer, IMoEEngine actual, OnnxVerifyOptions? options = null)
    {
        using var expected = new ReferenceLayer(layer.Spec, layer.Weights);
        return OnnxVerifier.Verify(actual, expected, layer.Weights, options);
    }

    [Fact]
    public void An_engine_equals_itself_and_the_managed_kernels()
    {
        foreach (var spec in (MoELayerSpec[])[Spec, LayerProfiles.DeepSeekV3(12, 10, 16, 4, 4, 2, 2.5), LayerProfiles.GptOss(12, 10, 16), LayerProfiles.Llama4(12, 10, 16)])
        {
            var layer = new LayerCase(spec);
            using var same = new ReferenceLayer(spec, layer.Weights);
            var itself = Against(layer, same);
            Assert.True(itself.Passed && itself.OfTolerance == 0 && itself.Differently == 0);
            if (MoEFeedForward.Unsupported(spec).Any()) continue;
            using var managed = new ManagedMoEEngine(spec, layer.Weights);
            var other = Against(layer, managed);
            Assert.True(other.Passed, other.ToText());
        }
    }

    [Theory]
    [InlineData(WeightNames.ExpertDown, 1.003f)]
    [InlineData(WeightNames.ExpertUp, 1.003f)]
    [InlineData(WeightNames.Router, 1.01f)]
    public void One_wrong_tensor_is_found(string name, float factor)
    {
        var layer = new LayerCase(Spec);
        Assert.True(layer.Weights.TryGet(name, out var tensor));
        var wrong = layer.With(name, [.. tensor.ToSingles().Select(v => v * factor)]);
        using var actual = new ReferenceLayer(wrong.Spec, wrong.Weights);
        var found = Against(layer, actual);
        Assert.False(found.Passed);
        Assert.False(found.Batches[0].Passed);
        Assert.Contains("NOT EQUAL", found.ToText(), StringComparison.Ordinal);
    }

    [Fact]
    public void One_wrong_weight_is_found()
    {
        var layer = new LayerCase(Spec);
        Assert.True(layer.Weights.TryGet(WeightNames.ExpertDown, out var tensor));
        float[] down = tensor.ToSingles();
        down[^1] += 0.05f;
        var wrong = layer.With(WeightNames.ExpertDown, down);
        using var actual = new ReferenceLayer(wrong.Spec, wrong.Weights);
        Assert.False(Against(layer, actual).Passed);
    }

    [Fact]
    public void Ties_that_go_elsewhere_are_told_with_their_margin_and_do_not_fail()
    {
        var layer = new LayerCase(Spec);
        using var actual = new ReferenceLayer(Spec with { Router = Spec.Router with { Ties = TieRule.HighestIndex } }, layer.Weights);
        var found = Against(layer, actual);
        Assert.True(found.Passed, found.ToText());
        // Three zero rows tie exactly.
        var zeros = found.Batches.Single(static b => b.Name == "zero rows");
        Assert.Equal([0, 1, 4], zeros.Differently.Select(static c => c.Token));
        Assert.All(zeros.Differently, static c => Assert.Equal(0, c.MarginBefore));
        Assert.Equal(0, zeros.ClearlyDifferently);
    }

    [Fact]
    public void Near_ties_are_near_and_huge_tokens_saturate()
    {
        var layer = new LayerCase(Spec);
        using var actual = new ReferenceLayer(Spec with { Router = Spec.Router with { Select = new TopKSelection { K = 1 } } }, layer.Weights);
        var found = Against(layer, actual);
        // Every choice differs, so every margin is told: those of the near ties are the rounding of a logit.
        Assert.All(found.Batches.Single(static b => b.Name == "near ties").Differently, static c => Assert.InRange(c.MarginBefore!.Value, 0, 1e-5));
        Assert.True(found.Batches[0].Differently.Max(static c => c.MarginBefore) > 1e-3);
        Assert.False(found.Passed);
    }

    [Fact]
    public void A_nan_fails_wherever_it_is()
    {
        var layer = new LayerCase(Spec);
        using var inner = new ReferenceLayer(Spec, layer.Weights);
        foreach (int place in (int[])[0, 5, 11])
        {
            using var actual = new Spoiled(inner, place, float.NaN);
            var found = Against(layer, actual);
            Assert.False(found.Passed);
            Assert.True(double.IsNaN(found.Batches[0].OfTolerance));
        }

        using var infinite = new Spoiled(inner, 3, float.PositiveInfinity);
        Assert.False(Against(layer, infinite).Passed);
    }

    [Theory]
    [InlineData(OnnxLayerForm.Contrib)]
    [InlineData(OnnxLayerForm.Portable)]
    public void A_model_without_routing_outputs_is_compared_by_its_outputs(OnnxLayerForm form)
    {
        var layer = new LayerCase(Spec);
        var options = new OnnxLayerOptions { RoutingOutputs = false };
        using var right = OnnxMoELayer.Load(OnnxWriter.ToBytes(OnnxLayerWriter.Build(Spec, layer.Weights, form, options)));
        var found = Against(layer, right);
        Assert.True(found.Passed, found.ToText());
        Assert.All(found.Batches, static b => Assert.Null(b.MaxWeightDifference));
        Assert.True(layer.Weights.TryGet(WeightNames.ExpertUp, out var tensor));
        var other = layer.With(WeightNames.ExpertUp, [.. tensor.ToSingles().Reverse()]);
        using var wrong = OnnxMoELayer.Load(OnnxWriter.ToBytes(OnnxLayerWriter.Build(Spec, other.Weights, form, options)));
        Assert.False(Against(layer, wrong).Passed);
    }

    [Fact]
    public void Bad_calls_are_refused()
    {
        var layer = new LayerCase(Spec);
        using var engine = new ReferenceLayer(Spec, layer.Weights);
        var wider = new LayerCase(LayerProfiles.Mixtral(13, 10));
        using var other = new ReferenceLayer(wider.Spec, wider.Weights);
        Assert.Equal("actual", Assert.Throws<ArgumentException>(() => OnnxVerifier.Verify(other, engine, layer.Weights)).ParamName);
        Assert.Throws<ArgumentOutOfRangeException>(() => OnnxVerifier.Verify(engine, engine, layer.Weights, new OnnxVerifyOptions { Tokens = 0 }));
        Assert.Throws<ArgumentException>(() => OnnxVerifier.Verify(engine, engine, layer.Weights, new OnnxVerifyOptions { Given = new float[13] }));
        Assert.Equal(3, OnnxVerifier.Verify(engine, engine, layer.Weights, new OnnxVerifyOptions { Given = layer.Tokens(3) }).Batches.Single(static b => b.Name == "given").Tokens);
        Assert.Contains("router.weight is missing", Assert.Throws<ArgumentException>(() => OnnxVerifier.Verify(engine, engine, new WeightDictionary())).Message, StringComparison.Ordinal);
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.Throws<OperationCanceledException>(() => OnnxVerifier.Verify(engine, engine, layer.Weights, cancellation: stop.Token));
    }

    private sealed class Spoiled(IMoEEngine inner, int place, float value) : IMoEEngine
    {
        public string Name => "spoiled";

        public MoELayerSpec Spec => inner.Spec;

        public Routing Route(ReadOnlySpan<float> tokens) => inner.Route(tokens);

        public void Forward(ReadOnlySpan<float> tokens, Span<float> output)
        {
            inner.Forward(tokens, output);
            if (output.Length > place) output[place] = value;
        }

        public void Dispose()
        {
        }
    }
}
