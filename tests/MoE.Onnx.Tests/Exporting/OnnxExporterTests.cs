namespace MoE.Onnx.Tests;

public class OnnxExporterTests
{
    private static readonly OnnxExportOptions Unverified = new() { Verify = null };

    [Fact]
    public void A_layer_is_exported_verified_and_served()
    {
        using var folder = new TestFolder();
        var layer = new LayerCase(LayerProfiles.Mixtral(12, 10));
        var stages = new List<OnnxExportStage>();
        var report = OnnxExporter.Export(layer.Spec, layer.Weights, folder["a.onnx"], progress: new Told(stages.Add));
        Assert.Equal(Enum.GetValues<OnnxExportStage>(), stages);
        Assert.Equal(OnnxLayerForm.Portable, report.Form);
        Assert.Equal([OnnxLayerForm.Contrib, OnnxLayerForm.Loop, OnnxLayerForm.Quantized], report.Others.Select(static o => o.Form));
        var file = Assert.Single(report.Files);
        Assert.Equal((folder["a.onnx"], new FileInfo(folder["a.onnx"]).Length), (file.Path, file.Bytes));
        Assert.Equal(["a.onnx"], folder.Files);
        Assert.True(report.Verification!.Passed);
        Assert.Equal("managed-reference", report.Verification.Expected);
        Assert.Null(report.Verification.QuantizationError);
        // The inputs are those that the issue of every engine names: none, one and many tokens, repeated, zero, huge, tiny, tied.
        Assert.Equal(["random", "one token", "no tokens", "one token repeated", "zero rows", "huge", "tiny", "one number per token", "near ties"], report.Verification.Batches.Select(static b => b.Name));
        Assert.Contains("equal within tolerance", report.ToText(), StringComparison.Ordinal);
        Assert.Contains("not Quantized: width = 12: must be a multiple of 32", report.ToText(), StringComparison.Ordinal);
        using var served = OnnxMoELayer.Load(folder["a.onnx"]);
        using var reference = new ReferenceLayer(layer.Spec, layer.Weights);
        float[] x = layer.Tokens(20), y = new float[x.Length], expected = new float[x.Length];
        served.Forward(x, y);
        reference.Forward(x, expected);
        LayerCase.OutputsAreClose(expected, y);
    }

    public static TheoryData<string, MoELayerSpec, OnnxLayerForm, string> Picked => new()
    {
        { "few", LayerProfiles.Mixtral(8, 6), OnnxLayerForm.Portable, "fastest" },
        { "many", LayerProfiles.Mixtral(4, 3, experts: 200), OnnxLayerForm.Contrib, "without a second copy" },
        { "many, with an activation that the operator lacks", LayerProfiles.Mixtral(4, 3, experts: 200) with { Expert = new ExpertSpec { Width = 3, Activation = Activation.Gelu } }, OnnxLayerForm.Loop, "small graph" },
        { "weights on the input", LayerProfiles.Llama4(4, 3, experts: 200), OnnxLayerForm.Loop, "small graph" },
    };

    [Theory]
    [MemberData(nameof(Picked))]
    public void The_form_is_the_best_that_is_exact_and_the_report_says_why(string what, MoELayerSpec spec, OnnxLayerForm form, string reason)
    {
        using var folder = new TestFolder();
        var layer = new LayerCase(spec);
        var report = OnnxExporter.Export(spec, layer.Weights, folder["a.onnx"]);
        Assert.True(report.Form == form, $"{what}: {report.ToText()}");
        Assert.Contains(reason, report.Reason, StringComparison.Ordinal);
        Assert.All(report.Others, static o => Assert.True(o.IsPossible ? o.Remark.Length > 0 : o.Refusals.All(static r => r.Rule.Length > 0)));
        bool contrib = report.Others.FirstOrDefault(static o => o.Form == OnnxLayerForm.Contrib) is null or { IsPossible: true };
        Assert.Equal(OnnxLayerWriter.Refusals(spec, OnnxLayerForm.Contrib).Count == 0, contrib);
    }

    [Theory]
    [InlineData(WeightFormat.Int8PerRow, 1e-3, 2e-2)]
    [InlineData(WeightFormat.Int8PerBlock, 1e-3, 2e-2)]
    [InlineData(WeightFormat.Int4PerBlock, 2e-2, 2e-1)]
    [InlineData(WeightFormat.Int4PerBlockAsymmetric, 2e-2, 2e-1)]
    public void Quantised_only_where_asked_for_and_its_error_is_told(WeightFormat format, double least, double most)
    {
        using var folder = new TestFolder();
        var layer = new LayerCase(LayerProfiles.DeepSeekV3(64, 32, 16, 4, 4, 2, 2.5));
        Assert.NotEqual(OnnxLayerForm.Quantized, OnnxExporter.Export(layer.Spec, layer.Weights, folder["a.onnx"]).Form);
        var report = OnnxExporter.Export(layer.Spec, layer.Weights, folder["b.onnx"], new OnnxExportOptions { Form = OnnxLayerForm.Quantized, Layer = new OnnxLayerOptions { Format = format } });
        Assert.True(report.Verification!.Passed);
        Assert.StartsWith("as asked for", report.Reason, StringComparison.Ordinal);
        // Rounding to 8 and to 4 bits with a scale for 32 or a row: half a step of 1/127 or 1/7 of the largest, over a layer's three products.
        Assert.InRange(report.Verification.QuantizationError!.Value, least, most);
        // The numbers are those of the managed kernels, so what is left is rounding; with 8-bit activations more than that.
        Assert.Equal(format == WeightFormat.Int8PerBlock ? OnnxTolerance.RoundedActivations : OnnxTolerance.Single, report.Verification.Tolerance);
    }

    [Fact]
    public void External_data_lies_beside_the_model_and_is_verified_with_it()
    {
        using var folder = new TestFolder();
        var layer = new LayerCase(LayerProfiles.Mixtral(32, 48));
        var report = OnnxExporter.Export(layer.Spec, layer.Weights, folder["a.onnx"], new OnnxExportOptions { Files = new OnnxWriteOptions { ExternalDataThreshold = 1024 } });
        Assert.Equal(["a.onnx", "a.onnx.data"], folder.Files);
        Assert.Equal([folder["a.onnx"], folder["a.onnx.data"]], report.Files.Select(static f => f.Path));
        Assert.True(report.Files[1].Bytes > report.Files[0].Bytes);
        Assert.True(report.Verification!.Passed);
        using var served = OnnxMoELayer.Load(folder["a.onnx"]);
        served.Forward(layer.Tokens(3), new float[96]);
    }

    [Fact]
    public void What_no_form_expresses_is_refused_with_every_reason_and_leaves_nothing()
    {
        using var folder = new TestFolder();
        var spec = LayerProfiles.Mixtral(8, 6);
        var capacity = spec with { Router = spec.Router with { Dispatch = new DispatchSpec { Capacity = new CapacitySpec { Factor = 1.25 } }, Noise = new NoiseSpec { TrainingOnly = false } } };
        var e = Assert.Throws<OnnxExportException>(() => OnnxExporter.Export(capacity, new LayerCase(capacity).Weights, folder["a.onnx"]));
        Assert.Equal(["router.dispatch.capacity", "router.noise"], e.Problems.Select(static p => p.Name));
        var gelu = spec with { Expert = spec.Expert with { Activation = Activation.Gelu } };
        e = Assert.Throws<OnnxExportException>(() => OnnxExporter.Export(gelu, new LayerCase(gelu).Weights, folder["a.onnx"], new OnnxExportOptions { Form = OnnxLayerForm.Contrib, Layer = new OnnxLayerOptions { Opset = 12 } }));
        Assert.Equal(["expert.activation", "opset"], e.Problems.Select(static p => p.Name));
        Assert.Throws<ArgumentOutOfRangeException>(() => OnnxExporter.Export(spec, new LayerCase(spec).Weights, folder["a.onnx"], new OnnxExportOptions { Form = (OnnxLayerForm)9 }));
        Assert.Throws<ArgumentException>(() => OnnxExporter.Export(spec, new WeightDictionary(), folder["a.onnx"]));
        Assert.Empty(folder.Files);
    }

    [Fact]
    public void A_model_that_gives_other_numbers_is_not_kept_and_what_was_there_is()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder["a.onnx"], "what was there");
        var layer = new LayerCase(LayerProfiles.Mixtral(8, 6));
        var values = new float[8 * 6 * 8];
        Array.Fill(values, 0.01f);
        // The down projections change after they were written.
        var source = new Changing(layer.Weights, WeightNames.ExpertDown, values);
        var e = Assert.Throws<OnnxVerificationException>(() => OnnxExporter.Export(layer.Spec, source, folder["a.onnx"], progress: new Told(stage => source.Changed = stage != OnnxExportStage.Writing)));
        Assert.False(e.Verification.Passed);
        Assert.True(e.Verification.OfTolerance > 1);
        Assert.Contains("FAILED  random", e.Message, StringComparison.Ordinal);
        Assert.Equal(["a.onnx"], folder.Files);
        Assert.Equal("what was there", File.ReadAllText(folder["a.onnx"]));
        source.Changed = false;
        var report = OnnxExporter.Export(layer.Spec, source, folder["a.onnx"]);
        Assert.True(report.Verification!.Passed);
        Assert.Equal(report.Files[0].Bytes, new FileInfo(folder["a.onnx"]).Length);
    }

    [Fact]
    public void A_router_that_routes_otherwise_is_not_kept()
    {
        using var folder = new TestFolder();
        var layer = new LayerCase(LayerProfiles.Mixtral(8, 6));
        Assert.True(layer.Weights.TryGet(WeightNames.Router, out var tensor));
        var source = new Changing(layer.Weights, WeightNames.Router, [.. tensor.ToSingles().Reverse()]);
        var e = Assert.Throws<OnnxVerificationException>(() => OnnxExporter.Export(layer.Spec, source, folder["a.onnx"], progress: new Told(stage => source.Changed = stage != OnnxExportStage.Writing)));
        Assert.True(e.Verification.Batches[0].ClearlyDifferently > 0);
        Assert.All(e.Verification.Batches[0].Differently, static c => Assert.NotNull(c.MarginBefore));
        e = Assert.Throws<OnnxVerificationException>(() => OnnxExporter.ExportRouter(layer.Spec.Router, source, folder["b.onnx"], progress: new Told(stage => source.Changed = stage != OnnxExportStage.Writing)));
        Assert.True(e.Verification.Batches[0].ClearlyDifferently > 0);
        Assert.Empty(folder.Files);
    }

    [Theory]
    [InlineData("router.selection_bias")]
    [InlineData("router.bias")]
    [InlineData("")]
    public void A_router_alone_is_exported_and_verified(string bias)
    {
        using var folder = new TestFolder();
        var spec = bias == WeightNames.SelectionBias ? RouterProfiles.DeepSeekV3(16, 4, 4, 2, 2.5) : RouterProfiles.GptOss(16);
        var layer = new LayerCase(LayerCase.Layer() with { Router = spec, RouterBias = bias == WeightNames.RouterBias });
        var report = OnnxExporter.ExportRouter(spec, layer.Weights, folder["r.onnx"], new OnnxExportOptions { Layer = new OnnxLayerOptions { Opset = 17 } });
        Assert.Equal(["r.onnx"], folder.Files);
        Assert.Null(report.Form);
        Assert.Equal(17, report.Opset);
        Assert.True(report.Verification!.Passed, report.ToText());
        Assert.All(report.Verification.Batches, static b => Assert.NotNull(b.MaxWeightDifference));
        using var gate = OnnxGate.Load(folder["r.onnx"]);
        Assert.Equal(16, gate.ExpertCount);
        Assert.Throws<ArgumentException>(() => OnnxExporter.ExportRouter(spec, layer.Weights, folder["r.onnx"], new OnnxExportOptions { Form = OnnxLayerForm.Loop }));
    }

    [Fact]
    public void An_unwritable_target_leaves_nothing_behind()
    {
        using var folder = new TestFolder();
        var layer = new LayerCase(LayerProfiles.Mixtral(8, 6));
        Assert.Throws<DirectoryNotFoundException>(() => OnnxExporter.Export(layer.Spec, layer.Weights, folder["none/a.onnx"]));
        Directory.CreateDirectory(folder["taken.onnx"]);
        Assert.Contains("is a folder", Assert.Throws<IOException>(() => OnnxExporter.Export(layer.Spec, layer.Weights, folder["taken.onnx"])).Message, StringComparison.Ordinal);
        Assert.ThrowsAny<IOException>(() => OnnxExporter.Export(layer.Spec, layer.Weights, folder[new string('n', 250) + ".onnx"], Unverified));
        Assert.Throws<ArgumentException>(() => OnnxExporter.Export(layer.Spec, layer.Weights, ""));
        Directory.CreateDirectory(folder["data.onnx.data"]);
        var external = new OnnxExportOptions { Files = new OnnxWriteOptions { ExternalDataThreshold = 16 } };
        // The second file's name is taken by a folder: neither may be left.
        Assert.ThrowsAny<Exception>(() => OnnxExporter.Export(layer.Spec, layer.Weights, folder["data.onnx"], external));
        Assert.Empty(folder.Files);
        Assert.Equal(2, Directory.GetDirectories(Path.GetDirectoryName(folder["x"])!).Length);
    }

    [Theory]
    [InlineData(OnnxExportStage.Writing)]
    [InlineData(OnnxExportStage.Opening)]
    [InlineData(OnnxExportStage.Verifying)]
    public void Stopped_at_any_stage_it_leaves_nothing(OnnxExportStage at)
    {
        using var folder = new TestFolder();
        using var stop = new CancellationTokenSource();
        var layer = new LayerCase(LayerProfiles.Mixtral(8, 6));
        void Stop(OnnxExportStage stage)
        {
            if (stage == at) stop.Cancel();
        }

        Assert.Throws<OperationCanceledException>(() => OnnxExporter.Export(layer.Spec, layer.Weights, folder["a.onnx"], progress: new Told(Stop), cancellation: stop.Token));
        Assert.Empty(folder.Files);
        Assert.Empty(Directory.GetDirectories(Path.GetDirectoryName(folder["x"])!));
    }

    [Fact]
    public void Without_verification_nothing_is_run()
    {
        using var folder = new TestFolder();
        var layer = new LayerCase(LayerProfiles.Mixtral(8, 6));
        var stages = new List<OnnxExportStage>();
        var report = OnnxExporter.Export(layer.Spec, layer.Weights, folder["a.onnx"], Unverified, new Told(stages.Add));
        Assert.Equal([OnnxExportStage.Writing, OnnxExportStage.Done], stages);
        Assert.Null(report.Verification);
        Assert.EndsWith("not verified\n", report.ToText(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_old_native_library_is_refused_by_its_version()
    {
        OrtVersion.Require(OrtVersion.Loaded);
        OrtVersion.Require("1.31.0");
        OrtVersion.Require("2.0.0-dev+7");
        foreach (string old in (string[])["1.30.9", "1.4.0", "", "new"])
            Assert.Contains("must be 1.31 or later", Assert.Throws<NotSupportedException>(() => OrtVersion.Require(old)).Message, StringComparison.Ordinal);
        // What the managed part throws on 1.30.0, as it was seen.
        var seen = new TypeInitializationException("Microsoft.ML.OnnxRuntime.NativeMethods", new InvalidOperationException("The native ONNX Runtime library does not support API version 31."));
        Assert.True(OrtVersion.IsTooOld(seen));
        Assert.False(OrtVersion.IsTooOld(new TypeInitializationException("Microsoft.ML.OnnxRuntime.NativeMethods", new DllNotFoundException())));
        Assert.False(OrtVersion.IsTooOld(new InvalidOperationException()));
    }

    private sealed class Told(Action<OnnxExportStage> action) : IProgress<OnnxExportStage>
    {
        public void Report(OnnxExportStage value) => action(value);
    }

    private sealed class Changing(IWeightSource source, string name, float[] values) : IWeightSource
    {
        public bool Changed { get; set; }

        public IEnumerable<string> Names => source.Names;

        public bool TryGet(string wanted, out WeightTensor tensor)
        {
            bool found = source.TryGet(wanted, out tensor);
            if (found && Changed && wanted == name) tensor = new WeightTensor(WeightType.Float32, tensor.Shape, System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values));
            return found;
        }
    }
}
