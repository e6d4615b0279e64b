namespace MoE.Onnx.Tests;

/// <summary>The published models' layers, exported.</summary>
public class ProfileTests
{
    private static readonly Dictionary<string, MoELayerSpec> Layers = new()
    {
        ["Mixtral"] = LayerProfiles.Mixtral(12, 10),
        ["Olmoe"] = LayerProfiles.Olmoe(12, 10, 16, 4),
        ["Olmoe normalized"] = LayerProfiles.Olmoe(12, 10, 16, 4, normalize: true),
        ["Qwen2Moe"] = LayerProfiles.Qwen2Moe(12, 10, 20, 16, 4),
        ["Qwen3Moe"] = LayerProfiles.Qwen3Moe(12, 10, 16, 4),
        ["DeepSeekV2"] = LayerProfiles.DeepSeekV2(12, 10, 16, 3, 4, 2, 16),
        ["DeepSeekV3"] = LayerProfiles.DeepSeekV3(12, 10, 16, 4, 4, 2, 2.5),
        ["GptOss"] = LayerProfiles.GptOss(12, 10, 16),
        ["Llama4"] = LayerProfiles.Llama4(12, 10, 16),
    };

    private static readonly Dictionary<string, RouterSpec> Routers = new()
    {
        ["MistralInference"] = RouterProfiles.MistralInference(8),
        ["Switch dropless"] = RouterProfiles.Switch(8, capacityFactor: null),
        ["GShardTop2 dropless"] = RouterProfiles.GShardTop2(8, capacityFactor: null),
        ["DeepSpeedTop2 dropless"] = RouterProfiles.DeepSpeedTop2(8, capacityFactor: null),
        ["VMoE dropless"] = RouterProfiles.VMoE(8, 2, capacityFactor: null),
        ["Megatron"] = RouterProfiles.Megatron(8, 2),
        ["Megatron sigmoid"] = RouterProfiles.Megatron(8, 4, ScoreFunction.Sigmoid, groups: 4, keepGroups: 2, scale: 2.5, bias: true),
        ["Megatron sqrt-softplus"] = RouterProfiles.Megatron(8, 2, ScoreFunction.SqrtSoftplus),
        ["Torchtitan"] = RouterProfiles.Torchtitan(8, 3),
        ["Torchtitan groups"] = RouterProfiles.Torchtitan(8, 3, normalize: true, groups: 4, keepGroups: 2),
        ["MegaBlocks"] = RouterProfiles.MegaBlocks(8, 2, normalizeP: 1),
        ["LlamaCpp"] = RouterProfiles.LlamaCpp(8, 3),
        ["LlamaCpp sigmoid"] = RouterProfiles.LlamaCpp(8, 3, ScoreFunction.Sigmoid, bias: true, scale: 2.5),
        ["TransformersDeepSeekV3"] = RouterProfiles.TransformersDeepSeekV3(16, 4, 4, 2, 2.5),
        ["OnnxRuntimeMoE"] = RouterProfiles.OnnxRuntimeMoE(8, 3),
        ["OnnxRuntimeMoE raw"] = RouterProfiles.OnnxRuntimeMoE(8, 3, normalize: false),
        ["OnnxRuntimeQMoE"] = RouterProfiles.OnnxRuntimeQMoE(8, 3),
    };

    public static TheoryData<string> LayerNames => [.. Layers.Keys];

    public static TheoryData<string> RouterNames => [.. Routers.Keys];

    [Theory]
    [MemberData(nameof(LayerNames))]
    public void Layer(string name) => Check(Layers[name]);

    [Theory]
    [MemberData(nameof(RouterNames))]
    public void Router(string name) => Check(LayerCase.Layer(width: 6, inner: 5) with { Router = Routers[name] });

    [Theory]
    [InlineData(true, false, true)]
    [InlineData(true, true, false)]
    [InlineData(false, false, false)]
    public void The_operator_routes_by_itself_only_where_it_is_what_the_spec_says(bool own, bool routingOutputs, bool native)
    {
        var router = own ? RouterProfiles.OnnxRuntimeMoE(8, 3) : RouterProfiles.Mixtral(8, 3);
        var layer = new LayerCase(LayerCase.Layer() with { Router = router });
        var model = OnnxLayerWriter.Build(layer.Spec, layer.Weights, OnnxLayerForm.Contrib, new OnnxLayerOptions { RoutingOutputs = routingOutputs });
        Assert.Equal(native, !model.Graph.Nodes.Any(static n => n.OpType == "TopK"));
    }

    private static void Check(MoELayerSpec spec)
    {
        var layer = new LayerCase(spec);
        layer.Check(OnnxLayerForm.Portable, 37);
        if (spec.Weighted == WeightedSide.Input) return;
        layer.Check(OnnxLayerForm.Contrib, 37);
        layer.Check(OnnxLayerForm.Contrib, 37, routingOutputs: false);
    }
}
