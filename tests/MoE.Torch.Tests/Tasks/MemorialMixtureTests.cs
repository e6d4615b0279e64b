using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Tasks;

[Collection("tensor counts")]
public sealed class MemorialMixtureTests
{
    private const int E = 3, Wide = 4, C = 2, Tasks = 2;

    [Fact]
    public void Rows_sum_to_one_and_the_memory_is_an_expert_that_is_written_and_learns()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        using var first = Tap();
        using var second = Tap();
        var x = randn(5, Wide, 3, 3);
        var one = first.mix(x);
        var two = second.mix(x, one.Memories);
        Assert.All(one.Weights.Concat(two.Weights), static w =>
        {
            Assert.Equal([5, E + 1], w.shape);
            Assert.True(w.sum(1).sub(1).abs().max().item<float>() < 1e-6);
        });
        Assert.All(two.Tasks.Concat(two.Memories), static t => Assert.Equal([5, C, 3, 3], t.shape));
        // The first tap reaches the second through its memory alone: its writers and experts learn from the second's output.
        two.Tasks[0].square().sum().backward();
        Assert.All(first.named_parameters().Where(static p => !p.name.Contains("writers.1", StringComparison.Ordinal) && !p.name.Contains("gates.1", StringComparison.Ordinal)),
            static p => Assert.True(p.parameter.grad is { } g && g.abs().max().item<float>() > 0, p.name));
        // Memories are of their task: the other's writer has no part in it.
        Assert.All(first.named_parameters().Where(static p => p.name.Contains("writers.1", StringComparison.Ordinal)), static p => Assert.True(p.parameter.grad is not { } g || g.abs().max().item<float>() == 0, p.name));
    }

    [Fact]
    public void The_mixture_is_the_weighted_sum_of_maps_and_memory()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        nn.Module<Tensor, Tensor>[] experts = [.. Enumerable.Range(0, E).Select(static _ => nn.Conv2d(Wide, C, 1))];
        using var tap = new MemorialMixture(experts, [nn.Linear(E * C, E + 1)], [nn.Conv2d(2 * C, C, 1)]);
        Tensor x = randn(2, Wide, 2, 2), memory = randn(2, C, 2, 2);
        var result = tap.mix(x, [memory]);
        var w = result.Weights[0];
        var expected = memory * w[.., E].view(2, 1, 1, 1);
        for (int e = 0; e < E; e++) expected = expected + experts[e].call(x) * w[.., e].view(2, 1, 1, 1);
        Assert.True(expected.sub(result.Tasks[0]).abs().max().item<float>() < 1e-5);
    }

    [Fact]
    public void Without_memory_it_is_a_multi_gate_mixture_of_maps()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        // On maps of one pixel both are mixtures of vectors; the gates see the same numbers if the experts are the identity.
        nn.Module<Tensor, Tensor>[] gates = [.. Enumerable.Range(0, Tasks).Select(static _ => nn.Linear(E * Wide, E))];
        var x = randn(4, Wide, 1, 1);
        nn.Module<Tensor, Tensor>[] scales = [.. Enumerable.Range(0, E).Select(static _ => nn.Conv2d(Wide, Wide, 1))];
        using var tap = new MemorialMixture(scales, gates);
        var result = tap.mix(x);
        Assert.Empty(result.Memories);
        var vectors = stack([.. scales.Select(s => s.call(x).flatten(1))], 1);
        for (int t = 0; t < Tasks; t++)
        {
            var expected = (vectors * gates[t].call(vectors.flatten(1)).softmax(1).unsqueeze(2)).sum(1);
            Assert.True(expected.sub(result.Tasks[t].flatten(1)).abs().max().item<float>() < 1e-5);
        }
    }

    [Fact]
    public void The_order_of_experts_does_not_matter()
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        Conv2d[] experts = [.. Enumerable.Range(0, E).Select(static _ => nn.Conv2d(Wide, C, 1))];
        var gate = nn.Linear(E * C, E + 1);
        var turned = nn.Linear(E * C, E + 1);
        long[] order = [2, 0, 1];
        using (no_grad())
        {
            // Rows of the memory's logit stay last; columns go with the blocks of C.
            var rows = tensor(order.Append(E).ToArray());
            var columns = tensor(order.SelectMany(static e => Enumerable.Range(0, C).Select(c => e * C + c)).ToArray());
            turned.weight.copy_(gate.weight.index_select(0, rows).index_select(1, columns));
            turned.bias!.copy_(gate.bias!.index_select(0, rows));
        }

        var writer = nn.Conv2d(2 * C, C, 1);
        var x = randn(2, Wide, 3, 3);
        using var plain = new MemorialMixture(experts, [gate], [writer]);
        using var other = new MemorialMixture(order.Select(e => experts[e]), [turned], [writer]);
        Assert.True(plain.mix(x).Tasks[0].sub(other.mix(x).Tasks[0]).abs().max().item<float>() < 1e-5);
    }

    [Fact]
    public void Wrong_parts_are_refused_together()
    {
        var problem = Assert.Throws<ArgumentException>(() => new MemorialMixture([], [nn.Identity()], [nn.Identity(), nn.Identity()]));
        Assert.Contains("experts is empty", problem.Message, StringComparison.Ordinal);
        Assert.Contains("writers has 2 and gates 1", problem.Message, StringComparison.Ordinal);
        using var scope = NewDisposeScope();
        using var tap = Tap();
        Assert.Throws<ArgumentException>(() => tap.mix(zeros(1, Wide, 2, 2), []));
        Assert.Throws<ArgumentException>(() => tap.mix(zeros(1, Wide, 2, 2), [zeros(1, C, 2, 1), zeros(1, C, 2, 2)]));
        using var narrow = new MemorialMixture([nn.Conv2d(Wide, C, 1)], [nn.Linear(C, 1)], [nn.Conv2d(2 * C, C, 1)]);
        Assert.Contains("must give [B, 2]", Assert.Throws<ArgumentException>(() => narrow.mix(zeros(1, Wide, 2, 2))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_call_leaves_only_its_result()
    {
        using var tap = Tap();
        using var x = randn(2, Wide, 2, 2);
        long before = LiveTensors.Count();
        var result = tap.mix(x);
        foreach (var tensor in result.Tasks.Concat(result.Weights).Concat(result.Memories)) tensor.Dispose();
        Assert.Equal(before, LiveTensors.Count());
    }

    private static MemorialMixture Tap() => new(
        Enumerable.Range(0, E).Select(static _ => nn.Conv2d(Wide, C, 1)),
        Enumerable.Range(0, Tasks).Select(static _ => nn.Linear(E * C, E + 1)),
        Enumerable.Range(0, Tasks).Select(static _ => nn.Conv2d(2 * C, C, 1)));
}
