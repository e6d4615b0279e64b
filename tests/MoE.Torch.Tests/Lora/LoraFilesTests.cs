using System.Text;
using MoE.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Lora;

public sealed class LoraFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_is_saved_is_loaded_again_bit_by_bit_with_ranks_of_their_own()
    {
        using var scope = NewDisposeScope();
        var model = Model();
        KeyValuePair<string, LoraSpec>[] adapters = [new("a", new LoraSpec { Rank = 2, Alpha = 4 }), new("b", new LoraSpec { Rank = 3, Alpha = 4, RankStabilized = true, Dropout = 0.25 })];
        using var lora = LoraModel.Attach(model, "token|mix|head.0", adapters);
        Shake(lora);
        foreach (string name in lora.Adapters) lora.Save(name, At(name), "acme/tiny");
        var x = tensor(new long[] { 1, 3, 0, 2 }, 2, 2);
        var mix = new WeightedLoraMix(new Dictionary<string, double> { ["a"] = 0.5, ["b"] = 2 });
        model.eval();
        lora.eval();
        lora.Mix = mix;
        var expected = Run(model, x);
        var state = lora.state_dict().ToDictionary(static s => s.Key, static s => HostReads.Single(s.Value));
        lora.Detach();
        using var again = LoraModel.Load(model, [new("a", At("a")), new("b", At("b"))], new LoraLoadOptions { BaseModel = "acme/tiny" });
        Assert.Equal(["token", "mix", "head.0"], again.Wrapped);
        Assert.Equal(adapters.Select(static a => a.Value), again.Adapters.Select(n => again.Layer("head.0").Spec(n)));
        foreach (var (key, value) in again.state_dict()) Assert.Equal(state[key], HostReads.Single(value));
        again.eval();
        again.Mix = mix;
        Assert.Equal(HostReads.Single(expected), HostReads.Single(Run(model, x)));
    }

    [Fact]
    public void A_convolution_in_groups_is_saved_and_loaded_and_its_rank_is_checked()
    {
        using var scope = NewDisposeScope();
        var model = nn.Sequential(nn.Conv2d(4, 6, 3, groups: 2));
        using var lora = LoraModel.Attach(model, "0", [new("a", new LoraSpec { Rank = 4 })]);
        Shake(lora);
        lora.Save("a", At("a"));
        Assert.Equal(["base_model.model.0.lora_A.weight [4, 4, 3, 3]", "base_model.model.0.lora_B.weight [6, 2, 1, 1]"], Names("a"));
        lora.Mix = LoraMix.Of("a");
        var x = randn(2, 4, 5, 5);
        var expected = model.call(x);
        Assert.Contains("2 groups", Assert.Throws<InvalidOperationException>(lora.Merge).Message, StringComparison.Ordinal);
        Assert.Contains("2 groups", Assert.Throws<ArgumentException>(() => lora.AddMerged("m", [new("a", 1)])).Message, StringComparison.Ordinal);
        lora.Detach();
        using var again = LoraModel.Load(model, [new("a", At("a"))]);
        again.Mix = LoraMix.Of("a");
        Assert.Equal(HostReads.Single(expected), HostReads.Single(model.call(x)));
        // Another number of groups.
        Assert.Contains("[6, 4, 1, 1]", Assert.Throws<InvalidDataException>(() => LoraModel.Load(nn.Sequential(nn.Conv2d(4, 6, 3)), [new("a", At("a"))])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_and_shapes_are_those_of_peft()
    {
        using var scope = NewDisposeScope();
        using var lora = LoraModel.Attach(Model(), "token|head.0", [new("a", new LoraSpec { Rank = 2 })]);
        using var dora = LoraModel.Attach(Model(), "mix|head.0", [new("d", new LoraSpec { Rank = 2, Magnitude = true })]);
        lora.Save("a", At("a"));
        dora.Save("d", At("d"));
        Assert.Equal(
            ["base_model.model.head.0.lora_A.weight [2, 3]", "base_model.model.head.0.lora_B.weight [5, 2]", "base_model.model.token.lora_embedding_A [2, 6]", "base_model.model.token.lora_embedding_B [3, 2]"],
            Names("a"));
        Assert.Equal(
            ["base_model.model.head.0.lora_A.weight [2, 3]", "base_model.model.head.0.lora_B.weight [5, 2]", "base_model.model.head.0.lora_magnitude_vector [5]",
                "base_model.model.mix.lora_A.weight [2, 3, 1, 3]", "base_model.model.mix.lora_B.weight [3, 2, 1, 1]", "base_model.model.mix.lora_magnitude_vector [1, 3, 1, 1]"],
            Names("d"));
        Assert.Contains("\"target_modules\": [\n    \"token\",\n    \"head.0\"\n  ]", File.ReadAllText(Path.Combine(At("a"), "adapter_config.json")), StringComparison.Ordinal);

        using var back = LoraModel.Load(dora_model(), [new("d", At("d"))], new LoraLoadOptions());
        Assert.NotNull(back.Layer("mix").Magnitude("d"));

        nn.Module dora_model()
        {
            // The hash of the base is not looked at where the file has none.
            using var file = SafetensorsFile.Open(Path.Combine(At("d"), "adapter_model.safetensors"));
            SafetensorsTensor[] tensors = [.. file.Entries.Select(e => new SafetensorsTensor(e.Name, e.Type, e.Shape, file.Bytes(e).ToArray()))];
            SafetensorsWriter.Write(Path.Combine(At("d"), "adapter_model.safetensors"), tensors);
            return Model();
        }
    }

    [Fact]
    public void Everything_wrong_is_told_at_once_by_name_and_the_model_stays_as_it_was()
    {
        using var scope = NewDisposeScope();
        var model = Model();
        byte[][] before = Bytes(model);
        var x = tensor(new long[] { 1, 3, 0, 2 }, 2, 2);
        var y = HostReads.Single(Run(model, x));
        KeyValuePair<string, LoraSpec>[] one = [new("x", new LoraSpec { Rank = 2 })];
        void Make(string name, nn.Module of, string pattern, string? baseModel = "acme/tiny")
        {
            using var lora = LoraModel.Attach(of, pattern, one);
            Shake(lora);
            lora.Save("x", At(name), baseModel);
        }

        Make("good", model, "head.0");
        Make("other-targets", model, "head.0|token");
        Make("other-name", model, "head.0", "acme/large");
        // Same shapes, other weights: only the hash can tell.
        Make("other-weights", Model(), "head.0");
        Make("other-shape", new Tiny(width: 4), "head.0");
        Make("other-model", nn.Sequential(nn.Linear(3, 3)), "0");
        Make("nan", model, "head.0");
        Make("truncated", model, "head.0");
        Make("rank", model, "head.0");
        Patch("nan", static (name, bytes) => { if (name.Contains("lora_B", StringComparison.Ordinal)) BitConverter.TryWriteBytes(bytes.AsSpan(8), float.NaN); });
        string file = Path.Combine(At("truncated"), "adapter_model.safetensors");
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^5]);
        string config = Path.Combine(At("rank"), "adapter_config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"r\": 2", "\"r\": 3", StringComparison.Ordinal));

        string[] names = ["good", "other-targets", "other-name", "other-weights", "other-shape", "other-model", "nan", "truncated", "rank", "missing"];
        string message = Assert.Throws<InvalidDataException>(() => LoraModel.Load(model, [.. names.Select(n => new KeyValuePair<string, string>(n, At(n)))], new LoraLoadOptions { BaseModel = "acme/tiny" })).Message;
        foreach (string part in new[]
        {
            "adapter good: does not target token", "adapter other-name: its base is acme/large", "adapter other-weights: was trained on other base weights", "adapter other-shape: layer head.0: A is [2, 4]",
            "adapter other-model: layer 0 is not in the model", "lora_B.weight[2] is NaN", "adapter truncated:", "adapter rank:", "the rank of the configuration", "adapter missing:",
        }) Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.Equal(before, Bytes(model));
        Assert.Equal(y, HostReads.Single(Run(model, x)));
        Assert.All(model.parameters(), static p => Assert.True(p.requires_grad));

        // Where different targets are wanted, a missing layer changes nothing.
        using var lora = LoraModel.Load(model, [new("good", At("good")), new("both", At("other-targets"))], new LoraLoadOptions { DifferentTargets = true });
        Assert.Equal(["token", "head.0"], lora.Wrapped);
        Assert.Equal(0, lora.Layer("token").delta_weight("good").abs().max().item<float>());
        Assert.True(lora.Layer("token").delta_weight("both").abs().max().item<float>() > 0);
    }

    [Theory]
    [InlineData(WeightLayout.OutputsByInputs)]
    [InlineData(WeightLayout.InputsByOutputs)]
    public void Adapters_of_stacked_weights_are_those_of_peft(WeightLayout layout)
    {
        using var scope = NewDisposeScope();
        // PEFT: einsum("o r e, e r i -> e o i", B, A) (or "e i o"), with A [E r, in] and B [out, r E]: by hand, element by element.
        const int E = 3, R = 2;
        var weight = new TorchSharp.Modules.Parameter(randn(E, 4, 5));
        var bank = new StackedLoraBank(weight, layout);
        bank.Add("a", new LoraSpec { Rank = R, Alpha = 6 });
        using (no_grad()) bank.B("a").normal_(0, 1);
        bool direct = layout == WeightLayout.OutputsByInputs;
        Assert.Equal([E * R, direct ? 5L : 4], bank.A("a").shape);
        Assert.Equal([direct ? 4L : 5, R * E], bank.B("a").shape);
        float[,] a = Grid(bank.A("a")), b = Grid(bank.B("a"));
        var delta = bank.delta_weight("a");
        for (int e = 0; e < E; e++)
        {
            for (int o = 0; o < b.GetLength(0); o++)
            {
                for (int i = 0; i < a.GetLength(1); i++)
                {
                    double sum = 0;
                    for (int r = 0; r < R; r++) sum += (double)b[o, r * E + e] * a[e * R + r, i];
                    Assert.Equal(3 * sum, (direct ? delta[e, o, i] : delta[e, i, o]).item<float>(), 1e-5);
                }
            }
        }

        var original = weight.clone();
        var mix = new WeightedLoraMix(new Dictionary<string, double> { ["a"] = 0.5 });
        var mixed = bank.mixed_weight(mix);
        bank.merge(mix);
        Assert.Equal(HostReads.Single(mixed), HostReads.Single(weight));
        bank.unmerge(mix);
        // Two roundings of single precision around numbers below 16.
        Assert.True((weight - original).abs().max().item<float>() <= 2e-6);
        Assert.Throws<ArgumentException>("spec", () => bank.Add("b", new LoraSpec { Rank = 1, Magnitude = true }));
        Assert.Throws<ArgumentException>("spec", () => bank.Add("b", new LoraSpec { Rank = 1, Dropout = 0.1 }));
    }

    [Fact]
    public void Stacked_experts_of_a_layer_carry_adapters_and_travel_through_files()
    {
        using var scope = NewDisposeScope();
        var spec = new MoELayerSpec { Router = RouterProfiles.Mixtral(4, 2), Width = 6, Expert = new ExpertSpec { Form = ExpertForm.Glu, Activation = Activation.Silu, Width = 5 } };
        var layer = new MoELayer(spec);
        var model = nn.Sequential(nn.Linear(6, 6), layer);
        var x = randn(32, 6);
        var plain = model.call(x);
        using var lora = LoraModel.Attach(model, @"1\.experts\.(up|down)", [new("a", new LoraSpec { Rank = 2, Alpha = 2 })]);
        Assert.Equal(["1.experts.up", "1.experts.down"], lora.Wrapped);
        lora.Mix = LoraMix.Of("a");
        Assert.True(model.call(x).allclose(plain, 1e-4, 1e-5));
        Shake(lora);
        var mixed = model.call(x);
        Assert.False(mixed.allclose(plain, 1e-3, 1e-3));
        mixed.square().mean().backward();
        Assert.All(lora.parameters(), static p => Assert.True(p.grad!.abs().sum().item<float>() > 0));
        lora.Merge();
        Assert.True(model.call(x).allclose(mixed, 1e-4, 1e-5));
        lora.Unmerge();
        lora.Save("a", At("a"));
        Assert.Equal(
            ["base_model.model.1.experts.base_layer.lora_A.weight [8, 6]", "base_model.model.1.experts.base_layer.lora_B.weight [5, 8]", "base_model.model.1.experts.lora_A.weight [8, 5]", "base_model.model.1.experts.lora_B.weight [6, 8]"],
            Names("a"));
        lora.Detach();
        Assert.True(model.call(x).allclose(plain, 1e-4, 1e-5));
        // Unmerging left roundings in the base, so that its hash is another.
        Patch("a", static (_, _) => { }, keepMetadata: false);
        using var again = LoraModel.Load(model, [new("a", At("a"))]);
        again.Mix = LoraMix.Of("a");
        Assert.True(model.call(x).allclose(mixed, 1e-4, 1e-5));
        Assert.Throws<ArgumentException>(() => { again.Mix = new RowLoraMix(zeros(32, dtype: ScalarType.Int64)); model.call(x); });
        again.Detach();
        string message = Assert.Throws<InvalidDataException>(() => LoraModel.Load(model, [new("a", At("a"))], new LoraLoadOptions { StackedLayout = WeightLayout.InputsByOutputs })).Message;
        Assert.Contains("the other axis", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 0.2, false)]
    [InlineData(3, 0.0, true)]
    [InlineData(2, 0.1, true)]
    public void A_gate_is_saved_beside_its_adapters(int depth, double dropout, bool layerWise)
    {
        using var scope = NewDisposeScope();
        var model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4));
        using var lora = LoraModel.Attach(model, "[01]", [new("a", new LoraSpec { Rank = 2 }), new("b", new LoraSpec { Rank = 3 })]);
        Shake(lora);
        var spec = new XLoraSpec { Hidden = 4, Adapters = 2, Layers = 2, Depth = depth, Width = 5, Dropout = dropout, LayerWise = layerWise, TopK = 1, ScalingPassValue = null };
        var mixer = new XLoraMixer(lora, spec);
        mixer.eval();
        var x = randn(2, 3, 4);
        var (expected, scalings) = mixer.run(() => model.call(x), () => model.call(x));
        mixer.Save(_folder.Path, "acme/tiny");
        int step = dropout > 0 ? 3 : 2;
        Assert.Equal(
            Enumerable.Range(0, depth).SelectMany(d => new[] { $"base_model.internal_xlora_classifier.layers.{d * step}.bias", $"base_model.internal_xlora_classifier.layers.{d * step}.weight" }).Order(StringComparer.Ordinal),
            Names(".").Select(static n => n.Split(' ')[0]).Order(StringComparer.Ordinal));
        lora.Detach();
        var (again, gate) = XLoraMixer.Load(model, _folder.Path, new LoraLoadOptions { BaseModel = "acme/tiny" });
        gate.eval();
        Assert.Equal(spec with { Width = spec.Width }, gate.Classifier.Spec);
        var (output, scalingsAgain) = gate.run(() => model.call(x), () => model.call(x));
        Assert.Equal(HostReads.Single(scalings), HostReads.Single(scalingsAgain));
        Assert.Equal(HostReads.Single(expected), HostReads.Single(output));
        again.Detach();
        Assert.Contains("xlora_depth", Assert.Throws<InvalidDataException>(() =>
        {
            string config = Path.Combine(_folder.Path, "adapter_config.json");
            File.WriteAllText(config, File.ReadAllText(config).Replace($"\"xlora_depth\": {depth}", $"\"xlora_depth\": {depth + 1}", StringComparison.Ordinal));
            XLoraMixer.Load(model, _folder.Path);
        }).Message, StringComparison.Ordinal);
        Assert.All(model.parameters(), static p => Assert.True(p.requires_grad));
    }

    private string At(string name) => Path.Combine(_folder.Path, name);

    private string[] Names(string name)
    {
        using var file = SafetensorsFile.Open(Path.Combine(At(name), "adapter_model.safetensors"));
        return [.. file.Entries.Select(static e => $"{e.Name} [{string.Join(", ", e.Shape.ToArray())}]").Order(StringComparer.Ordinal)];
    }

    private void Patch(string name, Action<string, byte[]> change, bool keepMetadata = true)
    {
        string path = Path.Combine(At(name), "adapter_model.safetensors");
        SafetensorsTensor[] tensors;
        KeyValuePair<string, string>[] metadata;
        using (var file = SafetensorsFile.Open(path))
        {
            metadata = [.. file.Metadata];
            tensors = [.. file.Entries.Select(e =>
            {
                byte[] bytes = file.Bytes(e).ToArray();
                change(e.Name, bytes);
                return new SafetensorsTensor(e.Name, e.Type, e.Shape, bytes);
            })];
        }

        SafetensorsWriter.Write(path, tensors, keepMetadata ? metadata : null);
    }

    private static float[,] Grid(Tensor tensor)
    {
        float[] values = HostReads.Single(tensor);
        var grid = new float[tensor.shape[0], tensor.shape[1]];
        Buffer.BlockCopy(values, 0, grid, 0, 4 * values.Length);
        return grid;
    }

    private static void Shake(LoraModel lora)
    {
        using var guard = no_grad();
        foreach (var parameter in lora.parameters()) parameter.normal_(0, 0.3);
    }

    private static Tiny Model() => new(3);

    private static Tensor Run(nn.Module model, Tensor ids) => ((Tiny)model).call(ids);

    private static byte[][] Bytes(nn.Module module) => [.. module.state_dict().OrderBy(static s => s.Key, StringComparer.Ordinal).Select(static s => s.Value.bytes.ToArray())];

    private sealed class Tiny : nn.Module<Tensor, Tensor>
    {
        private readonly TorchSharp.Modules.Embedding token;
        private readonly TorchSharp.Modules.Conv2d mix;
        private readonly TorchSharp.Modules.Sequential head;

        public Tiny(int width)
            : base(nameof(Tiny))
        {
            token = nn.Embedding(6, width);
            mix = nn.Conv2d(width, width, (1, 3), padding: (0, 1));
            head = nn.Sequential(nn.Linear(width, 5), nn.ReLU());
            RegisterComponents();
        }

        public override Tensor forward(Tensor ids) => head.call(mix.call(token.call(ids).transpose(1, 2).unsqueeze(2)).squeeze(2).transpose(1, 2));
    }
}
