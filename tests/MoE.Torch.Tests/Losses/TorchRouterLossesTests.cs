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
}
