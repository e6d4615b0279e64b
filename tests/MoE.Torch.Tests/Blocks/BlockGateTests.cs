using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Blocks;

public sealed class BlockGateTests
{
    [Fact]
    public void Scores_are_the_scaled_product_of_projected_pools_and_causal()
    {
        using var scope = NewDisposeScope();
        var gate = new BlockGate(heads: 2, headWidth: 3, gateWidth: 5, blockSize: 4);
        var (q, k) = (randn(1, 2, 12, 3), randn(1, 2, 12, 3));
        var scores = gate.call(q, k);
        Assert.Equal([1, 2, 3, 3], scores.shape);
        var state = gate.state_dict();
        var qb = q[0, 1].narrow(0, 8, 4).mean([0L]).matmul(state["query"][1]);
        var kb = k[0, 1].narrow(0, 4, 4);
        var pooled = cat([kb.amax([0L]), kb.amin([0L]), kb.mean([0L])]).matmul(state["key"][1]);
        Assert.Equal(qb.dot(pooled).item<float>() / Math.Sqrt(5), scores[0, 1, 2, 1].item<float>(), 1e-5);
        Assert.Equal(float.NegativeInfinity, scores[0, 0, 0, 1].item<float>());
        Assert.True(scores.softmax(-1).isfinite().all().item<bool>());
    }

    [Fact]
    public void The_target_holds_the_largest_probability_of_each_block_and_rows_sum_to_one()
    {
        using var scope = NewDisposeScope();
        var gate = new BlockGate(1, 2, 2, 2, causal: false);
        var attention = tensor(new[] { 0.1f, 0.2f, 0.3f, 0.4f, 0.6f, 0.2f, 0.1f, 0.1f, 0.25f, 0.25f, 0.25f, 0.25f, 1, 0, 0, 0 }, 1, 1, 4, 4);
        float[] target = HostReads.Single(gate.target(attention));
        Assert.Equal([0.6f, 0.4f, 0.8f, 0.2f], target, static (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void All_blocks_open_is_causal_attention()
    {
        using var scope = NewDisposeScope();
        var gate = new BlockGate(1, 2, 2, 3);
        var mask = gate.token_mask(ones(2, 2, dtype: ScalarType.Bool).tril());
        Assert.True(mask.eq(ones(6, 6, dtype: ScalarType.Bool).tril()).all().item<bool>());
        var diagonal = gate.token_mask(eye(2).to(ScalarType.Bool));
        Assert.Equal(12, diagonal.sum().item<long>());
    }

    [Fact]
    public void Gradients_reach_both_projections()
    {
        using var scope = NewDisposeScope();
        var gate = new BlockGate(1, 2, 2, 2, BlockPooling.Mean, BlockPooling.Mean, causal: false);
        var (q, k) = (randn(1, 1, 4, 2), randn(1, 1, 4, 2));
        var probabilities = randn(1, 1, 4, 4).softmax(-1);
        UnitLosses.distill_kl(gate.call(q, k).flatten(0, 2), gate.target(probabilities).flatten(0, 2)).backward();
        foreach (var p in gate.parameters()) Assert.True(p.grad!.abs().sum().item<float>() > 0);
    }

    [Fact]
    public void Bad_shapes_are_refused()
    {
        using var scope = NewDisposeScope();
        var gate = new BlockGate(2, 3, 5, 4);
        Assert.Throws<ArgumentException>("q", () => gate.call(zeros(1, 2, 10, 3), zeros(1, 2, 12, 3)));
        Assert.Throws<ArgumentException>("k", () => gate.call(zeros(1, 2, 12, 3), zeros(1, 1, 12, 3)));
        Assert.Throws<ArgumentException>("attention", () => gate.target(zeros(1, 1, 3, 4)));
        Assert.Throws<ArgumentOutOfRangeException>("keyPooling", () => new BlockGate(1, 1, 1, 1, keyPooling: 0));
    }
}
