using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Lora;

public sealed class LoraGateTests
{
    private static readonly KeyValuePair<string, LoraSpec>[] Three = [.. "abc".Select(static c => new KeyValuePair<string, LoraSpec>($"{c}", new LoraSpec { Rank = 2, Alpha = 4 }))];

    [Fact]
    public void Arrow_goes_to_the_adapter_that_changes_a_direction_most()
    {
        using var scope = NewDisposeScope();
        var model = nn.Sequential(nn.Linear(6, 5));
        using var lora = LoraModel.Attach(model, "0", Three);
        Shake(lora);
        var mixes = lora.ArrowMixes(topK: 1);
        var prototypes = ((ArrowLoraMix)mixes[0]).Prototypes;
        for (int i = 0; i < 3; i++)
        {
            // The first right singular vector, by its definition: |delta v| is the largest singular value.
            var delta = lora.Layer("0").delta_weight(lora.Adapters[i]);
            Assert.Equal(linalg.svd(delta, fullMatrices: false).S[0].item<float>(), delta.matmul(prototypes[i]).norm().item<float>(), 1e-4);
            Assert.Equal(1, prototypes[i].norm().item<float>(), 1e-5);
        }

        // Along prototypes that are orthogonal each adapter answers its own.
        using (no_grad())
        {
            for (int i = 0; i < 3; i++)
            {
                lora.Layer("0").A(lora.Adapters[i]).mul_(0);
                lora.Layer("0").A(lora.Adapters[i])[0, i].fill_(1);
            }
        }

        lora.SetLayerMixes(lora.ArrowMixes(topK: 1));
        var x = eye(6).narrow(0, 0, 3);
        var y = model.call(x);
        lora.Mix = new RowLoraMix(tensor(new long[] { 0, 1, 2 }));
        Assert.True(model.call(x).allclose(y, 1e-5, 1e-6));
        // By hand: softmax of the two largest |x . p| over the temperature.
        var wide = randn(4, 2, 6);
        var all = lora.ArrowMixes(topK: 2, temperature: 0.5);
        lora.SetLayerMixes(all);
        var mixed = model.call(wide);
        var similar = wide.matmul(((ArrowLoraMix)all[0]).Prototypes.t()).abs();
        var third = similar.amin([-1L], keepdim: true);
        lora.Mix = new ScaledLoraMix(similar.div(0.5).masked_fill(similar.eq(third), double.NegativeInfinity).softmax(-1));
        Assert.True(model.call(wide).allclose(mixed, 1e-4, 1e-5));
    }

    [Fact]
    public void Combined_factors_are_those_of_poly()
    {
        using var scope = NewDisposeScope();
        var layer = nn.Linear(6, 4);
        var model = nn.Sequential(layer);
        using var lora = LoraModel.Attach(model, "0", Three);
        Shake(lora);
        var weights = randn(5, 3).softmax(-1);
        lora.Mix = new CombinedLoraMix(weights);
        var x = randn(5, 7, 6);
        var y = model.call(x);
        var bank = lora.Layer("0");
        for (int row = 0; row < 5; row++)
        {
            var a = Sum(n => bank.A(n), row);
            var b = Sum(n => bank.B(n), row);
            var expected = nn.functional.linear(x[row], layer.weight + b.matmul(a) * 2, layer.bias);
            Assert.True(y[row].allclose(expected, 1e-4, 1e-5));
        }

        // A one-hot combination is the adapter itself, in both spaces.
        var one = eye(3).narrow(0, 1, 1).expand(5, 3);
        lora.Mix = new CombinedLoraMix(one);
        var combined = model.call(x);
        lora.Mix = new ScaledLoraMix(one);
        Assert.True(model.call(x).allclose(combined, 1e-4, 1e-5));
        Assert.Throws<ArgumentException>("mix", () => { lora.Mix = new CombinedLoraMix(zeros(4, 3)); model.call(x); });

        Tensor Sum(Func<string, Tensor> factor, int row) => Enumerable.Range(0, 3).Select(i => weights[row, i] * factor(lora.Adapters[i])).Aggregate(static (s, t) => s + t);
    }

    [Fact]
    public void Any_gate_mixes_adapters_and_learns()
    {
        using var scope = NewDisposeScope();
        var model = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 4));
        using var lora = LoraModel.Attach(model, "[01]", Three);
        Shake(lora);
        var gated = new GatedLora(lora, width => new DenseToSparseGate(3, width, temperature: new ExponentialSchedule { From = 2, To = 0.1, Steps = 100 }) { Threshold = new ConstantSchedule { Constant = 0.2 } });
        gated.eval();
        gated.Act(keep: true);
        var x = randn(2, 5, 6);
        var y = model.call(x);
        Assert.Equal(["0", "1"], gated.Chosen.Keys.Order());
        Assert.Equal((10, 3), (gated.Chosen["1"].TokenCount, gated.Chosen["1"].ExpertCount));
        // The first layer by hand from what was kept: weights of routes times adapters.
        lora.SetLayerMixes([new ScaledLoraMix(tensor(gated.Chosen["0"].ToDenseWeights()).view(2, 5, 3)), new ScaledLoraMix(tensor(gated.Chosen["1"].ToDenseWeights()).view(2, 5, 3))]);
        Assert.True(model.call(x).allclose(y, 1e-4, 1e-5));
        // Cold and late it is sparse; hot and early it is dense.
        gated.Act(new GateContext { Step = 0 }, keep: true);
        model.call(x);
        int early = gated.Chosen["0"].Load().Sum();
        gated.Act(new GateContext { Step = 1000 }, keep: true);
        model.call(x);
        Assert.True(gated.Chosen["0"].Load().Sum() <= early);

        gated.train();
        gated.Act(new GateContext { Noise = new SeededNoise(1) });
        model.call(x).square().sum().backward();
        Assert.All(gated.parameters(), static p => Assert.True(p.grad!.abs().sum().item<float>() > 0));
        Assert.All(lora.parameters(), static p => Assert.False(p.requires_grad));
    }

    [Fact]
    public void Typed_by_task_is_a_gate_like_any_other()
    {
        using var scope = NewDisposeScope();
        var model = nn.Sequential(nn.Linear(6, 4));
        using var lora = LoraModel.Attach(model, "0", Three);
        Shake(lora);
        var gated = new GatedLora(lora, static _ => new TableGate(new LookupTable(3, 1, [2, 0, 1]), LookupKey.Task));
        long[] tasks = [0, 2, 1, 0];
        gated.Act(new GateContext { TaskIds = tensor(tasks) });
        var x = randn(4, 6);
        var y = model.call(x);
        lora.Mix = new RowLoraMix(tensor(new long[] { 2, 1, 0, 2 }));
        Assert.True(model.call(x).allclose(y, 1e-5, 1e-6));
    }

    [Fact]
    public void Rows_on_the_kernels_are_rows_adapter_by_adapter()
    {
        using var scope = NewDisposeScope();
        var model = nn.Sequential(nn.Linear(24, 40), nn.Linear(40, 8));
        using var lora = LoraModel.Attach(model, "[01]", [new("a", new LoraSpec { Rank = 2 }), new("b", new LoraSpec { Rank = 7, Alpha = 3 }), new("c", new LoraSpec { Rank = 4, RankStabilized = true })]);
        Shake(lora);
        var x = randn(9, 3, 24);
        lora.Mix = new RowLoraMix(tensor(new long[] { 2, 0, -1, 1, 1, 0, 2, -1, 2 }));
        using var guard = no_grad();
        var expected = model.call(x);
        lora.Serve();
        Assert.True(model.call(x).allclose(expected, 1e-4, 1e-5));
        // Copies: later changes are not seen until they are taken again.
        lora.Layer("0").B("c").mul_(3);
        Assert.True(model.call(x).allclose(expected, 1e-4, 1e-5));
        lora.Serve();
        var changed = model.call(x);
        Assert.False(changed.allclose(expected, 1e-3, 1e-3));
        lora.EndServing();
        Assert.True(model.call(x).allclose(changed, 1e-4, 1e-5));
        lora.Serve();
        lora.Mix = new RowLoraMix(tensor(new long[] { 2, 0, -1, 1, 1, 0, 2, -1, 3 }));
        Assert.Throws<ArgumentException>("adapters", () => model.call(x));
    }

    [Fact]
    public void A_decision_on_the_prompt_is_kept_while_decoding()
    {
        using var scope = NewDisposeScope();
        var model = nn.Sequential(nn.Linear(6, 6));
        using var lora = LoraModel.Attach(model, "0", Three);
        Shake(lora);
        using var mixer = new SequenceLora(lora, new SequenceMaxGate(6, 3));
        var prompt = randn(8, 12, 6);
        mixer.Decide(prompt);
        int[] decided = [.. mixer.Decision!];
        Assert.Equal(HostReads.Int64(prompt.matmul(mixer.Gate.state_dict()["scorer.weight"].t()).amax([1L]).argmax(-1)), decided.Select(static d => (long)d));
        // Token by token: what the gate would say of the newest token alone (the original's behaviour with a cache) is another adapter for some.
        int flips = 0;
        for (int t = 0; t < 12; t++)
        {
            var token = prompt.narrow(1, t, 1);
            flips += HostReads.Int64(mixer.Gate.decide(token)).Zip(decided, static (now, then) => now != then).Count(static f => f);
            Assert.Equal(decided, mixer.Decision!);
            var y = model.call(token);
            lora.Mix = new RowLoraMix(tensor([.. decided.Select(static d => (long)d)]));
            Assert.True(model.call(token).allclose(y));
        }

        Assert.True(flips > 0);
        var weights = mixer.Mix(prompt);
        Assert.True(weights.sum([-1L]).allclose(ones(8)));
        model.call(prompt).square().sum().backward();
        Assert.True(mixer.parameters().Single().grad!.abs().sum().item<float>() > 0);
        mixer.Set(zeros(8, dtype: ScalarType.Int64));
        Assert.All(mixer.Decision!, static d => Assert.Equal(0, d));
        Assert.Throws<ArgumentException>("adapters", () => mixer.Set(full(8, 3, dtype: ScalarType.Int64)));
        mixer.Reset();
        Assert.Null(mixer.Decision);
        Assert.Same(LoraMix.None, lora.Mix);
    }

    private static void Shake(LoraModel lora)
    {
        using var guard = no_grad();
        foreach (var parameter in lora.parameters()) parameter.normal_(0, 0.3);
    }
}
