namespace MoE.Onnx.Tests;

/// <summary>Operators that changed between the versions of the standard set, in every version that is written.</summary>
public class OnnxOpsetTests
{
    public static TheoryData<int, OnnxLayerForm> Opsets
    {
        get
        {
            var data = new TheoryData<int, OnnxLayerForm>();
            for (int opset = OnnxOpset.Oldest; opset <= OnnxOpset.Newest; opset++)
            {
                foreach (var form in LayerCase.SingleForms) data.Add(opset, form);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Opsets))]
    public void Every_version_gives_the_reference(int opset, OnnxLayerForm form)
    {
        // Reductions whose axes moved: the groups' best, and the p-norms.
        foreach (var router in (RouterSpec[])
        [
            RouterProfiles.DeepSeekV2(16, 3, 4, 2, 16),
            RouterProfiles.MegaBlocks(8, 2, normalizeP: 1),
            RouterProfiles.MegaBlocks(8, 2, normalizeP: 2),
            RouterProfiles.MegaBlocks(8, 2, normalizeP: 3),
        ]) new LayerCase(LayerCase.Layer() with { Router = router }).Check(form, 9, opset: opset);

        // GELU, which was no operator before 20; the contrib operator has the tanh form.
        Activation[] gelus = form == OnnxLayerForm.Contrib ? [Activation.GeluTanh] : [Activation.Gelu, Activation.GeluTanh];
        foreach (var activation in gelus) new LayerCase(LayerCase.Layer(form: ExpertForm.FeedForward, activation: activation, biases: true)).Check(form, 9, opset: opset);
        if (form != OnnxLayerForm.Contrib) new LayerCase(LayerCase.Layer() with { Weighted = WeightedSide.Input }).Check(form, 9, opset: opset);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(22)]
    [InlineData(0)]
    public void Other_versions_are_refused_with_the_reason(int opset)
    {
        var layer = new LayerCase(LayerCase.Layer());
        var layerProblem = Assert.Single(Assert.Throws<OnnxExportException>(() => OnnxLayerWriter.Build(layer.Spec, layer.Weights, OnnxLayerForm.Portable, new OnnxLayerOptions { Opset = opset })).Problems);
        var routerProblem = Assert.Single(Assert.Throws<OnnxExportException>(() => OnnxRouterWriter.Build(layer.Spec.Router, layer.Weights, opset)).Problems);
        Assert.Equal(layerProblem, routerProblem);
        Assert.Equal(("opset", $"{opset}"), (layerProblem.Name, layerProblem.Value));
        Assert.StartsWith("must be in 17..21", layerProblem.Rule, StringComparison.Ordinal);
    }

    [Fact]
    public void The_loop_costs_the_same_graph_for_any_number_of_experts()
    {
        static int Nodes(OnnxGraph graph) => graph.Nodes.Sum(static n => 1 + n.Attributes.Sum(static a => a.Value is OnnxGraph inner ? Nodes(inner) : 0));
        int Count(int experts, OnnxLayerForm form)
        {
            var layer = new LayerCase(LayerCase.Layer(experts: experts));
            return Nodes(OnnxLayerWriter.Build(layer.Spec, layer.Weights, form).Graph);
        }

        Assert.Equal(Count(8, OnnxLayerForm.Loop), Count(300, OnnxLayerForm.Loop));
        Assert.True(Count(300, OnnxLayerForm.Portable) > 2000);
        new LayerCase(LayerCase.Layer(experts: 300, k: 6)).Check(OnnxLayerForm.Loop, 40);
    }
}
