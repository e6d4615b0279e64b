namespace MoE.Onnx.Tests;

/// <summary>Layers that are exported and served from weights which are read expert by expert.</summary>
public class PartSourceTests
{
    public static TheoryData<OnnxLayerForm> Forms => [.. Enum.GetValues<OnnxLayerForm>()];

    private static LayerCase Layer() => new(LayerProfiles.GptOss(32, 24, 8, 3) with { Shared = new SharedExpertSpec { Width = 12, SigmoidGate = true } });

    [Theory]
    [MemberData(nameof(Forms))]
    public void The_file_is_the_same_and_every_number_is_read_once(OnnxLayerForm form)
    {
        var layer = Layer();
        var options = new OnnxLayerOptions { Format = WeightFormat.Int4PerBlockAsymmetric };
        byte[] expected = OnnxWriter.ToBytes(OnnxLayerWriter.Build(layer.Spec, layer.Weights, form, options));
        var parts = new PartSource(layer.Weights);
        Assert.Equal(expected, OnnxWriter.ToBytes(OnnxLayerWriter.Build(layer.Spec, parts, form, options)));
        long all = WeightNames.Of(layer.Spec).Sum(static n => n.Shape.Aggregate(1L, static (a, b) => a * b));
        // Quantised matrices are read for the numbers, the scales and the zero points.
        long matrices = 8 * 3 * 32 * 24;
        Assert.Equal(form == OnnxLayerForm.Quantized ? all + (2 * matrices) : all, parts.Read);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void It_is_verified_and_served_by_parts_too(OnnxLayerForm form)
    {
        using var folder = new TestFolder();
        var layer = Layer();
        var parts = new PartSource(layer.Weights);
        var report = OnnxExporter.Export(layer.Spec, parts, folder["a.onnx"], new OnnxExportOptions { Form = form, Verify = new OnnxVerifyOptions { Tokens = 9 } });
        Assert.True(report.Verification!.Passed);
        Assert.True(OnnxExporter.ExportRouter(layer.Spec.Router, parts, folder["r.onnx"]).Verification!.Passed);
        using var served = OnnxMoELayer.Create(layer.Spec, parts, form);
        using var loaded = OnnxMoELayer.Load(folder["a.onnx"]);
        Assert.Equal(0, served.Memory!.Shared);
        float[] x = layer.Tokens(7), a = new float[x.Length], b = new float[x.Length];
        served.Forward(x, a);
        loaded.Forward(x, b);
        Assert.Equal(b, a);
    }

    [Fact]
    public void What_is_missing_or_misshapen_is_named_together()
    {
        var layer = Layer();
        var other = new LayerCase(LayerProfiles.GptOss(32, 25, 8, 3));
        string message = Assert.Throws<ArgumentException>(() => OnnxLayerWriter.Build(layer.Spec, new PartSource(other.Weights), OnnxLayerForm.Portable)).Message;
        Assert.Contains("experts.up has shape [8, 25, 32]; must be [8, 24, 32]", message, StringComparison.Ordinal);
        Assert.Contains("shared.up is missing; must be [12, 32]", message, StringComparison.Ordinal);
    }
}
