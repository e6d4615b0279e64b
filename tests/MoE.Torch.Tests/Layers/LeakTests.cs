using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Layers;

/// <summary>Every public call leaves the number of live tensors where it was, apart from what it returns.</summary>
[Collection("tensor counts")]
public sealed class LeakTests
{
    public static TheoryData<string> Names => Specs.Names;

    [Fact]
    public void A_thousand_training_steps_leave_the_tensor_count_as_it_was()
    {
        using var model = nn.Sequential(
            nn.Linear(6, 6),
            new MoELayer(new MoELayerSpec { Width = 6, Router = Specs.TopK(4, 2) with { Dispatch = new() { Capacity = new() { Factor = 1.25 } } }, Expert = new() { Width = 8 }, Shared = new() { Width = 4, SigmoidGate = true } })
            {
                Losses = [RouterLoss.LoadBalancing(0.01), RouterLoss.ZLoss(0.001), RouterLoss.Importance(0.01)],
            });
        using var optimizer = optim.AdamW(model.parameters(), 1e-3);
        using var collector = new RouterLossCollector(model);
        void Step()
        {
            using var scope = NewDisposeScope();
            optimizer.zero_grad();
            var x = randn(16, 6);
            (model.call(x).sub(x).square().mean() + collector.Take()).backward();
            optimizer.step();
        }

        // The first steps make gradients and optimiser state, which stay.
        for (int i = 0; i < 3; i++) Step();
        long before = LiveTensors.Count();
        for (int i = 0; i < 1000; i++) Step();
        Assert.Equal(before, LiveTensors.Count());
    }

    [Theory, MemberData(nameof(Names))]
    public void A_routing_owns_what_it_returns_and_nothing_else(string name)
    {
        var spec = Specs.All[name];
        using var logits = tensor(Specs.Random(10 * spec.Experts, 1), 10, spec.Experts);
        using var bias = spec.UsesSelectionBias ? tensor(Specs.Random(spec.Experts, 2)) : null;
        long before = LiveTensors.Count();
        var routing = SpecRouting.route(logits, spec, bias, new GateContext { Noise = new SeededNoise(4) }, training: true);
        _ = routing.Snapshot();
        routing.ToMap().Dispose();
        routing.ToDenseWeights().Dispose();
        routing.Load().Dispose();
        routing.Dispose();
        Assert.Equal(before, LiveTensors.Count());
    }

    [Fact]
    public void Public_calls_without_a_scope_leave_only_their_result()
    {
        using var layer = new MoELayer(new MoELayerSpec { Width = 6, Router = Specs.TopK(4, 2), Expert = new() { Width = 8 } }) { Losses = [RouterLoss.LoadBalancing(0.01)] };
        using var x = randn(5, 6);
        using var logits = randn(5, 4);
        using var load = tensor(new long[] { 1, 2, 3, 4 });
        var weights = layer.export_weights();
        long before = LiveTensors.Count();
        layer.call(x).Dispose();
        using (var result = layer.route(x)) result.TotalLoss().Dispose();
        TorchRouterLosses.z_loss(logits).Dispose();
        TorchRouterLosses.importance(logits).Dispose();
        TorchRouterLosses.load(load).Dispose();
        TorchRouterLosses.pooled_load_balancing([logits, logits], 2).Dispose();
        TorchRouterLosses.switch_load_balancing(logits, load, 2).Dispose();
        TorchRouterLosses.normalized_scores(logits, ScoreFunction.Sigmoid).Dispose();
        var (scores, map) = TorchRouterLosses.auxiliary_routing(logits, 2, ScoreFunction.Softmax);
        scores.Dispose();
        map.Dispose();
        Assert.Equal(before, LiveTensors.Count());
        layer.load_weights(weights);
        layer.export_weights();
        using (var engine = new TorchMoEEngine(layer)) engine.Forward(new float[12], new float[12]);
        Assert.Equal(before, LiveTensors.Count());
    }
}

/// <summary>Counting live tensors needs the process to itself.</summary>
[CollectionDefinition("tensor counts", DisableParallelization = true)]
public sealed class TensorCounts;
