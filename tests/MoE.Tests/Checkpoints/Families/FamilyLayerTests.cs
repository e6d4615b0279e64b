using MoE.Checkpoints;
using MoE.Tests.Checkpoints.Safetensors;

namespace MoE.Tests.Checkpoints.Families;

/// <summary>From the bytes of a published layout to numbers, and back to the bytes.</summary>
public sealed class FamilyLayerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var (folder, name) in FamilyFolders.All) data.Add(folder, name);
            return data;
        }
    }

    public static TheoryData<string> Names => [.. FamilyFolders.Names];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_family_that_a_config_can_name_has_a_folder_with_cases()
    {
        var frameworks = new[] { "torchtitan", "olmo_core", "olmo_core_dropless", "tutel", "gguf" };
        Assert.Equal(CheckpointLayout.All.Select(static l => l.Name).Except(frameworks).Order(), FamilyFolders.Names.Select(FamilyFolders.Family).Distinct().Order());
        foreach (string folder in FamilyFolders.Names) Assert.NotEmpty(FamilyFolders.First(folder));
    }

    [Theory, MemberData(nameof(Cases))]
    public void A_folder_gives_the_output_of_the_familys_own_code(string folder, string name)
    {
        string path = FamilyFolders.Write(_folder, folder, name);
        using var model = HuggingFaceCheckpoint.Open(path);
        Assert.Equal([0], model.MoELayers);
        Assert.Empty(model.Problems());
        var weights = model.Layer(0);
        var spec = FamilyFolders.AsRecorded(weights.Spec, folder);
        float[] x = FamilyFolders.Case(name).Values("hidden_states"), y = new float[x.Length];
        using var reference = new ReferenceLayer(spec, weights);
        reference.Forward(x, y);
        Assert.InRange(FamilyFolders.Excess(name, y), double.NegativeInfinity, 0);
        using var managed = new ManagedMoEEngine(spec, weights);
        managed.Forward(x, y);
        Assert.InRange(FamilyFolders.Excess(name, y), double.NegativeInfinity, 0);
    }

    [Theory, MemberData(nameof(Names))]
    public void What_is_read_is_written_again_byte_for_byte(string folder)
    {
        foreach (string type in (string[])["F32", "BF16", "F16"])
        {
            string name = FamilyFolders.First(folder), path = FamilyFolders.Write(_folder, folder, name, type), again = Path.Combine(_folder.Path, "again");
            var expected = FamilyFolders.HandMade(folder, name, type).ToDictionary(static t => t.Name);
            using (var model = HuggingFaceCheckpoint.Open(path))
            {
                var layer = model.Layer(0);
                HuggingFaceCheckpoint.Write(again, FamilyFolders.Config(folder, name), new Dictionary<int, IWeightSource> { [0] = layer }, form: layer.Form, shardBytes: 100);
                // Written under the family's first root and block, whatever the one that was read.
                string root = model.Config.Layout.Tensors(layer.Spec, 0, layer.Form)[0].Name, read = layer.Tensors[0].Name;
                int common = 0;
                while (common < Math.Min(root.Length, read.Length) && root[^(common + 1)] == read[^(common + 1)]) common++;
                expected = expected.Values.ToDictionary(t => t.Name.StartsWith(read[..^common], StringComparison.Ordinal) ? root[..^common] + t.Name[(read.Length - common)..] : t.Name);
            }

            using var written = SafetensorsCheckpoint.Open(again);
            Assert.True(written.Files.Count > 1);
            Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), written.Names);
            foreach (var (key, tensor) in expected)
            {
                Assert.True(written.TryGet(key, out var file, out var entry));
                // A scorer that the family keeps in single precision is written so.
                if (entry.Type == SafetensorsType.F32 && tensor.Type != "F32") continue;
                Assert.Equal(tensor.Shape, entry.Shape.ToArray());
                Assert.Equal(tensor.Data, file.Bytes(entry).ToArray());
            }
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void The_static_way_packs_the_same_layer(string folder)
    {
        string name = FamilyFolders.First(folder), path = FamilyFolders.Write(_folder, folder, name, "BF16");
        float[] x = FamilyFolders.Case(name).Values("hidden_states"), expected = new float[x.Length], y = new float[x.Length];
        using var model = HuggingFaceCheckpoint.Open(path);
        var spec = model.Config.Layers[0]!;
        var values = new WeightDictionary();
        foreach (var (tensor, shape) in WeightNames.Of(spec))
        {
            Assert.True(model.Layer(0).TryGet(tensor, out var found));
            values.Add(tensor, found.ToSingles(), shape);
        }

        using (var engine = new ManagedMoEEngine(spec, values)) engine.Forward(x, expected);
        using (var engine = ManagedMoEEngine.FromPretrained(path, 0)) engine.Forward(x, y);
        Assert.Equal(expected, y);
        using var experts = MoEFeedForward.FromPretrained(path, 0);
        using var workspace = new MoEWorkspace();
        var gate = LinearGate.FromPretrained(path, 0);
        experts.Forward(x, (SparseRouting)gate.Route(new GateInput(x, spec.Width)), y, workspace);
        // The scorer's product is summed in another order than the engine's.
        for (int i = 0; i < y.Length; i++) Assert.Equal(expected[i], y[i], 1e-4f * (1 + Math.Abs(expected[i])));
    }

    [Fact]
    public void A_router_needs_no_experts()
    {
        string name = FamilyFolders.First("deepseek_v3");
        var router = FamilyFolders.HandMade("deepseek_v3", name).Where(static t => t.Name.Contains(".gate.", StringComparison.Ordinal));
        string path = HandTensor.Folder(_folder, "router", FamilyFolders.Config("deepseek_v3", name), router);
        var gate = LinearGate.FromPretrained(path, 0);
        var c = FamilyFolders.Case(name);
        float[] x = c.Values("hidden_states"), expected = c.Dense("topk_weights", "topk_indices", gate.ExpertCount);
        float[] weights = gate.Route(new GateInput(x, c.Shape("router.weight")[1])).ToDenseWeights();
        // The tolerance of weights in single precision.
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], weights[i], 1e-5f);
        Assert.Contains("mlp.experts.0.gate_proj.weight is missing", Assert.Throws<InvalidDataException>(() => ManagedMoEEngine.FromPretrained(path, 0)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Long_work_tells_how_far_it_is_and_can_be_stopped()
    {
        const string folder = "qwen2_moe", name = "Qwen2MoeSparseMoeBlock__t16_e4_k2";
        string path = FamilyFolders.Write(_folder, folder, name), config = FamilyFolders.Config(folder, name), other = Path.Combine(_folder.Path, "other");
        var told = new List<double>();
        var progress = new Told(told.Add);
        ManagedMoEEngine.FromPretrained(path, 0, progress: progress).Dispose();
        Rose();
        MoEFeedForward.FromPretrained(path, 0, progress: progress).Dispose();
        // The router is none of its business.
        Assert.InRange(told[^1], 0.9, 1);
        told.Clear();
        using var model = HuggingFaceCheckpoint.Open(path);
        var layers = new Dictionary<int, IWeightSource> { [0] = model.Layer(0) };
        HuggingFaceCheckpoint.Write(other, config, layers, progress: progress);
        Rose();
        using var stop = new CancellationTokenSource();
        var stopping = new Told(_ => stop.Cancel());
        Assert.Throws<OperationCanceledException>(() => MoEFeedForward.FromPretrained(path, 0, progress: stopping, cancellation: stop.Token));
        Assert.Throws<OperationCanceledException>(() => ManagedMoEEngine.FromPretrained(path, 0, cancellation: stop.Token));
        string stopped = Path.Combine(_folder.Path, "stopped");
        Assert.Throws<OperationCanceledException>(() => HuggingFaceCheckpoint.Write(stopped, config, layers, cancellation: stop.Token));
        Assert.Empty(Directory.GetFiles(stopped));

        void Rose()
        {
            Assert.Equal(told.Order(), told);
            Assert.Equal(1, told[^1], 1e-12);
            Assert.True(told.Count > 10);
            told.Clear();
        }
    }

    private sealed class Told(Action<double> tell) : IProgress<double>
    {
        public void Report(double value) => tell(value);
    }

    [Fact]
    public void Packing_makes_no_copy_of_the_layer()
    {
        // 16 experts of 3 x 256 x 512 numbers, 25 MB in single precision, of which one expert's share is 1.6 MB.
        const int experts = 16, d = 256, f = 512;
        var spec = LayerProfiles.Mixtral(d, f, experts);
        var values = new WeightDictionary();
        foreach (var (tensor, shape) in WeightNames.Of(spec)) values.Add(tensor, new float[shape.Aggregate(1, static (n, k) => n * k)], shape);
        string path = Path.Combine(_folder.Path, "m");
        HuggingFaceCheckpoint.Write(path, $$"""{"model_type":"mixtral","hidden_size":{{d}},"intermediate_size":{{f}},"num_hidden_layers":1,"num_local_experts":{{experts}}}""", new Dictionary<int, IWeightSource> { [0] = values }, SafetensorsType.BF16);
        MoEFeedForward.FromPretrained(path, 0).Dispose();
        long before = GC.GetAllocatedBytesForCurrentThread();
        using var layer = MoEFeedForward.FromPretrained(path, 0, new ExpertPrecision(WeightFormat.BFloat16));
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before, whole = 4L * experts * 3 * d * f;
        Assert.InRange(allocated, 0, whole / 8);
    }
}
