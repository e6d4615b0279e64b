namespace MoE.Onnx.Tests;

public class OnnxMoELayerTests
{
    private static readonly OnnxEngineOptions OneThread = new() { IntraOpThreads = 1 };

    private static OnnxMoELayer Engine(LayerCase layer, OnnxLayerForm form = OnnxLayerForm.Portable, OnnxEngineOptions? options = null) =>
        OnnxMoELayer.Create(layer.Spec, layer.Weights, form, options ?? OneThread);

    public static TheoryData<OnnxEngineOptions> Options =>
    [
        new OnnxEngineOptions(),
        new OnnxEngineOptions { IntraOpThreads = 1 },
        new OnnxEngineOptions { IntraOpThreads = 2 },
        new OnnxEngineOptions { Spinning = false },
        new OnnxEngineOptions { CheckTokens = false },
    ];

    [Theory]
    [MemberData(nameof(Options))]
    public void Every_option_gives_the_same_numbers(OnnxEngineOptions options)
    {
        var layer = new LayerCase(LayerCase.Layer(width: 24, inner: 40));
        using var reference = new ReferenceLayer(layer.Spec, layer.Weights);
        using var engine = Engine(layer, options: options);
        float[] x = layer.Tokens(33), expected = new float[x.Length], actual = new float[x.Length];
        reference.Forward(x, expected);
        engine.Forward(x, actual);
        LayerCase.OutputsAreClose(expected, actual);
    }

    [Fact]
    public void Batches_of_changing_size_in_changing_memory()
    {
        var layer = new LayerCase(LayerCase.Layer());
        using var reference = new ReferenceLayer(layer.Spec, layer.Weights);
        using var engine = Engine(layer);
        float[] x = layer.Tokens(30), expected = new float[x.Length];
        reference.Forward(x, expected);
        var actual = new float[x.Length + 7];
        foreach (int tokens in (int[])[1, 1, 30, 2, 30, 0, 5, 5, 1])
        {
            for (int t = 0; t + tokens <= 30; t += 9)
            {
                Array.Fill(actual, float.NaN);
                engine.Forward(x.AsSpan(t * 7, tokens * 7), actual.AsSpan(t, tokens * 7));
                LayerCase.OutputsAreClose(expected.AsSpan(t * 7, tokens * 7), actual.AsSpan(t, tokens * 7));
                Assert.Equal(actual.Length - (tokens * 7), actual.Count(float.IsNaN));
            }
        }
    }

    [Theory]
    [InlineData(OnnxLayerForm.Portable)]
    [InlineData(OnnxLayerForm.Contrib)]
    public void A_caller_that_keeps_its_buffers_allocates_nothing(OnnxLayerForm form)
    {
        var layer = new LayerCase(LayerCase.Layer());
        using var engine = Engine(layer, form);
        // Pinned, so that the garbage collector cannot move them in the middle of the measurement.
        float[] x = GC.AllocateArray<float>(4 * 7, pinned: true), y = GC.AllocateArray<float>(4 * 7, pinned: true);
        layer.Tokens(4).CopyTo(x, 0);
        for (int i = 0; i < 50; i++) engine.Forward(x, y);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++) engine.Forward(x, y);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Several_threads_share_one_engine()
    {
        var layer = new LayerCase(LayerCase.Layer(experts: 8, width: 16, inner: 16));
        using var reference = new ReferenceLayer(layer.Spec, layer.Weights);
        using var engine = Engine(layer, options: new OnnxEngineOptions { IntraOpThreads = 2 });
        var cases = Enumerable.Range(1, 12).Select(n =>
        {
            float[] x = layer.Tokens(n, seed: n), y = new float[x.Length];
            reference.Forward(x, y);
            return (x, y, (TopKRouting)reference.Route(x));
        }).ToArray();
        Parallel.For(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 12 }, i =>
        {
            var (x, expected, routing) = cases[i % cases.Length];
            var actual = new float[x.Length];
            if (i % 5 == 0) LayerCase.RoutingsAreEqual(routing, (TopKRouting)engine.ForwardAndRoute(x, actual));
            else engine.Forward(x, actual);
            LayerCase.OutputsAreClose(expected, actual);
            if (i % 7 == 0) LayerCase.RoutingsAreEqual(routing, (TopKRouting)engine.Route(x));
        });
    }

    [Fact]
    public void A_loaded_engine_and_a_created_one_route_alike()
    {
        var layer = new LayerCase(LayerCase.Layer());
        byte[] model = OnnxWriter.ToBytes(OnnxLayerWriter.Build(layer.Spec, layer.Weights, OnnxLayerForm.Contrib));
        using var loaded = OnnxMoELayer.Load(model, OneThread);
        using var created = Engine(layer);
        float[] x = layer.Tokens(21);
        LayerCase.RoutingsAreEqual((TopKRouting)created.Route(x), (TopKRouting)loaded.Route(x));
        Assert.Equal(0, loaded.Route([]).TokenCount);
        Assert.Equal(0, created.Route([]).TokenCount);
        Assert.Equal(0, loaded.ForwardAndRoute([], []).TokenCount);
    }

    [Fact]
    public void A_stray_router_bias_changes_neither_output_nor_route()
    {
        // The spec says that there is none; a source may hold more than the spec asks for.
        var layer = new LayerCase(LayerCase.Layer());
        float[] x = layer.Tokens(20);
        using var without = Engine(layer);
        var expected = (TopKRouting)without.Route(x);
        layer.Weights.Add(WeightNames.RouterBias, [0, 0, 0, 0, 50], 5);
        using var engine = Engine(layer);
        LayerCase.RoutingsAreEqual(expected, (TopKRouting)engine.Route(x));
    }

    [Fact]
    public void A_model_without_routing_outputs_says_so()
    {
        var layer = new LayerCase(LayerCase.Layer());
        using var engine = OnnxMoELayer.Load(OnnxWriter.ToBytes(OnnxLayerWriter.Build(layer.Spec, layer.Weights, OnnxLayerForm.Contrib, new OnnxLayerOptions { RoutingOutputs = false })));
        Assert.False(engine.HasRouting);
        Assert.Contains("RoutingOutputs", Assert.Throws<NotSupportedException>(() => engine.Route(new float[7])).Message, StringComparison.Ordinal);
        Assert.Throws<NotSupportedException>(() => engine.ForwardAndRoute(new float[7], new float[7]));
    }

    [Fact]
    public void Bad_calls_are_refused_at_the_boundary()
    {
        var layer = new LayerCase(LayerCase.Layer());
        using var engine = Engine(layer);
        var memory = new float[28];
        Assert.Equal("output", Assert.Throws<ArgumentException>(() => engine.Forward(new float[14], new float[7])).ParamName);
        Assert.Equal("tokens", Assert.Throws<ArgumentException>(() => engine.Forward(new float[13], new float[13])).ParamName);
        Assert.Equal("tokens", Assert.Throws<ArgumentException>(() => engine.Route(new float[13])).ParamName);
        Assert.Contains("overlaps", Assert.Throws<ArgumentException>(() => engine.Forward(memory.AsSpan(0, 14), memory.AsSpan(7, 14))).Message, StringComparison.Ordinal);
        foreach (float bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
        {
            var x = new float[21];
            x[15] = bad;
            var e = Assert.Throws<ArgumentException>(() => engine.Forward(x, new float[21]));
            Assert.StartsWith($"tokens[2, 1] = {bad}: must be finite", e.Message, StringComparison.Ordinal);
            Assert.Throws<ArgumentException>(() => engine.Route(x));
            Assert.Throws<ArgumentException>(() => engine.ForwardAndRoute(x, new float[21]));
        }
    }

    [Fact]
    public void Unchecked_tokens_run_and_spoil_only_their_own_row()
    {
        var layer = new LayerCase(LayerCase.Layer());
        using var engine = Engine(layer, options: OneThread with { CheckTokens = false });
        float[] x = layer.Tokens(3), clean = new float[21], y = new float[21];
        engine.Forward(x, clean);
        x[8] = float.NaN;
        engine.Forward(x, y);
        Assert.Equal(clean[..7], y[..7]);
        Assert.Equal(clean[14..], y[14..]);
        Assert.All(y[7..14], static v => Assert.True(float.IsNaN(v)));
    }

    [Fact]
    public void A_disposed_engine_says_so()
    {
        var layer = new LayerCase(LayerCase.Layer());
        var engine = Engine(layer);
        engine.Forward(new float[7], new float[7]);
        engine.Dispose();
        engine.Dispose();
        Assert.Throws<ObjectDisposedException>(() => engine.Forward(new float[7], new float[7]));
        Assert.Throws<ObjectDisposedException>(() => engine.Route(new float[7]));
        Assert.Throws<ObjectDisposedException>(() => engine.ForwardAndRoute(new float[7], new float[7]));
    }

    [Fact]
    public void Files_that_are_not_our_layers_are_refused()
    {
        using var folder = new TestFolder();
        Assert.Throws<FileNotFoundException>(() => OnnxMoELayer.Load(folder["none.onnx"]));
        Assert.Throws<ArgumentException>(() => OnnxMoELayer.Load(""));
        Assert.Contains("refuses the model", Assert.Throws<InvalidDataException>(() => OnnxMoELayer.Load([1, 2, 3])).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => OnnxMoELayer.Load(Array.Empty<byte>()));
        Assert.Contains("moe.layer", Assert.Throws<InvalidDataException>(() => OnnxMoELayer.Load(OnnxWriter.ToBytes(TestModels.Affine()))).Message, StringComparison.Ordinal);
        Assert.Contains("moe.router", Assert.Throws<InvalidDataException>(() => OnnxGate.Load(OnnxWriter.ToBytes(TestModels.Affine()))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => OnnxMoELayer.Load(OnnxWriter.ToBytes(TestModels.Affine()), new OnnxEngineOptions { IntraOpThreads = -1 }));
    }

    [Fact]
    public void Truncated_models_are_refused()
    {
        var layer = new LayerCase(LayerCase.Layer());
        byte[] model = OnnxWriter.ToBytes(OnnxLayerWriter.Build(layer.Spec, layer.Weights, OnnxLayerForm.Portable));
        for (int length = 0; length < model.Length; length += 997)
            Assert.Throws<InvalidDataException>(() => OnnxMoELayer.Load(model[..length]));
    }

    [Fact]
    public void A_model_that_does_not_fit_its_own_spec_is_refused()
    {
        var model = TestModels.Affine();
        model.Metadata[OnnxNames.LayerSpec] = LayerCase.Layer().ToJson();
        var e = Assert.Throws<InvalidDataException>(() => OnnxMoELayer.Load(OnnxWriter.ToBytes(model)));
        Assert.Contains("input tokens is missing", e.Message, StringComparison.Ordinal);
        Assert.Contains("output output is missing", e.Message, StringComparison.Ordinal);

        var layer = new LayerCase(LayerCase.Layer());
        var other = OnnxLayerWriter.Build(layer.Spec, layer.Weights, OnnxLayerForm.Contrib);
        other.Metadata[OnnxNames.LayerSpec] = (layer.Spec with { Width = 8 }).ToJson();
        e = Assert.Throws<InvalidDataException>(() => OnnxMoELayer.Load(OnnxWriter.ToBytes(other)));
        Assert.Contains("must be Single[-1, 8]", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_native_library_is_told_from_other_failures()
    {
        var missing = new TypeInitializationException("NativeMethods", new DllNotFoundException("onnxruntime"));
        Assert.True(OrtSessions.IsMissingLibrary(missing));
        Assert.True(OrtSessions.IsMissingLibrary(missing.InnerException));
        Assert.False(OrtSessions.IsMissingLibrary(new TypeInitializationException("Other", new InvalidOperationException())));
        Assert.False(OrtSessions.IsMissingLibrary(new InvalidOperationException()));
    }
}
