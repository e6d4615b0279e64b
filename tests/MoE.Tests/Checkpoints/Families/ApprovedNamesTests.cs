using System.Text.RegularExpressions;
using MoE.Checkpoints;

namespace MoE.Tests.Checkpoints.Families;

/// <summary>Names, types and shapes of a layer's tensors, as the files in Approved have them: written from the descriptions of the published models, never from what the library says. {a..b} stands for every number of the range.</summary>
public sealed partial class ApprovedNamesTests
{
    private static readonly Dictionary<string, string> s_configs = new()
    {
        ["mixtral"] = Configs.Mixtral8x7B,
        ["minimax"] = Configs.MiniMaxText01,
        ["phimoe"] = Configs.Phi35MoE,
        ["olmoe"] = Configs.Olmoe1B7B,
        ["flex_olmo"] = Configs.FlexOlmo7x7B,
        ["qwen2_moe"] = Configs.Qwen15MoeA27B,
        ["qwen3_moe"] = Configs.Qwen330BA3B,
        ["deepseek_v2"] = Configs.DeepSeekV2Lite,
        ["deepseek_v3"] = Configs.DeepSeekV3,
        ["glm4_moe"] = Configs.Glm45Air,
        ["dots1"] = Configs.Dots1,
        ["ernie4_5_moe"] = Configs.Ernie45,
        ["hunyuan_v1_moe"] = Configs.HunyuanA13B,
        ["jamba"] = Configs.Jamba01,
        ["lfm2_moe"] = Configs.Lfm28BA1B,
        ["granitemoe"] = Configs.Granite1BA400M,
        ["dbrx"] = Configs.DbrxBase,
        ["gpt_oss"] = Configs.GptOss20B,
        ["llama4_text"] = Configs.Llama4Scout,
    };

    public static TheoryData<string> Names => [.. CheckpointLayout.All.Select(static l => l.Name)];

    [Theory, MemberData(nameof(Names))]
    public void A_layer_has_the_tensors_of_the_published_model(string name) =>
        Assert.Equal(Approved(name).Order(StringComparer.Ordinal), Ours(name).Select(static t => t.ToString()).Order(StringComparer.Ordinal));

    private static IReadOnlyList<CheckpointTensor> Ours(string name)
    {
        if (s_configs.TryGetValue(name, out string? json))
        {
            var config = HuggingFaceConfig.Parse(json);
            return config.Tensors(config.MoELayers[0]);
        }

        var spec = LayerProfiles.DeepSeekV3(width: 32, expertWidth: 64, experts: 4, k: 2, groups: 1, keepGroups: 1, scale: 1);
        if (name == "tutel") spec = new MoELayerSpec { Width = 32, Router = RouterProfiles.Mixtral(4), Expert = new ExpertSpec { Form = ExpertForm.FeedForward, Activation = Activation.Gelu, Width = 64, Biases = true } };
        return CheckpointLayout.Of(name).Tensors(spec, 2);
    }

    private static IEnumerable<string> Approved(string name)
    {
        using var stream = typeof(ApprovedNamesTests).Assembly.GetManifestResourceStream($"Approved/{name}.txt") ?? throw new InvalidOperationException($"no approved file of {name}");
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.Length == 0 || line[0] == '#') continue;
            var range = Range().Match(line);
            if (!range.Success) yield return line;
            for (int i = range.Success ? int.Parse(range.Groups[1].Value) : 1; range.Success && i <= int.Parse(range.Groups[2].Value); i++) yield return line.Replace(range.Value, $"{i}");
        }
    }

    [GeneratedRegex(@"\{(\d+)\.\.(\d+)\}")]
    private static partial Regex Range();
}
