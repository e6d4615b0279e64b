using System.Text.Json.Nodes;
using MoE.Checkpoints;
using MoE.Tests;
using MoE.Tests.Checkpoints.Families;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Lora;

/// <summary>Gates in the layout of the authors' own code, made by hand with recorded weights, against what that code returned.</summary>
public sealed class OriginalXLoraTests : IDisposable
{
    private static readonly IReadOnlyDictionary<string, RecordedCase> s_cases = RecordedCase.Of("xlora", "xLoRAClassifier");

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Cases => [.. s_cases.Keys];

    public void Dispose() => _folder.Dispose();

    [Theory, MemberData(nameof(Cases))]
    public void A_gate_gives_the_scalings_of_the_authors_code(string name)
    {
        var c = s_cases[name];
        var options = JsonNode.Parse(c.Options.GetRawText())!.AsObject();
        int classes = options["n_classes"]!.GetValue<int>(), layers = options["n_layers"]!.GetValue<int>();
        options["adapters"] = new JsonObject(Enumerable.Range(0, classes).Select(static i => KeyValuePair.Create<string, JsonNode?>($"{i}", $"some/address:{i}")));
        options["base_model_id"] = "acme/tiny";
        string[] names = [.. c.Names.Where(static n => n.EndsWith(".weight", StringComparison.Ordinal) || n.EndsWith(".bias", StringComparison.Ordinal))];
        string path = Write(options.ToJsonString(), [.. names.Select(n => HandTensor.Of(n, [.. c.Shape(n)], c.Values(n)))]);
        using var gate = PeftGate.Open(path);
        Assert.Equal("acme/tiny", gate.Config.BaseModel);
        // Addresses that are no folders beside the file give way to the adapters' names.
        Assert.Equal(Enumerable.Range(0, classes).Select(static i => KeyValuePair.Create($"{i}", $"{i}")), gate.Config.Adapters);
        var spec = gate.Config.WithLayers(layers);
        using var scope = NewDisposeScope();
        using var classifier = new XLoraClassifier(spec);
        var state = classifier.state_dict();
        var values = gate.Layers(spec);
        using (no_grad())
        {
            for (int i = 0; i < values.Count; i++)
            {
                state[$"layers.{i}.weight"].copy_(tensor(values[i].Weight).view(state[$"layers.{i}.weight"].shape));
                if (spec.Bias) state[$"layers.{i}.bias"].copy_(tensor(values[i].Bias));
            }
        }

        classifier.eval();
        float[] scalings = classifier.call(tensor(c.Values("hidden_state")).view([.. c.Shape("hidden_state").Select(static d => (long)d)])).data<float>().ToArray(), expected = c.Values("scalings");
        // The suite's tolerance of weights in single precision.
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], scalings[i], 1e-5f);
    }

    // inner counts what lies between the linear layers; before the key use_bias there were none.
    [Theory]
    [InlineData(true, true, 0, 3)]
    [InlineData(false, false, 0, 1)]
    public void Deep_gates_and_trained_adapters_are_loaded_whole(bool between, bool biases, int first, int second)
    {
        using var scope = NewDisposeScope();
        var model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4));
        using var lora = LoraModel.Attach(model, "[01]", [new("law", new LoraSpec { Rank = 2 }), new("code", new LoraSpec { Rank = 2 })]);
        foreach (var parameter in lora.parameters()) using (no_grad()) parameter.copy_(randn_like(parameter));
        foreach (string name in lora.Adapters) lora.Save(name, Path.Combine(_folder.Path, "adapters", name), "acme/tiny");
        lora.Detach();
        float[] w0 = Values(20), w1 = Values(25), w2 = Values(10);
        List<HandTensor> tensors = [HandTensor.Of($"inner.{first}.weight", [5, 4], w0), HandTensor.Of($"inner.{second}.weight", [5, 5], w1), HandTensor.Of("last.weight", [2, 5], w2)];
        if (biases) tensors.AddRange([HandTensor.Of($"inner.{first}.bias", [5], Values(5)), HandTensor.Of($"inner.{second}.bias", [5], Values(5)), HandTensor.Of("last.bias", [2], Values(2))]);
        Write($$"""
            {"hidden_size":4,"base_model_id":"acme/tiny","adapters":["law","code"],"xlora_depth":3,"xlora_size":5,"use_trainable_adapters":true,"enable_relu_and_dropout":{{(between ? "true" : "false")}},"top_k_lora":null,"stop_token_id":null,
             "use_mean_pool":false,"softmax_temperature":0.5}
            """, tensors);
        var (again, mixer) = XLoraMixer.Load(model, _folder.Path);
        mixer.eval();
        Assert.Equal(new XLoraSpec { Hidden = 4, Adapters = 2, Layers = 2, Depth = 3, Width = 5, Bias = biases, ReluAndDropout = between, Temperature = 0.5 }, mixer.Classifier.Spec);
        var x = randn(1, 3, 4);
        var h = x;
        foreach (var (w, b) in new[] { (tensor(w0).view(5, 4), biases ? Of(tensors, $"inner.{first}.bias") : null), (tensor(w1).view(5, 5), biases ? Of(tensors, $"inner.{second}.bias") : null) })
        {
            h = nn.functional.linear(h, w, b);
            if (between) h = h.relu();
        }

        var expected = nn.functional.linear(h, tensor(w2).view(2, 5), biases ? Of(tensors, "last.bias") : null).div(0.5).softmax(-1).unsqueeze(2).expand(1, 3, 2, 2);
        var (_, scalings) = mixer.run(() => x, () => model.call(x));
        Assert.True(scalings.allclose(expected, 1e-5, 1e-6));
        again.Detach();
    }

    [Fact]
    public void What_is_wrong_is_named_together()
    {
        string message = Assert.Throws<InvalidDataException>(() => PeftGate.Open(Write("""{"hidden_size":0,"adapters":{},"use_mean_pool":true,"stop_token_id":2,"top_k_lora":"x"}""", [HandTensor.Of("last.weight", [2, 4], Values(8))]))).Message;
        foreach (string part in (string[])[_folder.Path, "xlora_config.json", "hidden_size = 0", "adapters: names none", "use_mean_pool = true", "stop_token_id = 2", "top_k_lora = \"x\""]) Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.Contains("adapters.../x", Assert.Throws<InvalidDataException>(() => PeftGate.Open(Write("""{"hidden_size":4,"use_trainable_adapters":true,"adapters":["../x"]}""", [HandTensor.Of("last.weight", [2, 4], Values(8))]))).Message, StringComparison.Ordinal);
        using var gate = PeftGate.Open(Write("""{"hidden_size":4,"adapters":["a","b"],"xlora_depth":2,"xlora_size":3}""", [HandTensor.Of("last.weight", [2, 4], Values(8)), HandTensor.Of("inner.x.weight", [1], [0]), HandTensor.Of("last.bias", [3], Values(3))]));
        message = Assert.Throws<InvalidDataException>(() => gate.Layers(gate.Config.WithLayers(2))).Message;
        foreach (string part in (string[])["inner.x.weight is no tensor of a gate", "the gate has 1 linear layers; xlora_depth is 2"]) Assert.Contains(part, message, StringComparison.Ordinal);
        File.Delete(Path.Combine(_folder.Path, "xlora_classifier.safetensors"));
        Assert.Throws<FileNotFoundException>(() => PeftGate.Open(_folder.Path));
    }

    private static Tensor Of(List<HandTensor> tensors, string name) => tensor(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(tensors.Single(t => t.Name == name).Data).ToArray());

    private static float[] Values(int count) => [.. Enumerable.Range(0, count).Select(static i => (i * 7 % 11 - 5) / 8f)];

    private string Write(string config, IReadOnlyList<HandTensor> tensors)
    {
        File.WriteAllText(Path.Combine(_folder.Path, "xlora_config.json"), config);
        File.WriteAllBytes(Path.Combine(_folder.Path, "xlora_classifier.safetensors"), HandTensor.File(tensors));
        return _folder.Path;
    }
}
