using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Gates;

/// <summary>What every gate with parameters promises: gradients, no leaks, empty batches, padding, bad numbers, order of tokens, state.</summary>
[Collection("tensor counts")]
public sealed class EveryGateTests
{
    private const int Width = 5, Tokens = 6;

    private static readonly RouterSpec s_top2 = Specs.TopK(4, 2);

    private static readonly Dictionary<string, Func<TorchGate>> s_gates = new()
    {
        ["top-k"] = static () => new TopKGate(s_top2, Width, dtype: ScalarType.Float64),
        ["top-k of one"] = static () => new TopKGate(Specs.TopK(1, 1), Width, dtype: ScalarType.Float64),
        ["cosine"] = static () => new CosineGate(s_top2, Width, 3, dtype: ScalarType.Float64),
        ["x-moe"] = static () => new XMoEGate(s_top2, Width, 3, dtype: ScalarType.Float64),
        ["noisy top-k"] = static () => new NoisyTopKGate(RouterProfiles.NoisyTopK(4, 2), Width, dtype: ScalarType.Float64),
        ["dense-to-sparse"] = static () => new DenseToSparseGate(4, Width, dtype: ScalarType.Float64),
        ["activation dense-to-sparse"] = static () => new DenseToSparseGate(4, Width, nn.Tanh(), hasBias: true, learned: true, dtype: ScalarType.Float64),
        ["dynamic"] = static () => new DynamicGate(4, Width, dtype: ScalarType.Float64),
        ["dynamic with temperature"] = static () => new DynamicGate(4, Width, active: 3, initialTemperature: 0.5, dtype: ScalarType.Float64),
        ["dselect-k"] = static () => new DSelectKGate(4, 2, Width, dtype: ScalarType.Float64),
        ["dselect-k of three"] = static () => new DSelectKGate(3, 2, Width, dtype: ScalarType.Float64),
        ["moe++"] = static () => new PlusPlusGate(s_top2, Width, dtype: ScalarType.Float64),
        ["moe++ deep"] = static () => new PlusPlusGate(s_top2, Width, deep: true, standardDeviation: 0.5, dtype: ScalarType.Float64),
        ["key attention"] = static () => new KeyAttentionGate(s_top2, Width, 3, dtype: ScalarType.Float64),
        ["Laplace"] = static () => new DistanceGate(s_top2, Width, dtype: ScalarType.Float64),
        ["Gaussian"] = static () => new DistanceGate(s_top2, Width, DistanceForm.Gaussian, dtype: ScalarType.Float64),
        ["localised"] = static () => new DistanceGate(s_top2, Width, DistanceForm.Localised, dtype: ScalarType.Float64),
        ["quadratic"] = static () => new QuadraticGate(s_top2, Width, dtype: ScalarType.Float64),
        ["quadratic and linear"] = static () => new QuadraticGate(s_top2, Width, hasLinear: true, dtype: ScalarType.Float64),
        ["tree"] = static () => new TreeGate(s_top2, Width, dtype: ScalarType.Float64),
        ["tree of five"] = static () => new TreeGate(Specs.TopK(5, 3), Width, temperature: 0.5, dtype: ScalarType.Float64),
        ["tree of one"] = static () => new TreeGate(Specs.TopK(1, 1), Width, dtype: ScalarType.Float64),
        ["sparsemixer"] = static () => new TopKGate(RouterProfiles.PhiMoE(4), Width, dtype: ScalarType.Float64),
        ["top-p"] = static () => new TopKGate(RouterProfiles.DynamicTopP(4), Width, dtype: ScalarType.Float64),
        ["relu"] = static () => new TopKGate(RouterProfiles.ReMoE(4), Width, dtype: ScalarType.Float64),
        ["prototypes"] = static () => new TopKGate(RouterProfiles.Prototypes(4, 2), Width, dtype: ScalarType.Float64),
        ["sam"] = static () => new TopKGate(RouterProfiles.Sam(4, 1, 2), Width, dtype: ScalarType.Float64),
        ["soft top-k"] = static () => new TopKGate(s_top2 with { Weigh = new WeighSpec { SoftTopK = new CoordinateDescentSpec { Iterations = 5 } } }, Width, dtype: ScalarType.Float64),
    };

    public static TheoryData<string> Names => [.. s_gates.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Gradients_are_those_of_finite_differences(string name)
    {
        // Straight-through, and the mid-point estimate of a sample that is not the best, are not derivatives of what is computed.
        if (name.StartsWith("dynamic", StringComparison.Ordinal)) return;
        using var scope = NewDisposeScope();
        using var gate = Make(name);
        gate.eval();
        var x = Batch(3);
        var cotangent = rand([Tokens, 16], dtype: ScalarType.Float64, generator: new Generator(5));
        // X-MoE rescales its experts in every call, so a step along one of them is not what the next call sees; the peer's recorded gradients check those.
        Tensor[] learned = [.. gate.parameters()];
        Gradients.Check(() =>
        {
            using var inner = NewDisposeScope();
            using var routing = gate.call(x, GateContext.Empty);
            return routing.Weights.mul(cotangent.narrow(1, 0, routing.Weights.shape[1])).sum().MoveToOuterDisposeScope();
        }, name is "x-moe" ? [x] : [x, .. learned]);
    }

    [Theory, MemberData(nameof(Names))]
    public void Noise_of_training_has_the_gradients_of_finite_differences(string name)
    {
        if (name.StartsWith("dynamic", StringComparison.Ordinal) || name is "sparsemixer") return;
        using var scope = NewDisposeScope();
        using var gate = Make(name);
        gate.train();
        var x = Batch(3);
        var context = new GateContext { Noise = new SeededNoise(7) };
        Gradients.Check(() =>
        {
            using var inner = NewDisposeScope();
            using var routing = gate.call(x, context);
            return routing.Weights.square().sum().MoveToOuterDisposeScope();
        }, name is "x-moe" ? [x] : [x, .. gate.parameters()]);
    }

    [Theory, MemberData(nameof(Names))]
    public void A_call_leaves_its_routing_only(string name)
    {
        using var gate = Make(name);
        using var x = Batch(1);
        var context = new GateContext { Noise = new SeededNoise(7) };
        gate.call(x, context).Dispose();
        long before = LiveTensors.Count();
        gate.call(x, context).Dispose();
        Assert.Equal(before, LiveTensors.Count());
    }

    [Theory, MemberData(nameof(Names))]
    public void No_tokens_are_routed_nowhere(string name)
    {
        using var scope = NewDisposeScope();
        using var gate = Make(name);
        foreach (bool training in new[] { true, false })
        {
            gate.train(training);
            using var routing = gate.call(zeros([0, Width], dtype: ScalarType.Float64), new GateContext { Noise = new SeededNoise(1) });
            Assert.Equal(0, routing.TokenCount);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Padded_tokens_have_no_expert_and_change_no_other(string name)
    {
        using var scope = NewDisposeScope();
        using var gate = Make(name);
        gate.eval();
        var x = Batch(4);
        var padding = tensor(new[] { false, true, false, false, true, false });
        using var alone = gate.call(x, GateContext.Empty);
        using var padded = gate.call(x.masked_fill(padding.unsqueeze(1), double.NaN), new GateContext { Padding = padding });
        var all = alone.Snapshot();
        var some = padded.Snapshot();
        for (int r = 0; r < some.RouteCount; r++)
        {
            bool hidden = r / some.Choices is 1 or 4;
            Assert.Equal(hidden ? -1 : all.ExpertIds[r], some.ExpertIds[r]);
            Assert.Equal(hidden ? 0 : all.Weights[r], some.Weights[r], 1e-6);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void A_token_that_is_not_finite_is_refused(string name)
    {
        using var scope = NewDisposeScope();
        using var gate = Make(name);
        gate.eval();
        foreach (double bad in new[] { double.NaN, double.PositiveInfinity })
        {
            // tanh, the smooth step and a turn of a tree make one of infinity.
            if (double.IsInfinity(bad) && (name is "activation dense-to-sparse" or "moe++ deep" || name.StartsWith("tree", StringComparison.Ordinal)) || name.StartsWith("dselect", StringComparison.Ordinal)) continue;
            var x = Batch(4);
            x[2, 1] = tensor(bad, dtype: ScalarType.Float64);
            Assert.Throws<ArgumentException>(() => gate.call(x, GateContext.Empty));
        }
    }

    [Fact]
    public void A_selector_of_dselect_k_that_is_NaN_is_refused()
    {
        using var scope = NewDisposeScope();
        using var gate = Make("dselect-k");
        var x = Batch(4);
        x[2, 1] = tensor(double.NaN, dtype: ScalarType.Float64);
        Assert.Contains("weights[2, 0] = NaN", Assert.Throws<ArgumentException>(() => gate.call(x, GateContext.Empty)).Message);
    }

    [Theory, MemberData(nameof(Names))]
    public void Equal_tokens_are_routed_equally_and_their_gradient_is_finite(string name)
    {
        using var scope = NewDisposeScope();
        using var gate = Make(name);
        foreach (bool zero in new[] { true, false })
        {
            gate.eval();
            var x = (zero ? zeros([Tokens, Width], dtype: ScalarType.Float64) : ones([Tokens, Width], dtype: ScalarType.Float64)).requires_grad_();
            using var routing = gate.call(x, GateContext.Empty);
            var seen = routing.Snapshot();
            for (int r = seen.Choices; r < seen.RouteCount; r++)
            {
                Assert.Equal(seen.ExpertIds[r % seen.Choices], seen.ExpertIds[r]);
                Assert.InRange(seen.Weights[r], 0, 1e6f);
            }

            if (routing.Weights.requires_grad) routing.Weights.sum().backward();
            foreach (var p in gate.parameters().Append(x))
                if (p.grad is { } g) Assert.True(g.isfinite().all().item<bool>());
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void The_order_of_tokens_does_not_matter(string name)
    {
        using var scope = NewDisposeScope();
        using var gate = Make(name);
        gate.eval();
        var x = Batch(6);
        long[] order = [3, 1, 5, 0, 2, 4];
        using var first = gate.call(x, GateContext.Empty);
        using var second = gate.call(x.index_select(0, tensor(order)), GateContext.Empty);
        var a = first.Snapshot();
        var b = second.Snapshot();
        for (int t = 0; t < Tokens; t++)
            for (int j = 0; j < a.Choices; j++)
            {
                Assert.Equal(a.ExpertIds[(int)order[t] * a.Choices + j], b.ExpertIds[t * b.Choices + j]);
                Assert.Equal(a.Weights[(int)order[t] * a.Choices + j], b.Weights[t * b.Choices + j], 1e-6);
            }
    }

    [Theory, MemberData(nameof(Names))]
    public void Its_state_makes_the_same_gate(string name)
    {
        using var scope = NewDisposeScope();
        using var gate = Make(name);
        using var other = s_gates[name]();
        other.load_state_dict(gate.state_dict());
        gate.eval();
        other.eval();
        var x = Batch(8);
        using var a = gate.call(x, GateContext.Empty);
        using var b = other.call(x, GateContext.Empty);
        Assert.True(a.ExpertIds.equal(b.ExpertIds).all().item<bool>());
        Assert.True(a.Weights.equal(b.Weights).all().item<bool>());
    }

    private static TorchGate Make(string name)
    {
        var gate = s_gates[name]();
        // Every parameter has a part in the outcome, and no two experts tie.
        using var guard = no_grad();
        ulong seed = 11;
        foreach (var p in gate.parameters())
        {
            using var values = randn(p.shape, dtype: ScalarType.Float64, generator: new Generator(seed++));
            p.copy_(values * 0.4);
        }

        return gate;
    }

    private static Tensor Batch(long seed) => randn([Tokens, Width], dtype: ScalarType.Float64, generator: new Generator((ulong)seed));
}
