using System.Globalization;

namespace MoE.Samples.Inspecting;

/// <summary>A router in words.</summary>
internal static class RouterWords
{
    private static readonly Dictionary<string, string> s_profiles = new(StringComparer.Ordinal)
    {
        ["mixtral"] = nameof(LayerProfiles.Mixtral), ["minimax"] = nameof(LayerProfiles.Mixtral), ["olmoe"] = nameof(LayerProfiles.Olmoe), ["flex_olmo"] = nameof(LayerProfiles.Olmoe), ["qwen2_moe"] = nameof(LayerProfiles.Qwen2Moe),
        ["qwen3_moe"] = nameof(LayerProfiles.Qwen3Moe), ["deepseek_v2"] = nameof(LayerProfiles.DeepSeekV2), ["deepseek_v3"] = nameof(LayerProfiles.DeepSeekV3), ["glm4_moe"] = nameof(LayerProfiles.DeepSeekV3),
        ["dots1"] = nameof(LayerProfiles.DeepSeekV3), ["gpt_oss"] = nameof(LayerProfiles.GptOss), ["llama4_text"] = nameof(LayerProfiles.Llama4), ["phimoe"] = nameof(RouterProfiles.PhiMoE), ["ernie4_5_moe"] = nameof(RouterProfiles.Ernie45),
        ["hunyuan_v1_moe"] = nameof(LayerProfiles.Mixtral), ["granitemoe"] = nameof(RouterProfiles.MistralInference), ["dbrx"] = nameof(RouterProfiles.MegaBlocks),
    };

    /// <summary>The profile that the family's layers follow, or null.</summary>
    public static string? Profile(string modelType) => s_profiles.GetValueOrDefault(modelType);

    /// <summary>Score, choice and weights in one line.</summary>
    public static string Rule(RouterSpec router)
    {
        string score = router.Score.Function.ToString().ToLowerInvariant();
        var words = new List<string>();
        if (router.Select is SparseMixerSelection mixer) words.Add(string.Create(CultureInfo.InvariantCulture, $"sparse mixer, {mixer.K} of {router.Experts}, threshold {2 * mixer.Jitter}"));
        else words.Add(router.Score.Stage == ScoreStage.AfterSelection ? $"top {router.TopK} of {router.Experts}, then {score} over the chosen" : $"{score}, then top {router.TopK} of {router.Experts}");
        if (router.Select is TopKSelection { Groups: { } groups }) words.Add($"{groups.Keep} of {groups.Count} groups");
        if (router.UsesSelectionBias) words.Add("chosen with a bias");
        if (router.Weigh.Normalization != WeightNormalization.None) words.Add("weights divided by their sum");
        if (router.Weigh.Scale != 1) words.Add(string.Create(CultureInfo.InvariantCulture, $"times {router.Weigh.Scale}"));
        return string.Join(", ", words);
    }
}
