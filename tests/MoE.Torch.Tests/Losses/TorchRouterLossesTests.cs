using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Losses;

/// <summary>The losses with gradients equal those on host values, and their gradients those of finite differences.</summary>
public sealed class TorchRouterLossesTests
{
    private const int T = 6, E = 5;
    private static readonly bool[] Padding = [false, true, false, false, true, false];

    [Theory, InlineData(false), InlineData(true)]
    public void Values_equal_the_managed_ones(bool padded)
    {
        using var scope = NewDisposeScope();
        float[] logits = Specs.Random(T * E, 1, 2), two = [.. logits, .. Specs.Random(T * E, 2)];
        bool[] padding = padded ? Padding : [];
        var mask = padded ? tensor(Padding) : null;
        var l = tensor(logits, T, E);
        Assert.Equal(RouterLosses.ZLoss(logits, E, padding), TorchRouterLosses.z_loss(l, mask).item<float>(), 1e-4);
        Assert.Equal(RouterLosses.PooledLoadBalancing(two, E, 2, padding), TorchRouterLosses.pooled_load_balancing([l, tensor(two[(T * E)..], T, E)], 2, mask).item<float>(), 1e-5);
        foreach (var variance in Enum.GetValues<VarianceKind>())
        {
            float[] weights = [.. logits.Select(MathF.Abs)];
            Assert.Equal(RouterLosses.Importance(weights, E, variance, padding), TorchRouterLosses.importance(tensor(weights, T, E), variance, mask).item<float>(), 1e-5);
            Assert.Equal(RouterLosses.Load([4, 0, 1, 2, 9], variance), TorchRouterLosses.load(tensor(new long[] { 4, 0, 1, 2, 9 }), variance).item<float>(), 1e-5);
        }

        var p = l.softmax(-1);
        Assert.Equal(RouterLosses.SwitchLoadBalancing(HostReads.Single(p), [1, 5, 0, 4, 2], 2, padding),
            TorchRouterLosses.switch_load_balancing(p, tensor(new long[] { 1, 5, 0, 4, 2 }), 2, mask).item<float>(), 1e-5);
    }

    [Fact]
    public void Balanced_values_are_the_documented_ones()
    {
        using var scope = NewDisposeScope();
        // Token t prefers experts t and t + 1: every expert is chosen twice, every column of p has the same sum.
        var logits = zeros(E, E);
        for (int t = 0; t < E; t++) logits[t, t] = logits[t, (t + 1) % E] = 3;
        var p = logits.softmax(-1);
        var load = tensor(new long[] { 2, 2, 2, 2, 2 });
        Assert.Equal(1, TorchRouterLosses.switch_load_balancing(p, load, 2).item<float>(), 1e-6);
        Assert.Equal(2, TorchRouterLosses.pooled_load_balancing([logits], 2).item<float>(), 1e-6);
        Assert.Equal(0, TorchRouterLosses.importance(p).item<float>(), 1e-6);
        Assert.Equal(0, TorchRouterLosses.load(load).item<float>());
    }

    [Fact]
    public void Gradients_are_those_of_finite_differences()
    {
        using var scope = NewDisposeScope();
        var mask = tensor(Padding);
        var load = tensor(new long[] { 1, 5, 0, 4, 2 });
        Tensor Logits() => tensor(Specs.Random(T * E, 3), T, E).to(ScalarType.Float64);
        Gradients.Check(l => TorchRouterLosses.z_loss(l, mask), Logits());
        Gradients.Check(l => TorchRouterLosses.pooled_load_balancing([l], 2, mask), Logits());
        Gradients.Check(l => TorchRouterLosses.importance(l.softmax(-1), VarianceKind.Unbiased, mask), Logits());
        Gradients.Check(l => TorchRouterLosses.importance(l.softmax(-1), VarianceKind.Biased), Logits());
        foreach (var function in new[] { ScoreFunction.Softmax, ScoreFunction.Sigmoid, ScoreFunction.SqrtSoftplus })
            Gradients.Check(l => TorchRouterLosses.switch_load_balancing(TorchRouterLosses.normalized_scores(l, function), load, 2, mask), Logits());
    }

    [Fact]
    public void Every_token_padded_gives_zero_and_a_finite_gradient()
    {
        using var scope = NewDisposeScope();
        var logits = randn(T, E, requires_grad: true);
        var mask = ones(T, dtype: ScalarType.Bool);
        var total = TorchRouterLosses.z_loss(logits, mask) + TorchRouterLosses.pooled_load_balancing([logits], 2, mask) + TorchRouterLosses.importance(logits, VarianceKind.Biased, mask);
        total.backward();
        Assert.Equal(0, total.item<float>());
        Assert.True(logits.grad!.isfinite().all().item<bool>());
    }

    [Fact]
    public void Raw_logits_are_not_normalised()
    {
        using var scope = NewDisposeScope();
        Assert.Contains("Identity", Assert.Throws<ArgumentException>(() => TorchRouterLosses.normalized_scores(zeros(2, 2), ScoreFunction.Identity)).Message);
    }

    [Theory, InlineData(false), InlineData(true)]
    public void The_other_losses_equal_the_managed_ones(bool padded)
    {
        using var scope = NewDisposeScope();
        float[] logits = Specs.Random(T * E, 5, 2);
        bool[] padding = padded ? Padding : [];
        var mask = padded ? tensor(Padding) : null;
        var l = tensor(logits, T, E);
        var p = l.softmax(-1);
        float[] scores = HostReads.Single(p);
        bool[] map = [.. logits.Select(static v => v > 0.3f)];
        Assert.Equal(RouterLosses.KeptLoadBalancing(scores, [1, 4, 0, 3, 2], 2), TorchRouterLosses.kept_load_balancing(p, tensor(new long[] { 1, 4, 0, 3, 2 }), 2).item<float>(), 1e-5);
        foreach (int length in new[] { 0, 2, 3 })
        {
            Assert.Equal(RouterLosses.SequenceLoadBalancing(scores, map, E, length, 2, padding), TorchRouterLosses.sequence_load_balancing(p, tensor(map, T, E), length, 2, mask).item<float>(), 1e-5);
            Assert.Equal(RouterLosses.ExpertChoice(scores, E, length, padding), TorchRouterLosses.expert_choice(p, length, mask).item<float>(), 1e-5);
        }

        Assert.Equal(RouterLosses.TokenEntropy(scores, E, padding), TorchRouterLosses.token_entropy(p, mask).item<float>(), 1e-5);
        Assert.Equal(RouterLosses.BatchEntropy(scores, E, padding), TorchRouterLosses.batch_entropy(p, mask).item<float>(), 1e-5);
        var spec = RouterProfiles.Sam(6, 2, 2);
        float[] six = Specs.Random(T * 6, 8, 2);
        var managed = ReferenceRouter.Route(six, spec, new RouteOptions { Padding = padding, KeepScores = true });
        using var routing = SpecRouting.route(tensor(six, T, 6), spec, null, new GateContext { Padding = mask });
        Assert.Equal(RouterLosses.Alignment(managed.Scores, managed), TorchRouterLosses.alignment(routing.Scores!, routing).item<float>(), 1e-5);
        Assert.Equal(RouterLosses.Sparsity(managed), TorchRouterLosses.sparsity(routing).item<float>(), 1e-6);
        Assert.Equal(RouterLosses.NormalizedRows(scores, E), HostReads.Single(TorchRouterLosses.normalized_rows(p)), static (a, b) => Math.Abs(a - b) < 1e-6);
        foreach (var function in new[] { ScoreFunction.Softmax, ScoreFunction.Sigmoid, ScoreFunction.SqrtSoftplus })
            Assert.Equal(RouterLosses.NormalizedScores(logits, E, function), HostReads.Single(TorchRouterLosses.normalized_scores(l, function)), static (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void The_gradients_of_the_other_losses_are_those_of_finite_differences()
    {
        using var scope = NewDisposeScope();
        var mask = tensor(Padding);
        Tensor Logits() => tensor(Specs.Random(T * E, 3), T, E).to(ScalarType.Float64);
        var map = Logits().gt(0.2);
        Gradients.Check(l => TorchRouterLosses.kept_load_balancing(l.softmax(-1), tensor(new long[] { 1, 4, 0, 3, 2 }), 2), Logits());
        Gradients.Check(l => TorchRouterLosses.sequence_load_balancing(l.softmax(-1), map, 3, 2, mask), Logits());
        Gradients.Check(l => TorchRouterLosses.expert_choice(l.softmax(0), 0, mask), Logits());
        Gradients.Check(l => TorchRouterLosses.token_entropy(l.softmax(-1), mask), Logits());
        Gradients.Check(l => TorchRouterLosses.batch_entropy(l.softmax(-1), mask), Logits());
        Gradients.Check(l => TorchRouterLosses.normalized_rows(l.exp()).square().sum(), Logits());
        Gradients.Check(l =>
        {
            using var routing = SpecRouting.route(l, Specs.TopK(E, 2), null);
            return TorchRouterLosses.alignment(l.softmax(-1).flip(1), routing);
        }, Logits());
        var std = Logits().abs().add(0.5);
        var noisy = Logits().flip(0);
        Gradients.Check(l => TorchRouterLosses.load(TorchRouterLosses.smooth_load(l, noisy, std, 2)), Logits());
        Gradients.Check(l => TorchRouterLosses.load(TorchRouterLosses.threshold_load(l, noisy.amax([1], true), 0.7)), Logits());
    }

    [Fact]
    public void The_other_balanced_values_are_the_documented_ones()
    {
        using var scope = NewDisposeScope();
        var even = ones(T, E) / E;
        Assert.Equal(Math.Log(E), TorchRouterLosses.token_entropy(even).item<float>(), 1e-6);
        Assert.Equal(Math.Log(E), TorchRouterLosses.batch_entropy(eye(E)).item<float>(), 1e-6);
        Assert.Equal(0, TorchRouterLosses.token_entropy(eye(E)).item<float>(), 1e-6);
        Assert.Equal(1, TorchRouterLosses.expert_choice(ones(T, E) / T).item<float>(), 1e-6);
        Assert.Equal(1, TorchRouterLosses.sequence_load_balancing(eye(E).repeat(2, 1), eye(E).repeat(2, 1).gt(0), E).item<float>(), 1e-6);
        // Smooth loads that do not see noise count the choices.
        var clean = tensor(Specs.Random(T * E, 4), T, E);
        using var routing = SpecRouting.route(clean, Specs.TopK(E, 2), null);
        var smooth = TorchRouterLosses.smooth_load(clean, clean, full_like(clean, 1e-6), 2);
        Assert.True(smooth.sub(routing.Load()).abs().max().item<float>() < 1e-4);
    }

    [Fact]
    public void Loads_of_other_shapes_are_refused()
    {
        using var scope = NewDisposeScope();
        var l = zeros(T, E);
        Assert.Contains("must be [6, 1]", Assert.Throws<ArgumentException>(() => TorchRouterLosses.threshold_load(l, zeros(T), 1)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => TorchRouterLosses.threshold_load(l, zeros(T, 1), 0));
        Assert.Throws<ArgumentException>(() => TorchRouterLosses.smooth_load(l, zeros(T + 1, E), l, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => TorchRouterLosses.smooth_load(l, l, l, E + 1));
        Assert.Throws<ArgumentException>(() => TorchRouterLosses.tutel_load_importance(l, l, zeros(2, 1, dtype: ScalarType.Int64), 1));
        Assert.ThrowsAny<ArgumentException>(() => TorchRouterLosses.sequence_load_balancing(l, l.gt(0), 4));
        Assert.ThrowsAny<ArgumentException>(() => TorchRouterLosses.expert_choice(l, 4));
    }

    [Fact]
    public void An_attached_loss_leaves_the_activation_and_teaches()
    {
        using var scope = NewDisposeScope();
        var x = randn([3, 4], dtype: ScalarType.Float64).requires_grad_();
        var w = randn([4], dtype: ScalarType.Float64).requires_grad_();
        var y = LossAttachment.attach(x, w.square().sum(), 0.5);
        Assert.True(y.equal(x).all().item<bool>());
        y.mul(3).sum().backward();
        Assert.True(x.grad!.eq(3).all().item<bool>());
        Assert.True(w.grad!.sub(w).abs().max().item<double>() < 1e-12);
        Assert.Throws<ArgumentException>(() => LossAttachment.attach(x, w));
        Assert.Throws<ArgumentOutOfRangeException>(() => LossAttachment.attach(x, w.sum(), double.NaN));
    }
}
