using CsCheck;

namespace MoE.Tests.Losses;

/// <summary>The losses in closed form, with the value that each has when routing is balanced: 1, k or 0.</summary>
public sealed class RouterLossesTests
{
    // Token t prefers experts t and t + 1 (mod 4): perfectly balanced top-2.
    private static readonly float[] s_balanced = [.. Enumerable.Range(0, 8).SelectMany(static IEnumerable<float> (t) => Enumerable.Range(0, 4).Select(e => e == t % 4 ? 2f : e == (t + 1) % 4 ? 1 : 0))];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Switch_is_one_when_balanced_whatever_k(int k)
    {
        var routing = Route(s_balanced, 4, k);
        Assert.Equal(1, RouterLosses.SwitchLoadBalancing(routing.Scores, routing.Load(), k), 1e-6);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Pooled_is_k_when_balanced(int k) => Assert.Equal(k, RouterLosses.PooledLoadBalancing(s_balanced, 4, k), 1e-6);

    [Fact]
    public void Switch_is_E_when_one_expert_takes_all() =>
        Assert.Equal(4, RouterLosses.SwitchLoadBalancing([1, 0, 0, 0, 1, 0, 0, 0], [2, 0, 0, 0], 1), 1e-12);

    [Fact]
    public void Switch_is_its_formula()
    {
        // E / (k T^2) * sum_e (sum_t p) c = 2 / (1 * 9) * (1.5 * 2 + 1.5 * 1).
        float[] scores = [0.9f, 0.1f, 0.5f, 0.5f, 0.1f, 0.9f];
        Assert.Equal(2.0 / 9 * 4.5, RouterLosses.SwitchLoadBalancing(scores, [2, 1], 1), 1e-7);
        Assert.Equal(0.01 * 2.0 / 9 * 4.5, RouterLosses.SwitchLoadBalancing(scores, [2, 1], 1, coefficient: 0.01), 1e-9);
        // Sums over more tokens than these: Megatron-LM's total_num_tokens.
        Assert.Equal(2.0 / 36 * 4.5, RouterLosses.SwitchLoadBalancing(scores, [2, 1], 1, total: 6), 1e-7);
        Assert.Equal(0, RouterLosses.SwitchLoadBalancing(scores, [2, 1], 1, total: 0));
    }

    [Fact]
    public void Layers_are_pooled_before_the_means()
    {
        // Layer 0 sends all to expert 0, layer 1 all to expert 1: pooled they look balanced (transformers issue 28255).
        float[] layers = [9, -9, 9, -9, -9, 9, -9, 9];
        Assert.Equal(1, RouterLosses.PooledLoadBalancing(layers, 2, 1), 1e-6);
        Assert.Equal(2, RouterLosses.PooledLoadBalancing(layers[..4], 2, 1), 1e-6);
    }

    [Fact]
    public void Padding_does_not_count()
    {
        bool[] padding = [false, true, false, true, false, true, true, false];
        float[] counted = [.. Enumerable.Range(0, 8).Where(t => !padding[t]).SelectMany(t => s_balanced[(t * 4)..(t * 4 + 4)])];
        float[] noisy = [.. s_balanced];
        for (int t = 0; t < 8; t++)
            if (padding[t]) noisy.AsSpan(t * 4, 4).Fill(7);
        var routing = Route(counted, 4, 2);
        var padded = ReferenceRouter.Route(noisy, RouterProfiles.Olmoe(4, 2), new RouteOptions { Padding = padding, KeepScores = true });
        Assert.Equal(RouterLosses.SwitchLoadBalancing(routing.Scores, routing.Load(), 2), RouterLosses.SwitchLoadBalancing(padded.Scores, padded.Load(), 2, padding), 1e-7);
        Assert.Equal(RouterLosses.PooledLoadBalancing(counted, 4, 2), RouterLosses.PooledLoadBalancing(noisy, 4, 2, padding), 1e-7);
        Assert.Equal(RouterLosses.ZLoss(counted, 4), RouterLosses.ZLoss(noisy, 4, padding), 1e-12);
        Assert.Equal(RouterLosses.Importance(counted, 4), RouterLosses.Importance(noisy, 4, VarianceKind.Unbiased, padding), 1e-12);
        // The padding of one layer serves every layer.
        Assert.Equal(RouterLosses.PooledLoadBalancing([.. counted, .. counted], 4, 2), RouterLosses.PooledLoadBalancing([.. noisy, .. noisy], 4, 2, padding), 1e-7);
    }

    [Fact]
    public void Without_counted_tokens_there_is_no_loss()
    {
        Assert.Equal(0, RouterLosses.SwitchLoadBalancing([], [0, 0], 1));
        Assert.Equal(0, RouterLosses.PooledLoadBalancing([], 2, 1));
        Assert.Equal(0, RouterLosses.ZLoss([], 2));
        Assert.Equal(0, RouterLosses.Importance([], 2));
        Assert.Equal(0, RouterLosses.SwitchLoadBalancing([1, 2], [0, 0], 1, [true]));
        Assert.Equal(0, RouterLosses.PooledLoadBalancing([1, 2], 2, 1, [true]));
        Assert.Equal(0, RouterLosses.ZLoss([1, 2], 2, [true]));
        Assert.Equal(0, RouterLosses.Importance([1, 2], 2, VarianceKind.Biased, [true]));
    }

    [Fact]
    public void ZLoss_is_the_mean_square_of_logsumexp()
    {
        double a = Math.Log(Math.Exp(1) + Math.Exp(2)), b = Math.Log(2);
        Assert.Equal((a * a + b * b) / 2, RouterLosses.ZLoss([1, 2, 0, 0], 2), 1e-12);
        Assert.Equal(1e-3 * (a * a + b * b) / 2, RouterLosses.ZLoss([1, 2, 0, 0], 2, coefficient: 1e-3), 1e-15);
        // Logits whose softmax denominator is 1 cost nothing.
        Assert.Equal(0, RouterLosses.ZLoss([-MathF.Log(2), -MathF.Log(2)], 2), 1e-12);
        Assert.Equal(1e6, RouterLosses.ZLoss([1000, -1000], 2), 1e-6);
    }

    [Fact]
    public void Importance_and_load_are_zero_when_balanced_and_known_when_not()
    {
        Assert.Equal(0, RouterLosses.Importance([0.5f, 0.5f, 0.5f, 0.5f], 2));
        Assert.Equal(0, RouterLosses.Load([3, 3, 3]));
        // Importances 3 and 1: mean 2, squares 2, variance 2 or 1.
        Assert.Equal(2 / (4 + 1e-10), RouterLosses.Importance([2, 0, 1, 1], 2), 1e-12);
        Assert.Equal(0.25, RouterLosses.Importance([2, 0, 1, 1], 2, VarianceKind.Biased), 1e-12);
        // One expert of E takes all: E unbiased, E - 1 biased.
        Assert.Equal(4, RouterLosses.Load([8, 0, 0, 0]), 1e-9);
        Assert.Equal(3, RouterLosses.Load([8, 0, 0, 0], VarianceKind.Biased), 1e-12);
        Assert.Equal(0, RouterLosses.Load([5]));
        Assert.Equal(0, RouterLosses.Load([0, 0]));
        Assert.Equal(0, RouterLosses.Load([0, 0], VarianceKind.Biased));
        Assert.Equal(0, RouterLosses.SquaredVariation([], VarianceKind.Unbiased));
    }

    [Fact]
    public void Losses_do_not_care_for_the_order_of_tokens_or_experts() => Gen.Select(Gen.Int[1, 6], Gen.Int[1, 8], Draw.Seed).Sample(static (experts, tokens, seed) =>
    {
        float[] logits = Draw.Normal(tokens * experts, seed);
        int[] rows = Draw.Permutation(tokens, seed), columns = Draw.Permutation(experts, seed + 1);
        float[] moved = [.. Enumerable.Range(0, logits.Length).Select(i => logits[rows[i / experts] * experts + columns[i % experts]])];
        int k = 1 + seed % experts;
        Assert.Equal(RouterLosses.PooledLoadBalancing(logits, experts, k), RouterLosses.PooledLoadBalancing(moved, experts, k), 1e-5);
        Assert.Equal(RouterLosses.ZLoss(logits, experts), RouterLosses.ZLoss(moved, experts), 1e-9);
        Assert.Equal(RouterLosses.Importance(logits, experts, VarianceKind.Biased), RouterLosses.Importance(moved, experts, VarianceKind.Biased), 1e-6 * (1 + RouterLosses.Importance(logits, experts, VarianceKind.Biased)));
        // Balance is the least a loss on probabilities can be when load follows them; k = E balances the load whatever the router says.
        Assert.Equal(experts, RouterLosses.PooledLoadBalancing(logits, experts, experts), 1e-5);
    }, iter: 500);

    [Fact]
    public void Bad_lengths_are_refused_by_name()
    {
        Refused("scores", "scores has 3 values; must be a multiple of experts (2)", static () => RouterLosses.SwitchLoadBalancing(new float[3], [1, 1], 1));
        Refused("load", "load is empty", static () => RouterLosses.SwitchLoadBalancing([], [], 1));
        Refused("choices", "", static () => RouterLosses.SwitchLoadBalancing([], [1], 0));
        Refused("total", "", static () => RouterLosses.SwitchLoadBalancing([], [1], 1, total: -1));
        Refused("padding", "padding has 3 values; must have one per token (2)", static () => RouterLosses.SwitchLoadBalancing(new float[4], [1, 1], 1, new bool[3]));
        Refused("logits", "logits has 3 values; must be a multiple of experts (2)", static () => RouterLosses.PooledLoadBalancing(new float[3], 2, 1));
        Refused("padding", "padding has 3 values; must divide the rows of all layers (4)", static () => RouterLosses.PooledLoadBalancing(new float[8], 2, 1, new bool[3]));
        Assert.Throws<SpecException>(static () => RouterLosses.PooledLoadBalancing([], 2, 3));
        Refused("logits", "logits has 3 values", static () => RouterLosses.ZLoss(new float[3], 2));
        Refused("weights", "weights has 3 values", static () => RouterLosses.Importance(new float[3], 2));
        Refused("experts", "", static () => RouterLosses.ZLoss([], 0));
    }

    private static TopKRouting Route(float[] logits, int experts, int k) =>
        ReferenceRouter.Route(logits, RouterProfiles.Olmoe(experts, k), new RouteOptions { KeepScores = true });

    private static void Refused(string parameter, string message, Action call)
    {
        var refused = Assert.ThrowsAny<ArgumentException>(call);
        Assert.Equal(parameter, refused.ParamName);
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }
}
