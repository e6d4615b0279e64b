using System.Text.Json;
using MoE.Checkpoints;
using MoE.Samples.Commands;

namespace MoE.Samples.Tests.Commands;

public sealed class InspectVerbTests : IDisposable
{
    private const string DeepSeek = """
        {"model_type":"deepseek_v3","hidden_size":32,"moe_intermediate_size":16,"num_hidden_layers":4,"first_k_dense_replace":1,"moe_layer_freq":2,"n_routed_experts":8,"num_experts_per_tok":3,"n_group":2,"topk_group":1,"n_shared_experts":2,
         "routed_scaling_factor":2.5}
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_checkpoint_is_described()
    {
        string path = Write("m", DeepSeek), json = _folder.File("facts.json");
        var outcome = Shell.Run("inspect", path, "--json", json);
        Assert.Equal((ExitCode.Ran, ""), (outcome.ExitCode, outcome.Error));
        foreach (string part in (string[])["deepseek_v3 (profile DeepSeekV3): 1 of 4 layers are mixtures; dense: 0..1, 3", "router: sigmoid, then top 3 of 8, 1 of 2 groups, chosen with a bias, weights divided by their sum, times 2.5", "width 32, experts of 16, shared expert of 32"])
            Assert.Contains(part, outcome.Output, StringComparison.Ordinal);
        var layer = JsonDocument.Parse(File.ReadAllText(json)).RootElement.GetProperty("layers")[0];
        // Router and bias, three matrices of each expert (of the chosen ones), the shared expert of twice the width.
        Assert.Equal(8 * 32 + 8 + 8 * 3 * 16 * 32 + 3 * 32 * 32, layer.GetProperty("parameters").GetInt64());
        Assert.Equal(8 * 32 + 8 + 3 * 3 * 16 * 32 + 3 * 32 * 32, layer.GetProperty("active").GetInt64());
        Assert.Equal(2 * (8 * 32 + 8 * 3 * 16 * 32 + 3 * 32 * 32) + 4 * 8, layer.GetProperty("bytes").GetInt64());
        Assert.Equal(["BF16", "F32"], layer.GetProperty("types").EnumerateArray().Select(static t => t.GetString()));
        // Every router row of this folder is one repeated number.
        Assert.Equal(Math.Sqrt(32) * 0.5, layer.GetProperty("router_norms").GetProperty("high").GetDouble(), 1e-6);
    }

    [Theory]
    [InlineData(DeepSeek, 2)]
    [InlineData("""{"model_type":"mixtral","hidden_size":32,"intermediate_size":48,"num_hidden_layers":2,"num_local_experts":4}""", 1)]
    [InlineData("""{"model_type":"gpt_oss","hidden_size":32,"intermediate_size":32,"num_hidden_layers":1,"num_local_experts":4,"num_experts_per_tok":2}""", 0)]
    public void Every_engine_computes_a_layer_alike(string config, int layer)
    {
        string path = Write("m", config, random: true), json = _folder.File("facts.json");
        var outcome = Shell.Run("inspect", path, "--verify", "--layer", $"{layer}", "--json", json);
        Assert.Equal((ExitCode.Ran, ""), (outcome.ExitCode, outcome.Error));
        var engines = JsonDocument.Parse(File.ReadAllText(json)).RootElement.GetProperty("verify").GetProperty("engines").EnumerateArray().ToList();
        Assert.Equal(["managed", "torch", "onnx, portable", "onnx, contrib"], engines.Select(static e => e.GetProperty("engine").GetString()));
        foreach (var engine in engines.Where(static e => e.GetProperty("refusal").ValueKind == JsonValueKind.Null))
        {
            Assert.True(engine.GetProperty("agrees").GetBoolean(), engine.GetRawText());
            Assert.True(engine.GetProperty("max_abs_diff").GetDouble() < 1e-3);
        }

        Assert.All(engines.Take(3), static e => Assert.Equal(JsonValueKind.Null, e.GetProperty("refusal").ValueKind));
    }

    [Fact]
    public void What_cannot_be_read_is_one_message_and_2()
    {
        string nowhere = Path.Combine(_folder.Path, "nowhere");
        Refused(nowhere, "there is no such folder", "inspect", nowhere);
        string path = Write("m", DeepSeek), tensors = Path.Combine(path, "model.safetensors");
        Refused("--layer 1", "must be one of the mixtures: 2", "inspect", path, "--layer", "1");
        Refused("--layer", "", "inspect", path, "--layer", "x");
        byte[] whole = File.ReadAllBytes(tensors);
        File.WriteAllBytes(tensors, whole[..(whole.Length / 2)]);
        Refused(tensors, "the file has", "inspect", path);
        File.WriteAllBytes(tensors, whole);
        File.WriteAllText(Path.Combine(path, "config.json"), DeepSeek.Replace("\"n_routed_experts\":8", "\"n_routed_experts\":6"));
        Refused(path, "mlp.experts.7.up_proj.weight is no tensor of such a layer", "inspect", path, "--verify");
        File.WriteAllText(Path.Combine(path, "config.json"), "[");
        Refused(path, "not valid JSON", "inspect", path);
        Assert.Equal(ExitCode.Usage, Shell.Run("inspect").ExitCode);
    }

    private static void Refused(string start, string part, params string[] args)
    {
        var outcome = Shell.Run(args);
        Assert.Equal(ExitCode.Usage, outcome.ExitCode);
        Assert.Contains(start, outcome.Error, StringComparison.Ordinal);
        Assert.Contains(part, outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", outcome.Error, StringComparison.Ordinal);
    }

    private string Write(string name, string json, bool random = false)
    {
        string path = Path.Combine(_folder.Path, name);
        var config = HuggingFaceConfig.Parse(json);
        var draws = new Random(1);
        var layers = new Dictionary<int, IWeightSource>();
        foreach (int layer in config.MoELayers)
        {
            var weights = new WeightDictionary();
            foreach (var (tensor, shape) in WeightNames.Of(config.Layers[layer]!))
                weights.Add(tensor, [.. Enumerable.Range(0, shape.Aggregate(1, static (a, b) => a * b)).Select(_ => random ? draws.NextSingle() - 0.5f : 0.5f)], shape);
            layers.Add(layer, weights);
        }

        HuggingFaceCheckpoint.Write(path, json, layers, SafetensorsType.BF16);
        return path;
    }
}
