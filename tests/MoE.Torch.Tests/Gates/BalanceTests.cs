using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Gates;

/// <summary>Balance, given experts, soft choices and samples on the torch engine: as the managed engine, and known answers.</summary>
public sealed class BalanceTests
{
    [Fact]
    public void A_balancer_counts_and_moves_the_bias()
    {
        using var scope = NewDisposeScope();
        var spec = RouterProfiles.DeepSeekV3(4, 1, 1, 1, 1.0);
        using var gate = new TopKGate(spec, 3);
        using var balancer = new BiasBalancer(gate, 0.5);
        balancer.observe(tensor(new long[] { 6, 1, 2, 3 }));
        Assert.Equal([6L, 1, 2, 3], balancer.Load.data<long>().ToArray());
        using var copy = new BiasBalancer(gate, 0.5);
        copy.load_state_dict(balancer.state_dict());
        Assert.Equal([6L, 1, 2, 3], copy.Load.data<long>().ToArray());
        balancer.step();
        Assert.Equal([-0.5f, 0.5f, 0.5f, 0], gate.SelectionBias!.data<float>().ToArray());
        Assert.Equal(0, balancer.Load.sum().item<long>());
        balancer.step();
        Assert.Equal([-0.5f, 0.5f, 0.5f, 0], gate.SelectionBias!.data<float>().ToArray());
        using var routing = gate.call(zeros(5, 3), GateContext.Empty);
        balancer.observe(routing);
        Assert.Equal(5, balancer.Load.sum().item<long>());
        using var plain = new TopKGate(Specs.TopK(4, 2), 3);
        Assert.Contains("UsesBias", Assert.Throws<ArgumentException>(() => new BiasBalancer(plain)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new BiasBalancer(gate, 0));
        Assert.Throws<ArgumentException>(() => balancer.observe(tensor(new long[] { 1, 2 })));
    }

    [Fact]
    public void Centred_steps_keep_the_mean_of_the_biases()
    {
        using var scope = NewDisposeScope();
        using var gate = new TopKGate(RouterProfiles.DeepSeekV3(4, 1, 1, 1, 1.0), 3);
        using var balancer = new BiasBalancer(gate, 0.5, BiasRule.CentredSign);
        float[] managed = new float[4];
        foreach (int[] load in new int[][] { [9, 1, 1, 1], [0, 4, 4, 0], [3, 3, 3, 3] })
        {
            balancer.observe(tensor([.. load.Select(static c => (long)c)]));
            balancer.step();
            BiasUpdate.Sign(managed, load, 0.5, centred: true);
            Assert.Equal(managed, gate.SelectionBias!.data<float>().ToArray());
            Assert.Equal(0, managed.Sum(), 1e-6);
        }
    }

    [Fact]
    public void Sinkhorn_assignments_and_quantiles_are_the_managed_ones()
    {
        using var scope = NewDisposeScope();
        float[] logits = Specs.Random(8 * 4, 3, 2);
        var l = tensor(logits, 8, 4);
        foreach (bool logSpace in new[] { true, false })
            Assert.Equal(Sinkhorn.Normalize(logits, 4, logSpace), HostReads.Single(Assignments.sinkhorn(l, logSpace)), static (a, b) => Math.Abs(a - b) < 1e-5);
        long[] torch = Assignments.balanced_assignment(l).data<long>().ToArray();
        int[] managed = BalancedAssignment.Assign(logits, 4).TokensByExpert.ToArray();
        for (int e = 0; e < 4; e++) Assert.Equal(managed.Skip(2 * e).Take(2).Order(), torch.Skip(2 * e).Take(2).Select(static t => (int)t).Order());
        float[] next = new float[4];
        int[] chosen = BiasUpdate.Quantile(logits, new float[4], 2, next);
        var (experts, beta) = BiasBalancer.quantile_update(l, zeros(4), 2);
        Assert.Equal(chosen.Select(static e => (long)e), experts.data<long>().ToArray());
        Assert.Equal(next, HostReads.Single(beta), static (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Throws<ArgumentException>(() => Assignments.balanced_assignment(zeros(7, 4)));
        Assert.Throws<ArgumentException>(() => Assignments.balanced_assignment(full([8, 4], float.NaN)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Assignments.sinkhorn(l, tolerance: 0));
        Assert.Throws<ArgumentException>(() => BiasBalancer.quantile_update(zeros(7, 4), zeros(4), 2));
    }

    [Fact]
    public void Soft_choices_are_the_managed_ones_and_have_gradients()
    {
        using var scope = NewDisposeScope();
        float[] scores = Specs.Random(6, 4);
        var spec = new CoordinateDescentSpec { Iterations = 20 };
        float[] expected = new float[6];
        CoordinateDescent.Solve(scores, 2, spec, [], expected);
        Assert.Equal(expected, HostReads.Single(SoftTopK.coordinate_descent(tensor(scores, 1, 6), 2, spec)), static (a, b) => Math.Abs(a - b) < 1e-5);
        Gradients.Check(s => SoftTopK.coordinate_descent(s, 2, spec with { Epsilon = 0.5 }).square().sum(), tensor(scores, 1, 6).to(ScalarType.Float64));
        var mask = tensor(new[] { true, true, false, true, true, true }, 1, 6);
        Assert.Equal(0, SoftTopK.coordinate_descent(tensor(scores, 1, 6), 2, spec, mask)[0, 2].item<float>());
        Assert.Throws<ArgumentOutOfRangeException>(() => SoftTopK.coordinate_descent(zeros(1, 6), 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => SoftTopK.top_k(zeros(1, 6), 7));
    }

    [Fact]
    public void A_table_and_given_experts_say_where_tokens_go()
    {
        using var scope = NewDisposeScope();
        var x = randn(3, 2);
        using var table = new TableGate(new LookupTable(4, 2, [3, 0, 1, -1]));
        using var looked = table.call(x, new GateContext { TokenIds = tensor(new long[] { 1, 0, 1 }) });
        Assert.Equal([1, -1, 3, 0, 1, -1], looked.Snapshot().ExpertIds.ToArray());
        Assert.Equal([1, 0, 0.5f, 0.5f, 1, 0], looked.Snapshot().Weights.ToArray());
        Assert.Throws<InvalidOperationException>(() => table.call(x, GateContext.Empty));
        using var given = new GivenGate(4, 2);
        using var routed = given.call(x, new GateContext { GivenExperts = tensor(new long[] { 0, 1, 2, 3, 3, -1 }, 3, 2), Padding = tensor(new[] { false, true, false }) });
        Assert.Equal([0, 1, -1, -1, 3, -1], routed.Snapshot().ExpertIds.ToArray());
        Assert.Throws<InvalidOperationException>(() => given.call(x, GateContext.Empty));
        Assert.Throws<ArgumentException>(() => given.call(x, new GateContext { GivenExperts = zeros(3, 1, dtype: ScalarType.Int64) }));
        using var host = new HostGate(new SyntheticGate(4, 2));
        using var synthetic = host.call(x, GateContext.Empty);
        Assert.Equal([0, 1, 2, 3, 0, 1], synthetic.Snapshot().ExpertIds.ToArray());
    }

    [Fact]
    public void Ids_without_an_expert_are_refused()
    {
        using var scope = NewDisposeScope();
        var x = randn(2, 2);
        using var table = new TableGate(new LookupTable(4, 1, [3, 0]));
        Assert.Contains("2", Assert.ThrowsAny<ArgumentException>(() => table.call(x, new GateContext { TokenIds = tensor(new long[] { 2, 0 }) })).Message);
        Assert.ThrowsAny<ArgumentException>(() => table.call(x, new GateContext { TokenIds = tensor(new long[] { 0 }) }));
        using var given = new GivenGate(4);
        Assert.Contains("4", Assert.ThrowsAny<ArgumentException>(() => given.call(x, new GateContext { GivenExperts = tensor(new long[] { 4, 0 }, 2, 1) })).Message);
    }

    [Fact]
    public void A_cooling_dense_to_sparse_gate_ends_with_one_expert()
    {
        using var scope = NewDisposeScope();
        using var gate = new DenseToSparseGate(8, 4, temperature: new LinearSchedule { From = 4, To = 0.05, Steps = 100 }) { Threshold = new LinearSchedule { From = 0, To = 0.4, Steps = 100 } };
        var x = randn([64, 4], generator: new Generator(1)) * 3;
        double before = double.PositiveInfinity;
        foreach (long step in new long[] { 0, 50, 100 })
        {
            using var routing = gate.call(x, new GateContext { Step = step, Noise = new SeededNoise(1) });
            double mean = routing.Load().sum().item<long>() / 64.0;
            if (step == 0) Assert.Equal(8, mean);
            Assert.True(mean < before);
            before = mean;
        }

        Assert.InRange(before, 1, 1.5);
        using var cold = new DenseToSparseGate(8, 4, temperature: new ConstantSchedule { Constant = 0 });
        Assert.Contains("must be positive", Assert.Throws<InvalidOperationException>(() => cold.call(x, new GateContext { Noise = new SeededNoise(1) })).Message);
        Assert.Throws<InvalidOperationException>(() => gate.call(x, GateContext.Empty));
        Assert.Throws<ArgumentOutOfRangeException>(() => DenseToSparse.gumbel_softmax(x, 0, new GateContext { Noise = new SeededNoise(1) }));
    }

    [Fact]
    public void A_straight_through_sample_is_one_hot_with_the_soft_gradient()
    {
        using var scope = NewDisposeScope();
        var context = new GateContext { Noise = new SeededNoise(4) };
        var a = tensor(Specs.Random(12, 1), 3, 4).requires_grad_();
        var b = tensor(Specs.Random(12, 1), 3, 4).requires_grad_();
        var weights = tensor(Specs.Random(12, 2), 3, 4);
        var hard = DenseToSparse.gumbel_softmax(a, 0.7, context, hard: true);
        var soft = DenseToSparse.gumbel_softmax(b, 0.7, context);
        Assert.True(hard.sum([1]).sub(1).abs().max().item<float>() < 1e-6);
        Assert.True(hard.amax([1]).sub(1).abs().max().item<float>() < 1e-6);
        hard.mul(weights).sum().backward();
        soft.mul(weights).sum().backward();
        Assert.True(a.grad!.equal(b.grad!).all().item<bool>());
    }

    [Fact]
    public void DSelect_k_outside_the_slope_chooses_one_expert_per_selector()
    {
        using var scope = NewDisposeScope();
        using var gate = new DSelectKGate(8, 2);
        using (no_grad())
            foreach (var (name, p) in gate.named_parameters()) if (name.StartsWith('z')) p.copy_(tensor(new float[] { 1, -1, 1, -1, -1, 1 }, 2, 3));
        using var routing = gate.call(zeros(1, 1), GateContext.Empty);
        var seen = routing.Snapshot();
        Assert.Equal([1, 5], seen.ExpertIds.ToArray().Where(static e => e >= 0).Order());
        Assert.Equal(1, seen.Weights.ToArray().Sum(), 1e-6);
        using var t = tensor(new float[] { -9, -0.5f, 0, 0.5f, 9 });
        Assert.Equal([0, 0, 0.5f, 1, 1], DSelectKGate.smooth_step(t).data<float>().ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => new DSelectKGate(1, 1));
    }

    [Fact]
    public void A_dynamic_gate_takes_who_is_above_its_threshold_and_never_a_closed_one()
    {
        using var scope = NewDisposeScope();
        using var gate = new DynamicGate(3, 2);
        using (no_grad())
            foreach (var (name, p) in gate.named_parameters())
            {
                if (name == "sim_matrix") p.copy_(tensor(new float[] { 1, 0, -1, 0, 1, 0 }, 2, 3));
                else p.fill_(0.5);
            }

        gate.eval();
        var x = tensor(new float[] { 1, 1, -1, -0.1f }, 2, 2);
        using var routing = gate.call(x, GateContext.Empty);
        var map = routing.ToMap();
        Assert.Equal([true, true, false, false, false, true], map.data<bool>().ToArray());
        using var shut = gate.call(x, new GateContext { ClosedExperts = tensor(new[] { true, false, false }) });
        Assert.Equal([false, true, false, false, false, true], shut.ToMap().data<bool>().ToArray());
    }

    [Fact]
    public void A_global_balance_holds_scores_against_the_mean_load_of_the_step()
    {
        using var scope = NewDisposeScope();
        using var balance = new GlobalLoadBalance(2);
        var first = tensor(new float[] { 0.9f, 0.1f, 0.8f, 0.2f }, 2, 2);
        var second = first.flip(1);
        // Alone each micro-batch is lopsided: 2 / 4 * (1.7 * 2).
        Assert.Equal(1.7, balance.of(first, tensor(new long[] { 2, 0 }), 1).item<float>(), 1e-6);
        // Together they are balanced: 2 / 4 * (0.3 * 1 + 1.7 * 1).
        Assert.Equal(1, balance.of(second, tensor(new long[] { 0, 2 }), 1).item<float>(), 1e-6);
        using var copy = new GlobalLoadBalance(2);
        copy.load_state_dict(balance.state_dict());
        Assert.Equal([2L, 2], copy.Load.data<long>().ToArray());
        balance.step();
        Assert.Equal(1.7, balance.of(second, tensor(new long[] { 0, 2 }), 1).item<float>(), 1e-6);
        balance.eval();
        balance.of(second, tensor(new long[] { 0, 2 }), 1);
        Assert.Equal(2, balance.Load.sum().item<long>());
        Assert.Throws<ArgumentException>(() => balance.observe(tensor(new long[] { 1 })));
        Assert.Throws<ArgumentOutOfRangeException>(() => new GlobalLoadBalance(0));
    }

    [Fact]
    public void Losses_of_sequences_and_of_the_global_batch_go_with_a_layer()
    {
        using var scope = NewDisposeScope();
        using var gate = new TopKGate(Specs.TopK(4, 2), 3);
        using var balance = new GlobalLoadBalance(4);
        var x = randn([12, 3], generator: new Generator(2));
        using var routing = gate.call(x, new GateContext { SequenceLength = 4 });
        var p = TorchRouterLosses.normalized_scores(routing.Logits!, ScoreFunction.Softmax);
        var loss = RouterLoss.SequenceLoadBalancing(0.5).Of(routing, null);
        Assert.Equal(0.5 * TorchRouterLosses.sequence_load_balancing(p, routing.ToMap(), 4, 2).item<float>(), loss.item<float>(), 1e-6);
        var global = balance.Loss(0.1).Of(routing, null);
        Assert.Equal(0.1 * TorchRouterLosses.switch_load_balancing(p, routing.Load(), 2).item<float>(), global.item<float>(), 1e-6);
        loss.add(global).backward();
        Assert.True(gate.parameters().All(static w => w.grad!.abs().sum().item<float>() > 0));
    }
}
