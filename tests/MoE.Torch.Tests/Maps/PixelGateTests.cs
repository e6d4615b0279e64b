using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Maps;

[Collection("tensor counts")]
public sealed class PixelGateTests
{
    [Theory]
    [InlineData(1, 3)]
    [InlineData(3, 2)]
    public void Weights_of_a_group_sum_to_one_at_every_pixel(int groups, int experts)
    {
        using var scope = NewDisposeScope();
        using var gate = new PixelGate(nn.Conv2d(4, groups * experts, 1), experts, groups);
        var weights = gate.call(randn(2, 4, 3, 5));
        Assert.Equal([2, groups, experts, 3, 5], weights.shape);
        Assert.True(weights.sum(2).sub(1).abs().max().item<float>() < 1e-6);
        Assert.True(weights.min().item<float>() > 0);
    }

    [Fact]
    public void A_rectified_gate_without_a_positive_logit_is_uniform_and_stuck()
    {
        using var scope = NewDisposeScope();
        var x = rand(1, 2, 2, 2).add(0.1);
        foreach (bool rectified in new[] { true, false })
        {
            var scorer = nn.Conv2d(2, 2, 1, bias: false);
            using (no_grad()) scorer.weight.copy_(tensor(new float[] { -1, -2, -3, -1 }, 2, 2, 1, 1));
            using var gate = new PixelGate(scorer, 2, rectified: rectified);
            var weights = gate.call(x);
            weights[0, 0, 0].sum().backward();
            Assert.Equal(rectified, weights.sub(0.5).abs().max().item<float>() == 0);
            Assert.Equal(rectified, scorer.weight.grad!.abs().max().item<float>() == 0);
        }
    }

    [Fact]
    public void Pairs_are_in_order_and_the_coarse_weight_covers_its_block()
    {
        using var scope = NewDisposeScope();
        var maps = stack([full([1L, 2, 4], 1f), full([1L, 2, 4], 10f), full([1L, 2, 4], 100f)], 1);
        var pairs = PixelGate.pairs(maps);
        Assert.Equal([1, 3, 2, 2, 4], pairs.shape);
        Assert.Equal([1f, 10, 1, 100, 10, 100], pairs.select(4, 0).select(3, 0).contiguous().data<float>().ToArray());
        // One row of two blocks: the first takes the left map of each pair, the second the right one.
        var weights = tensor(new float[] { 1, 0, 0, 1 }).view(1, 1, 2, 1, 2).expand(1, 3, 2, 1, 2);
        Assert.Equal([1f, 1, 10, 10, 1, 1, 100, 100, 10, 10, 100, 100], PixelGate.mix(pairs, weights).select(2, 1).contiguous().data<float>().ToArray());
    }

    [Fact]
    public void Mixing_is_the_sum_over_enlarged_weights_with_its_gradient()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var maps = randn([2, 2, 3, 4, 6], dtype: ScalarType.Float64);
        var weights = randn([2, 2, 3, 2, 3], dtype: ScalarType.Float64).softmax(2);
        var enlarged = weights.repeat_interleave(2, 3).repeat_interleave(2, 4);
        Assert.True((maps * enlarged).sum(2).sub(PixelGate.mix(maps, weights)).abs().max().item<double>() < 1e-14);
        var target = randn(2, 2, 4, 6, dtype: ScalarType.Float64);
        Gradients.Check(() => (PixelGate.mix(maps, weights) * target).sum(), maps, weights.detach_());
    }

    [Fact]
    public void Wrong_shapes_are_refused()
    {
        using var scope = NewDisposeScope();
        using var gate = new PixelGate(nn.Conv2d(4, 5, 1), 3);
        Assert.Contains("must give [B, 1 * 3, h, w]", Assert.Throws<ArgumentException>(() => gate.call(zeros(1, 4, 2, 2))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => PixelGate.pairs(zeros(1, 1, 2, 2)));
        Assert.Throws<ArgumentException>(() => PixelGate.mix(zeros([1, 1, 2, 4, 4]), zeros([1, 1, 2, 3, 4])));
        Assert.Throws<ArgumentException>(() => PixelGate.mix(zeros([1, 1, 2, 4, 4]), zeros([1, 1, 3, 4, 4])));
        Assert.Throws<ArgumentOutOfRangeException>(() => new PixelGate(nn.Identity(), 0));
    }

    [Fact]
    public void Calls_leave_only_their_result()
    {
        using var gate = new PixelGate(nn.Conv2d(4, 6, 1), 2, 3);
        using var x = randn(1, 4, 2, 2);
        using var maps = randn(1, 3, 4, 4);
        using var groups = PixelGate.pairs(maps);
        using var weights = gate.call(x);
        long before = LiveTensors.Count();
        gate.call(x).Dispose();
        PixelGate.pairs(maps).Dispose();
        PixelGate.mix(groups, weights).Dispose();
        Assert.Equal(before, LiveTensors.Count());
    }
}
