using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Gates;

public sealed class AttentionWeightedGateTests
{
    [Fact]
    public void A_gate_is_the_sum_of_relevance_times_expert_vector_behaviour_by_behaviour()
    {
        using var scope = NewDisposeScope();
        var gate = new AttentionWeightedGate(3, 4, 5);
        var (b, x, absent) = Sequences(6, 7, 3);
        var state = gate.state_dict();
        Tensor Network(string name, Tensor seen) => nn.functional.linear(nn.functional.relu(nn.functional.linear(seen, state[$"{name}.0.weight"], state[$"{name}.0.bias"])), state[$"{name}.2.weight"], state[$"{name}.2.bias"]);
        var sum = zeros(6, 4);
        for (int i = 0; i < 7; i++)
        {
            var seen = cat([b.select(1, i), x, b.select(1, i) * x], 1);
            var present = absent.select(1, i).logical_not().unsqueeze(1).to(ScalarType.Float32);
            sum = sum + present * Network("relevance", seen) * Network("gate", seen);
        }

        Assert.True(allclose(sum, gate.call(b, x, absent), 1e-5, 1e-6));
    }

    [Fact]
    public void Absent_behaviours_change_nothing_and_order_changes_only_the_order_of_the_sum()
    {
        using var scope = NewDisposeScope();
        var gate = new AttentionWeightedGate(3, 4, 5);
        var (b, x, absent) = Sequences(6, 7, 3);
        var other = where(absent.unsqueeze(-1), randn(6, 7, 3) * 1000, b);
        Assert.True(gate.call(b, x, absent).bytes.SequenceEqual(gate.call(other, x, absent).bytes));
        Assert.True(allclose(gate.call(b, x, absent), gate.call(b.flip(1), x, absent.flip(1)), 1e-5, 1e-6));
    }

    [Fact]
    public void An_empty_sequence_gets_the_learned_gate_and_lets_it_learn()
    {
        using var scope = NewDisposeScope();
        var gate = new AttentionWeightedGate(3, 4, 5);
        using (no_grad()) gate.Empty.copy_(tensor(new[] { 1f, -2, 3, 4 }));
        var absent = tensor(new[] { true, true, false, true }, 2, 2);
        var g = gate.call(randn(2, 2, 3), randn(2, 3), absent);
        Assert.Equal([1, -2, 3, 4], HostReads.Single(g[0]));
        g.sum().backward();
        Assert.Equal([1, 1, 1, 1], HostReads.Single(gate.Empty.grad!));
        // A sequence without a place for a behaviour is empty.
        Assert.Equal([1, -2, 3, 4], HostReads.Single(gate.call(zeros(1, 0, 3), randn(1, 3), zeros(1, 0, dtype: ScalarType.Bool))[0]));
    }

    [Fact]
    public void Weights_are_a_distribution_only_when_asked_for()
    {
        using var scope = NewDisposeScope();
        var (b, x, absent) = Sequences(50, 4, 3);
        var g = new AttentionWeightedGate(3, 4, 5, normalize: true).call(b, x, absent);
        Assert.True(allclose(ones(50), g.sum(-1), 1e-5, 1e-6));
        var raw = new AttentionWeightedGate(3, 4, 5).call(b, x, absent);
        Assert.True((raw.sum(-1) - 1).abs().max().item<float>() > 0.01f);
    }

    [Fact]
    public void Gradients_are_those_of_finite_differences()
    {
        using var scope = NewDisposeScope();
        var gate = new AttentionWeightedGate(2, 3, 4).to(ScalarType.Float64);
        var (b, x, absent) = Sequences(4, 3, 2);
        (b, x) = (b.to(ScalarType.Float64), x.to(ScalarType.Float64));
        Gradients.Check(() => gate.call(b, x, absent).square().sum(), b, x);
        Gradients.Check(() => ContrastiveLosses.info_nce(gate.call(b, x, absent), gate.call(b, x, absent.roll(1, 1)), 0.3), b, x);
    }

    [Fact]
    public void Bad_input_is_refused_by_name()
    {
        using var scope = NewDisposeScope();
        var gate = new AttentionWeightedGate(3, 4, 5);
        var absent = zeros(2, 5, dtype: ScalarType.Bool);
        Assert.Throws<ArgumentOutOfRangeException>("experts", () => new AttentionWeightedGate(3, 0, 5));
        Assert.Throws<ArgumentException>("behaviours", () => gate.call(zeros(2, 5, 4), zeros(2, 3), absent));
        Assert.Throws<ArgumentException>("target", () => gate.call(zeros(2, 5, 3), zeros(3, 3), absent));
        Assert.Throws<ArgumentException>("absent", () => gate.call(zeros(2, 5, 3), zeros(2, 3), zeros(2, 5)));
        Assert.Throws<ArgumentException>("views", () => ContrastiveLosses.info_nce(zeros(2, 3), zeros(3, 3)));
        Assert.Throws<ArgumentOutOfRangeException>("temperature", () => ContrastiveLosses.info_nce(zeros(2, 3), zeros(2, 3), 0));
    }

    private static (Tensor Behaviours, Tensor Target, Tensor Absent) Sequences(int rows, int length, int width)
    {
        bool[] absent = [.. Enumerable.Range(0, rows * length).Select(i => i % length >= 1 + i / length % length)];
        return (randn(rows, length, width), randn(rows, width), tensor(absent, rows, length));
    }
}
