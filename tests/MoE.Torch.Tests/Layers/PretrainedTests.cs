using MoE.Checkpoints;
using MoE.Tests.Checkpoints.Families;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Layers;

/// <summary>Layers and routers from folders made by hand, against what each family's own code returned.</summary>
[Collection("tensor counts")]
public sealed class PretrainedTests : IDisposable
{
    private readonly MoE.Tests.Checkpoints.Safetensors.TemporaryFolder _folder = new();

    public static TheoryData<string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var (folder, name) in FamilyFolders.All) data.Add(folder, name);
            return data;
        }
    }

    public void Dispose() => _folder.Dispose();

    [Theory, MemberData(nameof(Cases))]
    public void A_folder_gives_the_output_of_the_familys_own_code(string folder, string name)
    {
        string path = FamilyFolders.Write(_folder, folder, name);
        using var scope = NewDisposeScope();
        MoELayer layer;
        if (folder.StartsWith("ernie", StringComparison.Ordinal))
        {
            using var model = HuggingFaceCheckpoint.Open(path);
            layer = new MoELayer(FamilyFolders.AsRecorded(model.Config.Layers[0]!, folder));
            layer.load_weights(model.Layer(0));
        }
        else
        {
            layer = MoELayer.FromPretrained(path, 0, ScalarType.Float32);
        }

        using (layer)
        {
            layer.eval();
            var x = tensor(FamilyFolders.Case(name).Values("hidden_states")).view(-1, layer.Spec!.Width);
            Assert.InRange(FamilyFolders.Excess(name, layer.call(x).data<float>().ToArray()), double.NegativeInfinity, 0);
        }
    }

    [Fact]
    public void Parameters_have_the_type_of_the_published_weights_or_the_one_that_is_asked_for()
    {
        string path = FamilyFolders.Write(_folder, "qwen3_moe", FamilyFolders.First("qwen3_moe"), "BF16");
        using (var layer = MoELayer.FromPretrained(path, 0)) Assert.All(layer.parameters(), static p => Assert.Equal(ScalarType.BFloat16, p.dtype));
        using (var layer = MoELayer.FromPretrained(path, 0, ScalarType.Float64)) Assert.All(layer.parameters(), static p => Assert.Equal(ScalarType.Float64, p.dtype));
    }

    [Theory]
    [InlineData("deepseek_v3")]
    [InlineData("gpt_oss")]
    public void A_router_needs_no_experts(string folder)
    {
        string name = FamilyFolders.First(folder);
        var router = FamilyFolders.HandMade(folder, name).Where(static t => t.Name.Contains(".gate.", StringComparison.Ordinal) || t.Name.Contains(".router.", StringComparison.Ordinal));
        string path = HandTensor.Folder(_folder, "router", FamilyFolders.Config(folder, name), router);
        using var scope = NewDisposeScope();
        using var gate = TopKGate.FromPretrained(path, 0, ScalarType.Float32);
        var c = FamilyFolders.Case(name);
        var x = tensor(c.Values("hidden_states")).view(-1, c.Shape("router.weight")[1]);
        gate.eval();
        float[] weights = gate.call(x, GateContext.Empty).ToDenseWeights().data<float>().ToArray();
        float[] expected = c.Dense(c.Has("topk_weights") ? "topk_weights" : "router_scores", "topk_indices", gate.Experts);
        // The tolerance of weights in single precision.
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], weights[i], 1e-5f);
        Assert.Throws<InvalidDataException>(() => MoELayer.FromPretrained(path, 0));
    }

    [Fact]
    public void Progress_rises_to_one_and_a_cancelled_or_refused_load_leaves_no_tensor()
    {
        string name = FamilyFolders.First("mixtral"), path = FamilyFolders.Write(_folder, "mixtral", name);
        MoELayer.FromPretrained(path, 0).Dispose();
        long start = LiveTensors.Count();
        new MoELayer(LayerProfiles.Mixtral(width: 8, expertWidth: 5, experts: 2)).Dispose();
        // What making and disposing a layer counts, whoever fills it; three are made below.
        long before = LiveTensors.Count(), layer = before - start;
        var told = new List<double>();
        MoELayer.FromPretrained(path, 0, progress: new Listed(told.Add)).Dispose();
        Assert.Equal(told.Order(), told);
        Assert.Equal(1, told[^1], 1e-12);
        Assert.True(told.Count > 3);
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => MoELayer.FromPretrained(path, 0, progress: new Listed(_ => stop.Cancel()), cancellation: stop.Token));
        var tensors = FamilyFolders.HandMade("mixtral", name).ToList();
        tensors[^1] = tensors[^1] with { Data = [0, 0, 0xC0, 0x7F, .. tensors[^1].Data[4..]] };
        string bad = HandTensor.Folder(_folder, "nan", FamilyFolders.Config("mixtral", name), tensors);
        Assert.Contains("[0] is NaN", Assert.Throws<InvalidDataException>(() => MoELayer.FromPretrained(bad, 0)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>("layer", () => MoELayer.FromPretrained(path, 1));
        Assert.Equal(before + 3 * layer, LiveTensors.Count());
    }

    [Fact]
    public void A_layer_of_other_sizes_is_refused_before_anything_is_copied()
    {
        string path = FamilyFolders.Write(_folder, "mixtral", FamilyFolders.First("mixtral"));
        using var model = HuggingFaceCheckpoint.Open(path);
        using var layer = new MoELayer(LayerProfiles.Mixtral(width: 12, expertWidth: 3, experts: 3));
        using var before = layer.Experts.state_dict()["up"].clone();
        string message = Assert.Throws<ArgumentException>("weights", () => layer.load_weights(model.Layer(0))).Message;
        foreach (string part in (string[])["router.weight has shape", "experts.up has shape", "experts.down has shape", "must be [3, 3, 12]"]) Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.True(before.Equals(layer.Experts.state_dict()["up"]));
    }

    private sealed class Listed(Action<double> told) : IProgress<double>
    {
        public void Report(double value) => told(value);
    }
}
