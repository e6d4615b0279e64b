using MoE.Checkpoints;
using MoE.Tests.Checkpoints.Safetensors;

namespace MoE.Tests.Checkpoints.Peft;

public sealed class PeftAdapterTests : IDisposable
{
    private const string Signs = "{}[]\",:0-9\\u.(";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_as_peft_writes_it_is_read()
    {
        string path = PeftFolder.Write(_folder, "a", PeftFolder.Config, PeftFolder.Tensor("model.layers.0.q_proj.lora_A.weight", 2, 5), PeftFolder.Tensor("model.layers.0.q_proj.lora_B.weight", 3, 2));
        using var adapter = PeftAdapter.Open(path);
        Assert.Equal(new LoraSpec { Rank = 2, Alpha = 6, Dropout = 0.05 }, adapter.Config.Lora);
        Assert.Equal(("acme/tiny", "CAUSAL_LM"), (adapter.Config.BaseModel, adapter.Config.TaskType));
        var layer = Assert.Single(adapter.Layers);
        Assert.Equal("model.layers.0.q_proj", layer.Path);
        Assert.Equal([2, 5], layer.A.Shape.ToArray());
        Assert.Equal([-0.375f, -0.25f, -0.125f, 0, 0.125f, 0.25f], adapter.ToSingles(layer.B));
    }

    [Fact]
    public void What_is_written_is_read_again()
    {
        var config = new PeftLoraConfig
        {
            Lora = new LoraSpec { Rank = 4, Alpha = 2.5, RankStabilized = true, Magnitude = true, Dropout = 0.125 },
            Targets = ["a.q", "v"], TargetParameters = ["mlp.experts.up"], RankPattern = new Dictionary<string, int> { ["b\\.q"] = 2 }, AlphaPattern = new Dictionary<string, double> { ["v"] = 1 }, BaseModel = "x", TaskType = null,
        };
        var again = PeftLoraConfig.Parse(config.ToJson());
        Assert.Equal(config.Lora, again.Lora);
        Assert.Equal(config.Targets, again.Targets);
        Assert.Equal(config.TargetParameters, again.TargetParameters);
        Assert.Equal(config.RankPattern, again.RankPattern);
        Assert.Equal(config.AlphaPattern, again.AlphaPattern);
        Assert.Equal(config.ToJson(), again.ToJson());
        var gate = new PeftXLoraConfig { Gate = new XLoraSpec { Hidden = 8, Adapters = 2, Layers = 1, Depth = 3, Width = 16, LayerWise = true, TopK = 1, SoftmaxKept = true, Temperature = 2, ScalingPassValue = null, GlobalWeight = 0.5 }, Adapters = [new("law", "./law"), new("code", "x/code")] };
        var gateAgain = PeftXLoraConfig.Parse(gate.ToJson());
        Assert.Equal(gate.Gate, gateAgain.Gate);
        Assert.Equal(gate.Adapters, gateAgain.Adapters);
    }

    // PEFT: re.match(rf"(.*\.)?({pattern})$", name).
    [Theory]
    [InlineData("q", 8)]
    [InlineData("layers.0.q", 8)]
    [InlineData("layers.1.k", 4)]
    [InlineData("layers.12.k", 4)]
    [InlineData("layers.1.v", 2)]
    [InlineData("xq", 2)]
    public void Rank_patterns_match_tails_of_paths(string path, int rank)
    {
        var config = PeftLoraConfig.Parse("""{"peft_type":"LORA","r":2,"lora_alpha":2,"target_modules":["q"],"rank_pattern":{"q":8,"layers\\.\\d+\\.k":4}}""");
        Assert.Equal(rank, config.SpecOf(path).Rank);
        Assert.Equal(1.0, config.SpecOf(path).Scale * rank / 2);
    }

    [Theory]
    [InlineData("""{"target_modules":["q_proj","v"]}""", "a.q_proj", true)]
    [InlineData("""{"target_modules":["q_proj","v"]}""", "q_proj", true)]
    [InlineData("""{"target_modules":["q_proj","v"]}""", "aq_proj", false)]
    [InlineData("""{"target_modules":".*\\.(q|v)"}""", "a.q", true)]
    [InlineData("""{"target_modules":".*\\.(q|v)"}""", "a.q.x", false)]
    [InlineData("""{"target_modules":"all-linear"}""", "anything", true)]
    public void Targets_are_tails_or_whole_patterns(string json, string path, bool covered) =>
        Assert.Equal(covered, PeftLoraConfig.Parse("""{"peft_type":"LORA",""" + json[1..]).Covers(path));

    [Fact]
    public void A_bad_configuration_is_refused_with_all_its_problems()
    {
        string message = Assert.Throws<InvalidDataException>(() => PeftLoraConfig.Parse("""
            {"peft_type":"LORA","r":0,"lora_alpha":"x","lora_dropout":1.5,"bias":"all","modules_to_save":["head"],"use_qalora":true,"init_lora_weights":"pissa_niter_4","rank_pattern":{"(":3,"q":-1},"target_modules":[]}
            """)).Message;
        foreach (string part in new[] { "r = 0", "lora_alpha", "lora_dropout = 1.5", "bias = \"all\"", "modules_to_save", "use_qalora", "pissa_niter_4", "pattern (", "rank_pattern.q = -1", "target_modules" }) Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.Contains("XLORA", Assert.Throws<InvalidDataException>(() => PeftLoraConfig.Parse("""{"peft_type":"XLORA"}""")).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => PeftLoraConfig.Parse("[]"));
        Assert.Throws<InvalidDataException>(() => PeftLoraConfig.Parse("{"));
        Assert.Throws<InvalidDataException>(() => PeftLoraConfig.Parse("""{"peft_type":"LORA","r":1,"r":2,"target_modules":["q"]}"""));
        message = Assert.Throws<InvalidDataException>(() => PeftXLoraConfig.Parse("""{"peft_type":"XLORA","hidden_size":0,"softmax_temperature":0,"adapters":{"a":"../../etc","b":"/tmp","c":"ok"},"top_k_lora":9}""")).Message;
        foreach (string part in new[] { "hidden_size = 0", "softmax_temperature = 0", "adapters.a", "adapters.b", "top_k = 9" }) Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.DoesNotContain("adapters.c", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bad_tensor_file_is_refused_with_all_its_problems()
    {
        var nan = PeftFolder.Tensor("z.q_proj.lora_B.weight", 3, 2);
        nan.Values[4] = float.NaN;
        string path = PeftFolder.Write(_folder, "a", PeftFolder.Config,
            PeftFolder.Tensor("a.q_proj.lora_A.weight", 3, 5), PeftFolder.Tensor("a.q_proj.lora_B.weight", 4, 3),
            PeftFolder.Tensor("b.q_proj.lora_A.weight", 2, 5),
            PeftFolder.Tensor("c.k_proj.lora_A.weight", 2, 5), PeftFolder.Tensor("c.k_proj.lora_B.weight", 4, 2),
            PeftFolder.Tensor("d.q_proj.lora_A.weight", 2, 5), PeftFolder.Tensor("d.q_proj.lora_B.weight", 4, 2), PeftFolder.Tensor("d.q_proj.lora_magnitude_vector", 4),
            PeftFolder.Tensor("lm_head.weight", 2, 2),
            PeftFolder.Tensor("z.q_proj.lora_A.weight", 2, 5), nan);
        string message = Assert.Throws<InvalidDataException>(() => PeftAdapter.Open(path)).Message;
        foreach (string part in new[] { path, "layer a.q_proj: A is [3, 5] and B is [4, 3]", "layer b.q_proj has no B", "layer c.k_proj is not among target_modules", "layer d.q_proj has a magnitude", "lm_head.weight is no tensor", "z.q_proj.lora_B.weight[4] is NaN" })
            Assert.Contains(part, message, StringComparison.Ordinal);

        string none = PeftFolder.Write(_folder, "b", PeftFolder.Config.Replace("[\"q_proj\"]", "[\"q_proj\", \"v_proj\"]"), PeftFolder.Tensor("a.q_proj.lora_A.weight", 2, 5), PeftFolder.Tensor("a.q_proj.lora_B.weight", 4, 2));
        Assert.Contains("target_modules names v_proj", Assert.Throws<InvalidDataException>(() => PeftAdapter.Open(none)).Message, StringComparison.Ordinal);
        string file = Path.Combine(none, "adapter_model.safetensors");
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^3]);
        Assert.Contains(file, Assert.Throws<InvalidDataException>(() => PeftAdapter.Open(none)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Five_thousand_mutations() => Mutate(0, 5_000);

    // A million in all, in pieces of some minutes.
    [Theory, Trait("Category", "Long")]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Two_hundred_thousand_mutations(int seed) => Mutate(seed, 200_000);

    // Broken folders are refused or read, never anything else.
    private void Mutate(int seed, int count)
    {
        byte[] config = System.Text.Encoding.UTF8.GetBytes(PeftFolder.Config);
        byte[] tensors = PeftFolder.Tensors(PeftFolder.Tensor("a.q_proj.lora_A.weight", 2, 3), PeftFolder.Tensor("a.q_proj.lora_B.weight", 3, 2));
        string path = Path.Combine(_folder.Path, "m");
        Directory.CreateDirectory(path);
        var random = new Random(seed);
        int read = 0, refused = 0;
        for (int n = 0; n < count; n++)
        {
            bool first = random.Next(2) == 0;
            File.WriteAllBytes(Path.Combine(path, "adapter_config.json"), first ? Changed(config, random) : config);
            File.WriteAllBytes(Path.Combine(path, "adapter_model.safetensors"), first ? tensors : Changed(tensors, random));
            try
            {
                using var adapter = PeftAdapter.Open(path);
                foreach (var layer in adapter.Layers) Assert.All(adapter.ToSingles(layer.A).Concat(adapter.ToSingles(layer.B)), static v => Assert.True(float.IsFinite(v)));
                read++;
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }

        Assert.True(read > count / 50 && refused > count / 5, $"{read} read, {refused} refused");
    }

    private static byte[] Changed(byte[] good, Random random)
    {
        var bytes = good.ToList();
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(5))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 2: bytes.RemoveRange(at, Math.Min(random.Next(1, 9), bytes.Count - at)); break;
                case 3: bytes.Insert(at, (byte)Signs[random.Next(Signs.Length)]); break;
                default: bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 60), bytes.Count - at))); break;
            }

            if (bytes.Count == 0) bytes.Add(0);
        }

        return [.. bytes];
    }
}
