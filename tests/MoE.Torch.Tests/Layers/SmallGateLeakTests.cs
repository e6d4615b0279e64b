using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Layers;

/// <summary>Element, unit, exit, block and edge gates leave only what they return.</summary>
[Collection("tensor counts")]
public sealed class SmallGateLeakTests
{
    [Fact]
    public void Calls_without_a_scope_leave_only_their_result()
    {
        using var x = randn(6, 4);
        using var noise = rand(6, 4);
        using var column = rand(6, 1);
        using var groups = tensor(new long[] { 0, 1, 0, 1, 1, 0 });
        using var scores = randn(6);
        using var mask = x.gt(0);
        using var share = x.softmax(-1);
        using var attention = rand(1, 1, 4, 4);
        using var heads = randn(1, 1, 4, 2);
        using var zero = new ZeroInitGate([1]);
        using var squeeze = new SqueezeExciteGate(4, 2);
        using var conditional = new ConditionalLinear(4, 3, 4);
        using var element = new ElementGate(nn.Linear(4, 4));
        using var pooling = new AssociativePooling(4, 2);
        using var sequential = new SequentialExitGate();
        using var block = new BlockGate(1, 2, 2, 2);
        using var attention_weighted = new AttentionWeightedGate(4, 3, 2);
        using var sequences = randn(6, 2, 4);
        using var absent = zeros(6, 2, dtype: ScalarType.Bool);
        using var chain = new EarlyExitChain([nn.Linear(4, 4), nn.Linear(4, 4)], [nn.Linear(4, 2), nn.Linear(4, 2)], EarlyExitChain.AtConfidence(0.6));
        Func<Tensor>[] calls =
        [
            () => zero.call(x, noise), () => squeeze.call(x), () => conditional.call(x, x), () => element.call(x), () => pooling.call(x), () => sequential.call(x),
            () => block.call(heads, heads), () => block.target(attention), () => block.token_mask(mask), () => chain.call(x),
            () => attention_weighted.call(sequences, x, absent), () => ContrastiveLosses.info_nce(x, noise),
            () => ElementBlends.convex(noise, x, x), () => ElementBlends.glu(x), () => ElementBlends.replace_by_noise(x, column, noise), () => ElementBlends.squash(x, Squash.Decay),
            () => UnitGates.binary(x), () => UnitGates.concrete(x, noise), () => UnitGates.gumbel_top_k(x, 2, noise), () => UnitGates.top_mass(noise, 0.5, MassCut.Crossing),
            () => UnitLosses.polarization(noise), () => UnitLosses.activation_cost(noise, 0.5), () => UnitLosses.mask_bce(x, mask), () => UnitLosses.distill_kl(x, share), () => UnitLosses.bottleneck_kl(x, column),
            () => EdgeGates.normalized_sigmoid(scores, groups, 2), () => EdgeGates.softmax(scores, groups, 2), () => EdgeGates.top_ratio(scores, groups, 2, 0.5), () => EdgeGates.top_k(scores, groups, 2, 1),
            () => EdgeGates.gaussian(x, noise, noise), () => EdgeGates.completion(x, 0.5),
            () => MoE.Torch.Associations.retrieve(x, noise, 1, 3), () => MoE.Torch.Associations.energy(x, noise, 1),
            () => MoE.Torch.Exits.statistics(x), () => MoE.Torch.Exits.distribution(noise), () => MoE.Torch.Exits.expected_loss(noise, x),
        ];
        foreach (var call in calls)
        {
            long before = LiveTensors.Count();
            call().Dispose();
            Assert.Equal(before, LiveTensors.Count());
        }

        long start = LiveTensors.Count();
        var (answer, exit) = chain.run(x);
        answer.Dispose();
        exit.Dispose();
        foreach (var t in chain.all(x)) t.Dispose();
        Assert.Equal(start, LiveTensors.Count());
    }
}
