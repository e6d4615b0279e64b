using System.Buffers.Binary;
using System.Text.Json.Nodes;
using MoE.Checkpoints;
using MoE.Tests.Checkpoints.Safetensors;

namespace MoE.Tests.Checkpoints.Families;

/// <summary>Folders that are wrong: one message names everything, and nothing but a typed refusal comes out.</summary>
public sealed class BadFolderTests : IDisposable
{
    private const string Family = "qwen2_moe";

    private const string Case = "Qwen2MoeSparseMoeBlock__t16_e4_k2";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Missing_unknown_misshapen_and_mistyped_tensors_are_named_together()
    {
        var tensors = FamilyFolders.HandMade(Family, Case).ToList();
        tensors.RemoveAll(static t => t.Name.EndsWith("experts.1.up_proj.weight", StringComparison.Ordinal) || t.Name.EndsWith("shared_expert_gate.weight", StringComparison.Ordinal));
        Change(tensors, "mlp.gate.weight", static t => t with { Shape = [t.Shape[1], t.Shape[0]] });
        Change(tensors, "experts.0.down_proj.weight", static t => t with { Type = "I32" });
        tensors.Add(HandTensor.Of("model.layers.0.mlp.experts.77.gate_proj.weight", [1], [0]));
        tensors.Add(HandTensor.Of("model.layers.0.mlp.experts.0.gate_proj.qweight", [1], [0]));
        tensors.Add(HandTensor.Of("model.layers.0.self_attn.q_proj.weight", [1], [0]));
        string path = HandTensor.Folder(_folder, "bad", FamilyFolders.Config(Family, Case), tensors);
        using var model = HuggingFaceCheckpoint.Open(path);
        string message = Assert.Throws<InvalidDataException>(() => model.Layer(0)).Message;
        Assert.StartsWith($"{path}: layer 0: ", message, StringComparison.Ordinal);
        string[] parts =
        [
            "model.layers.0.mlp.experts.1.up_proj.weight is missing; must be [6, 8]", "model.layers.0.mlp.shared_expert_gate.weight is missing; must be [1, 8]", "model.layers.0.mlp.gate.weight is [8, 4]; must be [4, 8]",
            "model.layers.0.mlp.experts.0.down_proj.weight is I32; must be F32, BF16 or F16", "model.layers.0.mlp.experts.77.gate_proj.weight is no tensor of such a layer", "model.layers.0.mlp.experts.0.gate_proj.qweight is no tensor of such a layer",
        ];
        foreach (string part in parts) Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.DoesNotContain("self_attn", message, StringComparison.Ordinal);
        Assert.Equal([message], model.Problems());
        foreach (var open in new Action[] { () => MoEFeedForward.FromPretrained(path, 0).Dispose(), () => ManagedMoEEngine.FromPretrained(path, 0).Dispose() })
            Assert.Equal(message, Assert.Throws<InvalidDataException>(open).Message);
    }

    [Fact]
    public void Numbers_that_are_not_finite_are_named_with_their_tensors()
    {
        var tensors = FamilyFolders.HandMade(Family, Case).ToList();
        Change(tensors, "experts.2.up_proj.weight", static t => With(t, 5, float.NaN));
        Change(tensors, "experts.3.down_proj.weight", static t => With(t, 47, float.NegativeInfinity));
        Change(tensors, "shared_expert.up_proj.weight", static t => With(t, 0, float.PositiveInfinity));
        string path = HandTensor.Folder(_folder, "nan", FamilyFolders.Config(Family, Case), tensors);
        using var model = HuggingFaceCheckpoint.Open(path);
        var layer = model.Layer(0);
        string message = Assert.Throws<InvalidDataException>(layer.Verify).Message;
        foreach (string part in (string[])["mlp.experts.2.up_proj.weight[5] is NaN", "mlp.experts.3.down_proj.weight[47] is -Infinity", "mlp.shared_expert.up_proj.weight[0] is Infinity"]) Assert.Contains(part, message, StringComparison.Ordinal);
        foreach (var precision in new[] { ExpertPrecision.Single, new ExpertPrecision(WeightFormat.Int4PerBlock) })
            Assert.Equal(message, Assert.Throws<InvalidDataException>(() => MoEFeedForward.FromPretrained(path, 0, precision)).Message);
        Assert.Equal(message, Assert.Throws<InvalidDataException>(() => new ReferenceLayer(layer.Spec, layer)).Message);
        // The router is sound.
        Assert.Equal(4, LinearGate.FromPretrained(path, 0).ExpertCount);
    }

    [Fact]
    public void In_a_fused_tensor_the_number_is_counted_as_it_is_stored()
    {
        string name = FamilyFolders.First("gpt_oss");
        var tensors = FamilyFolders.HandMade("gpt_oss", name).ToList();
        Change(tensors, "experts.gate_up_proj", static t => With(t, 123, float.NaN));
        string path = HandTensor.Folder(_folder, "nan", FamilyFolders.Config("gpt_oss", name), tensors);
        using var model = HuggingFaceCheckpoint.Open(path);
        Assert.Contains("mlp.experts.gate_up_proj[123] is NaN", Assert.Throws<InvalidDataException>(model.Layer(0).Verify).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_config_of_other_sizes_or_layers_is_refused()
    {
        string Path(string name, Action<JsonObject> change)
        {
            var config = JsonNode.Parse(FamilyFolders.Config(Family, Case))!.AsObject();
            change(config);
            return HandTensor.Folder(_folder, name, config.ToJsonString(), FamilyFolders.HandMade(Family, Case));
        }

        string Problem(string path)
        {
            using var model = HuggingFaceCheckpoint.Open(path);
            return Assert.Single(model.Problems());
        }

        string fewer = Problem(Path("fewer", static c => c["num_experts"] = 3));
        Assert.Contains("mlp.gate.weight is [4, 8]; must be [3, 8]", fewer, StringComparison.Ordinal);
        Assert.Contains("mlp.experts.3.up_proj.weight is no tensor of such a layer", fewer, StringComparison.Ordinal);
        Assert.Contains("mlp.experts.4.up_proj.weight is missing; must be [6, 8]", Problem(Path("more", static c => c["num_experts"] = 5)), StringComparison.Ordinal);
        Assert.Contains("mlp.shared_expert.up_proj.weight is no tensor of such a layer", Problem(Path("shared", static c => c["shared_expert_intermediate_size"] = 0)), StringComparison.Ordinal);
        Assert.Contains("layer 0: is dense by config.json; the checkpoint has model.layers.0.mlp.experts.0.down_proj.weight", Problem(Path("dense", static c => c["mlp_only_layers"] = new JsonArray(0))), StringComparison.Ordinal);
        Assert.Contains("layer 1: no tensor of a mixture of 4 experts as qwen2_moe has them begins with model.layers.1.mlp.", Problem(Path("longer", static c => c["num_hidden_layers"] = 2)), StringComparison.Ordinal);
        Assert.Contains("as jamba has them begins with model.layers.0.feed_forward.", Problem(Path("other", static c => (c["model_type"], c["expert_layer_period"], c["expert_layer_offset"]) = ("jamba", 1, 0))), StringComparison.Ordinal);
        string gptq = Problem(Path("gptq", static c => (c["num_experts"], c["quantization_config"]) = (5, new JsonObject { ["quant_method"] = "gptq" })));
        Assert.Contains("quant_method = gptq is not read", gptq, StringComparison.Ordinal);
        string dense = System.IO.Path.Combine(_folder.Path, "dense");
        Assert.Throws<ArgumentOutOfRangeException>("layer", () => ManagedMoEEngine.FromPretrained(dense, 0));
        Assert.Throws<ArgumentOutOfRangeException>("layer", () => ManagedMoEEngine.FromPretrained(dense, 1));
        Assert.Throws<ArgumentOutOfRangeException>("layer", () => LinearGate.FromPretrained(dense, -1));
    }

    [Fact]
    public void An_absent_folder_config_or_shard_is_named()
    {
        string nowhere = Path.Combine(_folder.Path, "nowhere");
        Assert.Contains(nowhere, Assert.Throws<DirectoryNotFoundException>(() => HuggingFaceCheckpoint.Open(nowhere)).Message, StringComparison.Ordinal);
        string path = FamilyFolders.Write(_folder, Family, Case);
        File.WriteAllText(Path.Combine(path, "config.json"), "{}");
        Assert.StartsWith(path, Assert.Throws<InvalidDataException>(() => HuggingFaceCheckpoint.Open(path)).Message, StringComparison.Ordinal);
        File.Delete(Path.Combine(path, "config.json"));
        Assert.Throws<FileNotFoundException>(() => HuggingFaceCheckpoint.Open(path));
        File.WriteAllText(Path.Combine(path, "config.json"), FamilyFolders.Config(Family, Case));
        File.WriteAllText(Path.Combine(path, "model.safetensors.index.json"), """{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}""");
        string message = Assert.Throws<FileNotFoundException>(() => HuggingFaceCheckpoint.Open(path)).Message;
        Assert.Contains("model-00001-of-00002.safetensors, model-00002-of-00002.safetensors", message, StringComparison.Ordinal);
        // An index that names a tensor which no shard has.
        File.WriteAllText(Path.Combine(path, "model.safetensors.index.json"), """{"weight_map":{"model.layers.0.mlp.gate.weight":"model.safetensors","model.layers.9.x":"model.safetensors"}}""");
        message = Assert.Throws<InvalidDataException>(() => HuggingFaceCheckpoint.Open(path)).Message;
        Assert.Contains("model.layers.9.x is not in model.safetensors", message, StringComparison.Ordinal);
        Assert.Contains("model.layers.0.mlp.experts.0.gate_proj.weight of model.safetensors is not in the index", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_cut_off_anywhere_is_refused()
    {
        string path = FamilyFolders.Write(_folder, Family, Case), file = Path.Combine(path, "model.safetensors");
        byte[] whole = File.ReadAllBytes(file);
        Assert.True(whole.Length > 5000);
        // Every 1,000th byte, and the last ones.
        foreach (int length in Enumerable.Range(0, whole.Length / 1000 + 1).Select(static n => n * 1000).Append(whole.Length - 1).Append(7).Append(8))
        {
            File.WriteAllBytes(file, whole[..length]);
            Assert.StartsWith(file, Assert.Throws<InvalidDataException>(() => HuggingFaceCheckpoint.Open(path)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Five_hundred_mutations() => Mutate(0, 500);

    [Theory, Trait("Category", "Long")]
    [InlineData(1)]
    [InlineData(2)]
    public void A_hundred_thousand_mutations(int seed) => Mutate(seed, 100_000);

    // A broken folder is refused, or it gives a layer of finite numbers that runs: never anything else.
    private void Mutate(int seed, int count)
    {
        const string signs = "{}[]\",:0-9\\u.(";
        string path = FamilyFolders.Write(_folder, Family, "Qwen2MoeSparseMoeBlock__t10_e2_k1"), file = Path.Combine(path, "model.safetensors");
        byte[] config = File.ReadAllBytes(Path.Combine(path, "config.json")), tensors = File.ReadAllBytes(file);
        var random = new Random(seed);
        int read = 0, refused = 0;
        for (int n = 0; n < count; n++)
        {
            bool first = random.Next(2) == 0;
            File.WriteAllBytes(Path.Combine(path, "config.json"), first ? Changed(config) : config);
            File.WriteAllBytes(file, first ? tensors : Changed(tensors));
            try
            {
                using var model = HuggingFaceCheckpoint.Open(path);
                Assert.NotNull(model.Problems());
                if (model.MoELayers.Count == 0) continue;
                var layer = model.Layer(model.MoELayers[0]);
                layer.Verify();
                foreach (string name in layer.Names)
                {
                    Assert.True(layer.TryGet(name, out var tensor));
                    Assert.DoesNotContain(tensor.ToSingles(), static v => !float.IsFinite(v));
                }

                read++;
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }

        Assert.True(read > count / 50 && refused > count / 5, $"{read} read, {refused} refused");

        byte[] Changed(byte[] good)
        {
            var bytes = good.ToList();
            for (int i = random.Next(1, 4); i > 0; i--)
            {
                int at = random.Next(random.Next(2) == 0 ? bytes.Count : Math.Min(bytes.Count, 1500));
                switch (random.Next(4))
                {
                    case 0: bytes[at] = (byte)random.Next(256); break;
                    case 1: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                    case 2: bytes[at] = (byte)signs[random.Next(signs.Length)]; break;
                    default: bytes.RemoveRange(at, Math.Min(random.Next(1, 9), bytes.Count - at)); break;
                }

                if (bytes.Count == 0) bytes.Add(0);
            }

            return [.. bytes];
        }
    }

    [Fact]
    public void A_big_endian_header_is_refused()
    {
        // The length tells. Numbers whose bytes are in the other order cannot be told from numbers.
        string path = FamilyFolders.Write(_folder, Family, Case), file = Path.Combine(path, "model.safetensors");
        byte[] bytes = File.ReadAllBytes(file);
        BinaryPrimitives.WriteUInt64BigEndian(bytes, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        File.WriteAllBytes(file, bytes);
        Assert.Contains("the header length is", Assert.Throws<InvalidDataException>(() => HuggingFaceCheckpoint.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_closed_checkpoint_gives_no_weights()
    {
        string path = FamilyFolders.Write(_folder, Family, Case);
        var model = HuggingFaceCheckpoint.Open(path);
        var layer = model.Layer(0);
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => layer.Read(WeightNames.Router, 0, new float[32]));
        Assert.Throws<ArgumentException>("name", () => layer.Read("x", 0, []));
        Assert.Throws<ArgumentException>("name", () => layer.Read(WeightNames.ExpertUp, 4, new float[48]));
        Assert.Throws<ArgumentException>("destination", () => layer.Read(WeightNames.ExpertUp, 0, new float[47]));
    }

    [Fact]
    public void Nothing_is_left_where_a_folder_cannot_be_written()
    {
        var values = new WeightDictionary().Add(WeightNames.Router, new float[4], 2, 2);
        string path = Path.Combine(_folder.Path, "new");
        string message = Assert.Throws<ArgumentException>("weights", () => HuggingFaceCheckpoint.Write(path, """{"model_type":"mixtral","hidden_size":2,"intermediate_size":2,"num_local_experts":2,"num_hidden_layers":1}""", new Dictionary<int, IWeightSource> { [0] = values })).Message;
        foreach (string part in (string[])["experts.gate is missing", "experts.up is missing", "experts.down is missing"]) Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(path));
        File.WriteAllText(path, "");
        var layer = Checkpoint(out string config);
        Assert.ThrowsAny<IOException>(() => HuggingFaceCheckpoint.Write(path, config, new Dictionary<int, IWeightSource> { [0] = layer }));
        Assert.Throws<ArgumentOutOfRangeException>("layer", () => HuggingFaceCheckpoint.Write(path, config, new Dictionary<int, IWeightSource> { [3] = layer }));
        Assert.Throws<ArgumentException>("form", () => CheckpointLayout.Of("mixtral").Tensors(layer.Spec, 0, "nonsense"));
        Assert.Throws<ArgumentException>("spec", () => CheckpointLayout.Of("tutel").Tensors(layer.Spec, 0));
        Assert.Throws<ArgumentException>("name", () => CheckpointLayout.Of("nonsense"));

        CheckpointLayer Checkpoint(out string text)
        {
            text = FamilyFolders.Config(Family, Case);
            return HuggingFaceCheckpoint.Open(FamilyFolders.Write(_folder, Family, Case)).Layer(0);
        }
    }

    private static void Change(List<HandTensor> tensors, string end, Func<HandTensor, HandTensor> change)
    {
        int at = tensors.FindIndex(t => t.Name.EndsWith(end, StringComparison.Ordinal));
        tensors[at] = change(tensors[at]);
    }

    private static HandTensor With(HandTensor tensor, int at, float value)
    {
        byte[] data = [.. tensor.Data];
        BinaryPrimitives.WriteSingleLittleEndian(data.AsSpan(4 * at), value);
        return tensor with { Data = data };
    }
}
