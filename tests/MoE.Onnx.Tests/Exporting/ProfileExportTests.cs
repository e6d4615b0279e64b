using MoE.Tests.Docs;

namespace MoE.Onnx.Tests;

/// <summary>Every profile that can be exported gives its numbers, and the page says which can.</summary>
public class ProfileExportTests
{
    private static readonly Dictionary<string, MoELayerSpec> Layers = ProfileTable.Layers.ToDictionary(static l => l.Name, static l => l.Spec);

    public static TheoryData<string> Names => [.. Layers.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_form_is_exact_or_refused_with_the_reason(string name)
    {
        using var folder = new TestFolder();
        var layer = new LayerCase(Layers[name], routerScale: 0.5f);
        foreach (var form in OnnxExporter.Forms(layer.Spec))
        {
            var options = new OnnxExportOptions { Form = form.Form, Layer = new OnnxLayerOptions { Format = WeightFormat.Int8PerRow }, Verify = new OnnxVerifyOptions { Tokens = 12 }, Engine = new OnnxEngineOptions { IntraOpThreads = 1 } };
            if (!form.IsPossible)
            {
                Assert.Equal(form.Refusals, Assert.Throws<OnnxExportException>(() => OnnxExporter.Export(layer.Spec, layer.Weights, folder["a.onnx"], options)).Problems);
                Assert.All(form.Refusals, static r => Assert.True(r.Rule.Length > 10));
                continue;
            }

            var found = OnnxExporter.Export(layer.Spec, layer.Weights, folder["a.onnx"], options).Verification!;
            // Nothing but exact ties of zero rows and near ties may go elsewhere.
            Assert.All(found.Batches.Where(static b => b.Name is "random" or "one token" or "one token repeated"), b => Assert.True(b.Differently.Count == 0, $"{form.Form}: {found.ToText()}"));
        }
    }

    [Fact]
    public void The_page_has_the_table_as_the_exporter_gives_it()
    {
        string table = ProfileTable.Write(), page = Repository.Read("docs", "onnx.md");
        if (page.Contains("\n" + table + "\n", StringComparison.Ordinal)) return;
        string actual = Path.Combine(AppContext.BaseDirectory, "onnx-profiles.md");
        File.WriteAllText(actual, table);
        Assert.Fail($"docs/onnx.md has another table; as it is now it was written to {actual}");
    }
}
