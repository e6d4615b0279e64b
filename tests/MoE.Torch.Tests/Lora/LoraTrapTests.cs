using MoE.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Lora;

/// <summary>Defects of the papers' codes that must not come back. What they are is in docs/lora.md; the others are tested where the gates are.</summary>
public sealed class LoraTrapTests
{
    private static readonly KeyValuePair<string, LoraSpec>[] Two = [new("a", new LoraSpec { Rank = 2 }), new("b", new LoraSpec { Rank = 2 })];

    [Fact]
    public void The_sequence_gate_is_a_bag_of_embeddings()
    {
        using var scope = NewDisposeScope();
        var gate = new SequenceMaxGate(5, 3);
        var x = randn(4, 7, 5);
        var shuffled = x.index_select(1, tensor(new long[] { 6, 2, 0, 5, 1, 4, 3 }));
        Assert.True(gate.soft_weights(x).allclose(gate.soft_weights(shuffled)));
        // And it has no bias.
        Assert.Equal(15, gate.parameters().Sum(static p => p.numel()));
    }

    [Fact]
    public void Both_softmaxes_are_one_after_the_other_and_the_second_one_keeps_to_the_kept()
    {
        using var scope = NewDisposeScope();
        var logits = randn(3, 4, 5);
        var twice = XLora.effective_scalings(logits.softmax(-1), 2, softmaxKept: true);
        var (best, at) = logits.softmax(-1).topk(2);
        Assert.True(twice.allclose(zeros(3, 4, 5).scatter_(-1, at, best.softmax(-1))));
    }

    [Fact]
    public void The_classifier_drops_in_training_only()
    {
        using var scope = NewDisposeScope();
        var classifier = new XLoraClassifier(new XLoraSpec { Hidden = 4, Adapters = 3, Layers = 2, Depth = 3, Width = 32, Dropout = 0.5 });
        var x = randn(2, 5, 4);
        classifier.train();
        Assert.False(classifier.call(x).allclose(classifier.call(x)));
        classifier.eval();
        Assert.True(classifier.call(x).allclose(classifier.call(x)));
    }

    [Fact]
    public void A_pass_leaves_what_may_learn_and_what_acts_as_it_was_and_so_does_a_failed_one()
    {
        using var scope = NewDisposeScope();
        var model = nn.Sequential(nn.Linear(4, 4));
        using var lora = LoraModel.Attach(model, "0", Two);
        using var mixer = new XLoraMixer(lora, new XLoraSpec { Hidden = 4, Adapters = 2, Layers = 1 });
        // Adapters that shall learn too: the peers freeze them again after every generation.
        foreach (var parameter in lora.parameters()) parameter.requires_grad = true;
        var x = randn(2, 3, 4);
        mixer.run(() => model.call(x), () => model.call(x)).Output.sum().backward();
        Assert.All(lora.parameters(), static p => Assert.True(p.requires_grad));
        Assert.True(lora.Layer("0").B("a").grad!.abs().sum().item<float>() > 0);
        Assert.Throws<InvalidDataException>(() => mixer.run(() => model.call(x), () => throw new InvalidDataException()));
        Assert.Same(LoraMix.None, lora.Mix);
        Assert.True(model.call(x).allclose(model.call(x)));
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.5)]
    [InlineData(null)]
    public void The_first_pass_runs_at_the_value_given(double? value)
    {
        using var scope = NewDisposeScope();
        var model = nn.Sequential(nn.Linear(4, 4));
        using var lora = LoraModel.Attach(model, "0", Two);
        using (no_grad())
        {
            foreach (var parameter in lora.parameters()) parameter.normal_(0, 0.5);
        }

        using var mixer = new XLoraMixer(lora, new XLoraSpec { Hidden = 4, Adapters = 2, Layers = 1, ScalingPassValue = value });
        var x = randn(2, 3, 4);
        float[] seen = [];
        mixer.run(() =>
        {
            var hidden = model.call(x);
            seen = HostReads.Single(hidden);
            return hidden;
        }, () => model.call(x));
        double weight = value ?? 0.5;
        lora.Mix = new WeightedLoraMix(new Dictionary<string, double> { ["a"] = weight, ["b"] = weight });
        Assert.True(tensor(seen).view(2, 3, 4).allclose(model.call(x), 1e-4, 1e-5));
    }

    [Fact]
    public void One_decision_per_sequence_is_the_mean_of_its_tokens()
    {
        using var scope = NewDisposeScope();
        var model = nn.Sequential(nn.Linear(4, 4));
        using var lora = LoraModel.Attach(model, "0", Two);
        using var mixer = new XLoraMixer(lora, new XLoraSpec { Hidden = 4, Adapters = 2, Layers = 1 });
        var x = randn(2, 3, 4);
        var byToken = mixer.run(() => model.call(x), () => model.call(x)).Scalings;
        mixer.BySequence = true;
        var bySequence = mixer.run(() => model.call(x), () => model.call(x)).Scalings;
        Assert.True(bySequence.allclose(byToken.mean([1L], keepdim: true).expand(byToken.shape)));
        Assert.False(bySequence.allclose(byToken));
    }

    [Fact]
    public void Scalings_travel_through_log_statistics_and_pictures()
    {
        using var scope = NewDisposeScope();
        var scalings = randn(2, 5, 3, 4).softmax(-1);
        using var stream = new MemoryStream();
        using (var log = new RoutingLogWriter(stream, leaveOpen: true))
        {
            for (int layer = 0; layer < 3; layer++) log.Append($"blocks.{layer}.q", 7, XLoraMixer.snapshot(scalings, layer));
            log.Complete();
        }

        stream.Position = 0;
        var read = RoutingLog.Read(stream);
        Assert.Equal(3, read.Layers.Count);
        float[] weights = read.Records.Single(static r => r.Layer == "blocks.1.q").Routing.ToDenseWeights();
        Assert.Equal(HostReads.Single(scalings.select(-2, 1).contiguous()), weights);
        Assert.Contains("blocks.2.q", RoutingReport.ToHtml(read), StringComparison.Ordinal);
        string html = RoutingText.ToHtml([.. Enumerable.Range(0, 10).Select(static i => $"t{i} ")], [.. read.Records.Select(static r => new KeyValuePair<string, Routing>(r.Layer, r.Routing))], ["a", "b", "c", "d"]);
        Assert.Contains("t9", html, StringComparison.Ordinal);
    }
}
