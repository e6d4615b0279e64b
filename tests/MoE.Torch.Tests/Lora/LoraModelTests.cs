using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Lora;

public sealed class LoraModelTests
{
    private static readonly KeyValuePair<string, LoraSpec>[] Two = [new("a", new LoraSpec { Rank = 2, Alpha = 4 }), new("b", new LoraSpec { Rank = 3, Alpha = 4 })];

    [Fact]
    public void Training_adapters_leaves_the_base_bytes_as_they_were()
    {
        using var scope = NewDisposeScope();
        var model = Model();
        string[] names = [.. model.state_dict().Keys];
        byte[][] before = Bytes(model);
        var x = randn(8, 4);
        var y = model.call(x);
        using var lora = LoraModel.Attach(model, @"[01]|3\.0", Two);
        Assert.Equal(names, model.state_dict().Keys);
        Assert.Equal(["0", "3.0"], lora.Wrapped);
        Assert.Equal(["a", "b"], lora.Adapters);
        lora.Mix = LoraMix.Of("a");
        Assert.True(model.call(x).allclose(y));
        var optimizer = optim.AdamW(lora.parameters(), 0.05);
        float first = 0, last = 0;
        for (int step = 0; step < 20; step++)
        {
            optimizer.zero_grad();
            var loss = model.call(x).square().mean();
            if (step == 0) first = loss.item<float>();
            last = loss.item<float>();
            loss.backward();
            optimizer.step();
        }

        Assert.True(last < 0.8f * first, $"{first} to {last}");
        Assert.Equal(before, Bytes(model));
        // b did not act and has not moved.
        Assert.Equal(0, lora.Layer("0").B("b").abs().max().item<float>());
        Assert.True(lora.Layer("0").B("a").abs().max().item<float>() > 0);
        lora.Detach();
        Assert.True(model.call(x).allclose(y));
        Assert.All(model.parameters(), static p => Assert.True(p.requires_grad));
    }

    [Fact]
    public void A_merged_model_runs_as_the_mixed_one_and_comes_back()
    {
        using var scope = NewDisposeScope();
        var model = Model();
        byte[][] before = Bytes(model);
        using var lora = LoraModel.Attach(model, "0", Two);
        Shake(lora);
        lora.Mix = new WeightedLoraMix(new Dictionary<string, double> { ["a"] = 0.5, ["b"] = 2 });
        var x = randn(3, 4);
        var mixed = model.call(x);
        lora.Merge();
        Assert.NotEqual(before, Bytes(model));
        Assert.True(model.call(x).allclose(mixed, 1e-4, 1e-5));
        Assert.Throws<InvalidOperationException>(() => lora.Mix = LoraMix.None);
        Assert.Throws<InvalidOperationException>(lora.Merge);
        lora.Unmerge();
        Assert.True(model.call(x).allclose(mixed, 1e-4, 1e-5));
        Assert.Throws<InvalidOperationException>(lora.Unmerge);
    }

    [Fact]
    public void Layers_can_have_mixes_of_their_own()
    {
        using var scope = NewDisposeScope();
        var model = Model();
        using var lora = LoraModel.Attach(model, @"0|3\.0", Two);
        Shake(lora);
        var x = randn(3, 4);
        lora.SetLayerMixes([LoraMix.Of("a"), LoraMix.Of("a")]);
        var same = model.call(x);
        lora.Mix = LoraMix.Of("a");
        Assert.True(model.call(x).allclose(same));
        lora.SetLayerMixes([LoraMix.Of("a"), LoraMix.None]);
        Assert.False(model.call(x).allclose(same));
        Assert.Throws<ArgumentException>("mixes", () => lora.SetLayerMixes([LoraMix.None]));
    }

    [Fact]
    public void A_pattern_that_matches_nothing_is_refused_and_the_model_stays_as_it_was()
    {
        using var scope = NewDisposeScope();
        var model = Model();
        string message = Assert.Throws<ArgumentException>("pattern", () => LoraModel.Attach(model, "query|value", Two)).Message;
        Assert.Contains("0, 3.0", message, StringComparison.Ordinal);
        Assert.ThrowsAny<ArgumentException>(() => LoraModel.Attach(model, "(", Two));
        Assert.Throws<ArgumentException>("adapters", () => LoraModel.Attach(model, "0", []));
        Assert.Throws<SpecException>(() => LoraModel.Attach(model, "0", [new("a", new LoraSpec { Rank = 0 })]));
        Assert.All(model.parameters(), static p => Assert.True(p.requires_grad));
    }

    [Fact]
    public void XLora_mixes_by_token_and_layer_and_trains_only_its_classifier()
    {
        using var scope = NewDisposeScope();
        var model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4));
        using var lora = LoraModel.Attach(model, "[01]", Two);
        Shake(lora);
        byte[][] adapters = Bytes(lora), weights = Bytes(model);
        var mixer = new XLoraMixer(lora, new XLoraSpec { Hidden = 4, Adapters = 2, Layers = 2, LayerWise = true, Depth = 2, Width = 8, Dropout = 0 });
        var x = randn(2, 5, 4);
        var (output, scalings) = mixer.run(() => model.call(x), () => model.call(x));
        Assert.Equal([2, 5, 2, 2], scalings.shape);
        Assert.True(scalings.sum([-1L]).allclose(ones(2, 5, 2)));
        Assert.Same(LoraMix.None, lora.Mix);
        // By hand: the base model's output is the hidden state, each layer mixes with its own scalings.
        lora.Mix = LoraMix.None;
        var hidden = model.call(x);
        Assert.True(mixer.Classifier.call(hidden).allclose(scalings, 1e-5, 1e-6));
        var routing = XLoraMixer.snapshot(scalings, 1);
        Assert.Equal((10, 2), (routing.TokenCount, routing.ExpertCount));
        Assert.Equal(HostReads.Single(scalings.select(-2, 1).contiguous()), routing.Weights.ToArray());

        var optimizer = optim.SGD(mixer.parameters(), 0.1);
        Assert.Equal(4, mixer.parameters().Count());
        output.square().mean().backward();
        optimizer.step();
        Assert.All(mixer.parameters(), static p => Assert.True(p.grad!.abs().sum().item<float>() > 0));
        Assert.Equal(adapters, Bytes(lora));
        Assert.Equal(weights, Bytes(model));
    }

    [Fact]
    public void Kept_scalings_sum_to_one_for_every_token_and_only_the_defect_mixes_tokens()
    {
        using var scope = NewDisposeScope();
        var scalings = randn(3, 4, 5);
        var kept = XLora.effective_scalings(scalings, 2, softmaxKept: true);
        Assert.True(kept.sum([-1L]).allclose(ones(3, 4)));
        Assert.Equal(24, kept.ne(0).sum().item<long>());
        Assert.Equal(1, XLora.effective_scalings(scalings, 2, softmaxKept: true, acrossTokens: true).sum().item<float>(), 1e-5);
        var raw = XLora.effective_scalings(scalings, 2);
        Assert.True(raw.allclose(scalings * raw.ne(0)));
        Assert.Equal(0, XLora.effective_scalings(zeros(2, 3), null, softmaxKept: true).abs().sum().item<float>());
        Assert.Throws<ArgumentOutOfRangeException>("topK", () => XLora.effective_scalings(scalings, 6));
    }

    [Fact]
    public void The_sequence_gate_decides_once_and_padding_cannot_win()
    {
        using var scope = NewDisposeScope();
        var gate = new SequenceMaxGate(4, 3);
        var x = randn(2, 6, 4);
        gate.train();
        var scorer = gate.state_dict()["scorer.weight"];
        var expected = x.matmul(scorer.t()).amax([1L]).softmax(-1);
        Assert.True(gate.call(x).allclose(expected));
        gate.eval();
        Assert.Equal(HostReads.Int64(expected.argmax(-1)), HostReads.Int64(gate.decide(x)));
        Assert.Equal(2, gate.call(x).eq(1).sum().item<long>());
        // A huge last position is seen, unless it is padding.
        var loud = x.clone();
        loud.narrow(1, 5, 1).mul_(1000);
        var padding = zeros(2, 6, dtype: ScalarType.Bool);
        padding.narrow(1, 5, 1).fill_(true);
        Assert.Equal(HostReads.Int64(gate.decide(x.narrow(1, 0, 5))), HostReads.Int64(gate.decide(loud, padding)));
        // The decision on the prompt stays, whatever one decoded token alone would say (the cached-token trap of the original).
        long[] prompt = HostReads.Int64(gate.decide(x)), alone = HostReads.Int64(gate.decide(loud.narrow(1, 5, 1)));
        Assert.Equal(2, prompt.Length);
        Assert.Equal(2, alone.Length);
    }

    private static TorchSharp.Modules.Sequential Model() => nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.LayerNorm(6), nn.Sequential(nn.Linear(6, 2)));

    private static void Shake(LoraModel lora)
    {
        using var guard = no_grad();
        foreach (var parameter in lora.parameters()) parameter.normal_(0, 0.3);
    }

    private static byte[][] Bytes(nn.Module module) => [.. module.state_dict().OrderBy(static s => s.Key, StringComparer.Ordinal).Select(static s => s.Value.bytes.ToArray())];
}
