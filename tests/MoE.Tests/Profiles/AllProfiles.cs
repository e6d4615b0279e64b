namespace MoE.Tests.Profiles;

/// <summary>Every profile with every option at least once, at small sizes.</summary>
internal static class AllProfiles
{
    public static IReadOnlyDictionary<string, RouterSpec> Routers { get; } = new Dictionary<string, RouterSpec>
    {
        ["Mixtral"] = RouterProfiles.Mixtral(8),
        ["MistralInference"] = RouterProfiles.MistralInference(8, 3),
        ["Olmoe"] = RouterProfiles.Olmoe(16, 4),
        ["Olmoe normalized"] = RouterProfiles.Olmoe(16, 4, normalize: true),
        ["Qwen2Moe"] = RouterProfiles.Qwen2Moe(60, 4),
        ["Qwen3Moe"] = RouterProfiles.Qwen3Moe(16, 8),
        ["GptOss"] = RouterProfiles.GptOss(32),
        ["Llama4"] = RouterProfiles.Llama4(16),
        ["DeepSeekV2"] = RouterProfiles.DeepSeekV2(16, 6, 8, 3, 16),
        ["DeepSeekV2 greedy"] = RouterProfiles.DeepSeekV2(64, 6, 1, 1, 1),
        ["DeepSeekV2 normalized"] = RouterProfiles.DeepSeekV2(16, 6, 8, 3, 16, normalize: true),
        ["DeepSeekV3"] = RouterProfiles.DeepSeekV3(16, 4, 4, 2, 2.5),
        ["DeepSeekV3 without bias"] = RouterProfiles.DeepSeekV3(16, 4, 4, 2, 2.5, normalize: false, bias: false),
        ["TransformersDeepSeekV3"] = RouterProfiles.TransformersDeepSeekV3(16, 4, 4, 2, 2.5),
        ["Megatron"] = RouterProfiles.Megatron(8, 2),
        ["Megatron pre"] = RouterProfiles.Megatron(8, 2, preSoftmax: true),
        ["Megatron groups"] = RouterProfiles.Megatron(16, 4, ScoreFunction.Sigmoid, groups: 4, keepGroups: 2, scale: 2.5, bias: true),
        ["Megatron capacity"] = RouterProfiles.Megatron(8, 2, ScoreFunction.SqrtSoftplus, capacityFactor: 1.25),
        ["Torchtitan"] = RouterProfiles.Torchtitan(8, 1),
        ["Torchtitan softmax"] = RouterProfiles.Torchtitan(16, 4, ScoreFunction.Softmax, normalize: true, scale: 2, bias: false, groups: 4, keepGroups: 2),
        ["MegaBlocks"] = RouterProfiles.MegaBlocks(8, 2),
        ["MegaBlocks capacity"] = RouterProfiles.MegaBlocks(16, 4, normalizeP: 1, capacityFactor: 1),
        ["LlamaCpp"] = RouterProfiles.LlamaCpp(8, 2),
        ["LlamaCpp groups"] = RouterProfiles.LlamaCpp(16, 4, ScoreFunction.Sigmoid, scale: 2.5, bias: true, groups: 4, keepGroups: 2),
        ["LlamaCpp after"] = RouterProfiles.LlamaCpp(8, 2, afterSelection: true, normalize: false),
        ["OnnxRuntimeMoE"] = RouterProfiles.OnnxRuntimeMoE(8, 2),
        ["OnnxRuntimeMoE raw"] = RouterProfiles.OnnxRuntimeMoE(8, 2, normalize: false),
        ["OnnxRuntimeQMoE"] = RouterProfiles.OnnxRuntimeQMoE(8, 2),
        ["Switch"] = RouterProfiles.Switch(8),
        ["Switch dropless"] = RouterProfiles.Switch(8, null),
        ["TransformersSwitch"] = RouterProfiles.TransformersSwitch(8),
        ["GShardTop2"] = RouterProfiles.GShardTop2(8),
        ["DeepSpeedTop2"] = RouterProfiles.DeepSpeedTop2(8),
        ["DeepSpeedTop2 dropless"] = RouterProfiles.DeepSpeedTop2(8, null),
        ["VMoE"] = RouterProfiles.VMoE(8, 2),
        ["VMoE dropless"] = RouterProfiles.VMoE(8, 2, null),
    };

    public static IReadOnlyDictionary<string, MoELayerSpec> Layers { get; } = new Dictionary<string, MoELayerSpec>
    {
        ["Mixtral"] = LayerProfiles.Mixtral(6, 10),
        ["Olmoe"] = LayerProfiles.Olmoe(6, 3, 16, 4),
        ["Qwen2Moe"] = LayerProfiles.Qwen2Moe(6, 4, 12, 8, 2),
        ["Qwen3Moe"] = LayerProfiles.Qwen3Moe(6, 4, 8, 2),
        ["DeepSeekV2"] = LayerProfiles.DeepSeekV2(6, 4, 16, 6, 8, 3, 16),
        ["DeepSeekV2 without shared"] = LayerProfiles.DeepSeekV2(6, 4, 16, 6, 1, 1, 1, sharedExperts: 0),
        ["DeepSeekV3"] = LayerProfiles.DeepSeekV3(6, 4, 16, 4, 4, 2, 2.5),
        ["GptOss"] = LayerProfiles.GptOss(6, 6, 8, 2),
        ["Llama4"] = LayerProfiles.Llama4(6, 5, 4),
    };
}
