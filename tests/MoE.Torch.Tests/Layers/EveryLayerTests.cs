using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Layers;

/// <summary>Layers that are more than one gate before experts: gradients in double, leaks, known answers, refusals.</summary>
[Collection("tensor counts")]
public sealed class EveryLayerTests
{
    private const int Width = 4;

    private static readonly RouterSpec s_top2 = Specs.TopK(4, 2);

    private static readonly Dictionary<string, Func<nn.Module<Tensor, Tensor>>> s_layers = new()
    {
        ["soft, V-MoE"] = static () => new SoftMoE(Width, 2, Bank(3), SoftForm.VMoE, dtype: ScalarType.Float64),
        ["soft, lucidrains"] = static () => new SoftMoE(Width, 2, Bank(3), dtype: ScalarType.Float64),
        ["dynamic soft"] = static () => new DynamicSoftMoE(Width, Bank(2), dtype: ScalarType.Float64),
        ["depths"] = static () => new MixtureOfDepths(Wide(), Width, 0.5, dtype: ScalarType.Float64),
        ["hierarchical"] = static () => new HierarchicalMoE(RouterProfiles.LucidrainsTop2(2, null, capacityFactor: 4), RouterProfiles.LucidrainsTop2(3, null, capacityFactor: 4), Bank(6), Width, dtype: ScalarType.Float64),
        ["peer"] = static () => new Peer(Width, 9, heads: 2, k: 2, dtype: ScalarType.Float64),
        ["peer, own experts, no competition"] = static () => new Peer(Width, 9, heads: 2, k: 2, ownExperts: true, competing: false, normalize: false, dtype: ScalarType.Float64),
        ["merged"] = static () => new MergedMoE(new ExpertSpec { Width = 3, Biases = true }, 3, Width, dtype: ScalarType.Float64),
        ["tokens"] = static () => new MixtureOfTokens(Width, 4, Bank(3), dtype: ScalarType.Float64),
        ["multi-head"] = static () => new MultiHeadMoE(new MoELayer(new TopKGate(s_top2, Width / 2, dtype: ScalarType.Float64), new StackedExperts(new ExpertSpec { Width = 3 }, 4, Width / 2, dtype: ScalarType.Float64)), Width, 2, dtype: ScalarType.Float64),
        ["autonomous"] = static () => Autonomous(),
        ["scaled GEGLU"] = static () => new ScaledGeglu(Width, 3, dtype: ScalarType.Float64),
    };

    public static TheoryData<string> Names => [.. s_layers.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Gradients_are_those_of_finite_differences(string name)
    {
        using var scope = NewDisposeScope();
        using var layer = Make(name);
        var x = Input();
        var cotangent = randn([1, 6, Width], dtype: ScalarType.Float64, generator: new Generator(5));
        Gradients.Check(() =>
        {
            using var inner = NewDisposeScope();
            return layer.call(x).mul(cotangent).sum().MoveToOuterDisposeScope();
        }, [x, .. layer.parameters().Where(static p => p.requires_grad)]);
    }

    [Theory, MemberData(nameof(Names))]
    public void A_call_leaves_its_answer_only(string name)
    {
        using var layer = Make(name);
        using var x = Input();
        layer.call(x).Dispose();
        long before = LiveTensors.Count();
        using (var y = layer.call(x)) Assert.Equal(x.shape, y.shape);
        Assert.Equal(before, LiveTensors.Count());
    }

    [Theory, MemberData(nameof(Names))]
    public void Its_state_makes_the_same_layer(string name)
    {
        using var scope = NewDisposeScope();
        using var layer = Make(name);
        using var other = s_layers[name]();
        other.load_state_dict(layer.state_dict());
        layer.eval();
        other.eval();
        Assert.True(layer.call(Input()).equal(other.call(Input())).all().item<bool>());
    }

    [Fact]
    public void Soft_slots_and_tokens_are_convex_mixtures()
    {
        using var scope = NewDisposeScope();
        using var layer = (SoftMoE)Make("soft, V-MoE");
        using var result = layer.route(Input());
        Assert.True(result.Dispatch.sum([1]).sub(1).abs().max().item<double>() < 1e-12);
        Assert.True(result.Combine.reshape(6, -1).sum([1]).sub(1).abs().max().item<double>() < 1e-12);
    }

    [Fact]
    public void Padded_tokens_do_not_reach_the_slots()
    {
        using var scope = NewDisposeScope();
        using var layer = (SoftMoE)Make("soft, lucidrains");
        var padding = tensor(new[] { false, false, false, false, true, true });
        var x = Input();
        var other = x.masked_fill(padding.view(1, 6, 1), 17);
        using var a = layer.route(x, new GateContext { Padding = padding });
        using var b = layer.route(other, new GateContext { Padding = padding });
        Assert.True(a.Output.narrow(1, 0, 4).sub(b.Output.narrow(1, 0, 4)).abs().max().item<double>() < 1e-12);
        Assert.Equal(0, a.Dispatch.narrow(1, 4, 2).abs().max().item<double>());
    }

    [Fact]
    public void Depths_pass_tokens_by_that_were_not_chosen()
    {
        using var scope = NewDisposeScope();
        using var layer = (MixtureOfDepths)Make("depths");
        var x = Input();
        var (output, weights, chosen) = layer.route(x);
        Assert.Equal(3, chosen.sum().item<long>());
        var by = chosen.logical_not().unsqueeze(-1);
        Assert.Equal(0, output.sub(x).mul(by.to(x.dtype)).abs().max().item<double>());
        Assert.True(output.sub(x).abs().sum([2]).masked_select(chosen).min().item<double>() > 0);
        // The chosen are the best.
        Assert.True(weights.masked_select(chosen).min().item<double>() >= weights.masked_select(chosen.logical_not()).max().item<double>());
    }

    [Fact]
    public void Product_keys_are_the_best_of_all_sums()
    {
        using var scope = NewDisposeScope();
        var a = randn([5, 4], generator: new Generator(1));
        var b = randn([5, 4], generator: new Generator(2));
        var found = ProductKeySearch.best([a, b], 3);
        var all = (a.unsqueeze(2) + b.unsqueeze(1)).reshape(5, 16).topk(3);
        Assert.True(found.Scores.equal(all.values).all().item<bool>());
        Assert.True(found.Indices.equal(all.indexes).all().item<bool>());
        Assert.Throws<ArgumentException>(() => ProductKeySearch.best([a, b.narrow(1, 0, 3)], 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => ProductKeySearch.best([a, b], 17));
        Assert.Throws<ArgumentException>(() => ProductKeySearch.best([], 1));
    }

    [Fact]
    public void Neuron_experts_are_rank_one_networks()
    {
        using var scope = NewDisposeScope();
        using var experts = new NeuronExperts(6, Width, dtype: ScalarType.Float64);
        var x = Input().view(6, Width);
        var ids = tensor(new long[] { 3 }).expand(6, 1);
        var one = ones([6, 1], dtype: ScalarType.Float64);
        long before = LiveTensors.Count();
        using (var y = experts.mix(x, ids, one)) Assert.Equal([6, Width], y.shape);
        Assert.Equal(before, LiveTensors.Count());
        Assert.Throws<ArgumentException>(() => experts.mix(x, ids, ones([6, 2], dtype: ScalarType.Float64)));
        Assert.Throws<ArgumentException>(() => experts.mix(x, ids.narrow(0, 0, 2), ones([2, 1], dtype: ScalarType.Float64)));
    }

    [Fact]
    public void A_retrieval_finds_k_experts_per_head_and_leaves_nothing()
    {
        using var scope = NewDisposeScope();
        using var retrieval = new ProductKeyRetrieval(Width, 6, heads: 2, keys: 4, lists: 2, k: 3, dtype: ScalarType.Float64);
        var x = Input().view(6, Width);
        long before = LiveTensors.Count();
        var (scores, ids) = retrieval.retrieve(x);
        Assert.Equal(scores.shape, ids.shape);
        Assert.Equal(3, scores.shape[^1]);
        Assert.Equal(before + 2, LiveTensors.Count());
        Assert.InRange(ids.min().item<long>(), 0, 15);
        Assert.InRange(ids.max().item<long>(), 0, 15);
    }

    [Fact]
    public void Attention_heads_are_mapped_and_reduced()
    {
        using var scope = NewDisposeScope();
        using var layer = new MixtureOfAttention(s_top2, Width, 3, dtype: ScalarType.Float64);
        var x = Input().view(6, Width);
        Gradients.Check(() =>
        {
            using var inner = NewDisposeScope();
            var (mapped, routing) = layer.map(x);
            using var _ = routing;
            return layer.reduce(mapped, routing).square().sum().MoveToOuterDisposeScope();
        }, [x, .. layer.parameters()]);
        var (values, again) = layer.map(x);
        Assert.Equal([6, 2, 3], values.shape);
        Assert.Throws<ArgumentException>(() => layer.reduce(values.narrow(1, 0, 1), again));
        again.Dispose();
    }

    [Fact]
    public void Tasks_mix_shared_and_own_experts()
    {
        using var scope = NewDisposeScope();
        using var level = new CustomizedGateControl([Wide(), Wide()], [[Wide()], [Wide()]], [Gate(3), Gate(3)], Gate(4));
        using var last = new CustomizedGateControl([Wide()], [[Wide()], []], [Gate(2), Gate(1)]);
        using var tower = new ProgressiveLayeredExtraction([level, last]);
        var x = Input().view(6, Width);
        Gradients.Check(() =>
        {
            using var inner = NewDisposeScope();
            var result = tower.extract(x);
            return result.Tasks[0].square().sum().add(result.Tasks[1].sum()).MoveToOuterDisposeScope();
        }, [x, .. tower.parameters()]);
        var first = level.mix(x);
        Assert.Equal(2, first.Tasks.Count);
        Assert.NotNull(first.Shared);
        Assert.All(first.Weights, static w => Assert.True(w.sum([1]).sub(1).abs().max().item<double>() < 1e-12));
        Assert.Throws<ArgumentException>(() => level.mix([x], x));
        Assert.Throws<ArgumentException>(() => new CustomizedGateControl([Wide()], [[Wide()]], []));
        Assert.Throws<ArgumentException>(() => new ProgressiveLayeredExtraction([]));
        Assert.Throws<ArgumentException>(() => new CustomizedGateControl([], [[]], [Gate(1)]));
    }

    [Fact]
    public void Multi_gate_mixtures_are_their_formula()
    {
        using var scope = NewDisposeScope();
        Linear[] experts = [Wide(), Wide()];
        Linear[] gates = [Gate(2), Gate(2), Gate(2)];
        var x = Input().view(6, Width);
        var expected = gates.Select(g =>
        {
            var w = g.call(x).softmax(-1);
            return experts[0].call(x) * w.narrow(1, 0, 1) + experts[1].call(x) * w.narrow(1, 1, 1);
        }).ToArray();
        using var layer = CustomizedGateControl.MultiGate(experts, gates);
        var result = layer.mix(x);
        Assert.Null(result.Shared);
        for (int t = 0; t < 3; t++) Assert.True(result.Tasks[t].sub(expected[t]).abs().max().item<double>() < 1e-12);
    }

    [Fact]
    public void Layers_refuse_what_does_not_fit()
    {
        using var scope = NewDisposeScope();
        Assert.Throws<ArgumentException>(() => new Peer(Width, 8));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Peer(Width, 9, k: 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SoftMoE(Width, 0, Bank(2)));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MixtureOfDepths(Wide(), Width, 1.5));
        Assert.Throws<ArgumentException>(() => new HierarchicalMoE(s_top2, s_top2, Bank(16), Width));
        Assert.Throws<ArgumentException>(() => new HierarchicalMoE(RouterProfiles.LucidrainsTop2(2), RouterProfiles.LucidrainsTop2(3, null), Bank(5), Width));
        Assert.Throws<ArgumentException>(() => new MixtureOfAttention(RouterProfiles.Switch(4), Width, 3));
        using var soft = (SoftMoE)Make("soft, V-MoE");
        Assert.Throws<ArgumentException>(() => soft.call(zeros([2, Width], dtype: ScalarType.Float64)));
        Assert.Throws<ArgumentException>(() => soft.call(zeros([2, 0, Width], dtype: ScalarType.Float64)));
        using var depths = (MixtureOfDepths)Make("depths");
        Assert.Throws<ArgumentException>(() => depths.call(zeros([2, Width], dtype: ScalarType.Float64)));
    }

    private static nn.Module<Tensor, Tensor> Make(string name)
    {
        var layer = s_layers[name]();
        using var guard = no_grad();
        ulong seed = 21;
        foreach (var p in layer.parameters())
        {
            using var values = randn(p.shape, dtype: ScalarType.Float64, generator: new Generator(seed++));
            p.copy_(values * 0.4);
        }

        return layer;
    }

    private static ModuleExperts Bank(int experts) => new([.. Enumerable.Range(0, experts).Select(static _ => nn.Sequential(nn.Linear(Width, Width, dtype: ScalarType.Float64), nn.Tanh()))]);

    private static MoELayer Autonomous()
    {
        var experts = new AutonomousExperts(4, Width, 3, 2, dtype: ScalarType.Float64);
        return new MoELayer(experts.AsGate(s_top2), experts);
    }

    private static Linear Wide() => nn.Linear(Width, Width, dtype: ScalarType.Float64);

    private static Linear Gate(int experts) => nn.Linear(Width, experts, dtype: ScalarType.Float64);

    private static Tensor Input() => randn([1, 6, Width], dtype: ScalarType.Float64, generator: new Generator(3));
}
