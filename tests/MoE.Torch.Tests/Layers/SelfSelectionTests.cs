using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Layers;

/// <summary>Experts that choose for themselves, tokens cut into heads, experts merged by their parameters.</summary>
public sealed class SelfSelectionTests
{
    private const int Width = 6;

    private static readonly RouterSpec s_top2 = Specs.TopK(4, 2) with { Score = new() { Stage = ScoreStage.AfterSelection } };

    [Fact]
    public void Autonomous_experts_are_ranked_by_the_length_of_their_first_activation()
    {
        using var scope = NewDisposeScope();
        using var experts = new AutonomousExperts(4, Width, 5, 3);
        using var layer = new MoELayer(experts.AsGate(s_top2), experts);
        var x = Input(9);
        using var result = layer.route(x);
        var state = experts.state_dict();
        var expected = zeros(9, Width);
        for (int t = 0; t < 9; t++)
        {
            float[] norms = [.. Enumerable.Range(0, 4).Select(e => state["low"][e].mv(x[t]).norm().item<float>())];
            int[] chosen = [.. Enumerable.Range(0, 4).OrderByDescending(e => norms[e]).Take(2)];
            double total = chosen.Sum(e => Math.Exp(norms[e]));
            foreach (int e in chosen)
            {
                var h = nn.functional.silu(state["high"][e].mv(state["low"][e].mv(x[t]))) * state["up"][e].mv(x[t]);
                expected[t] = expected[t] + state["down"][e].mv(h) * (Math.Exp(norms[e]) / total);
            }
        }

        Assert.True(allclose(expected, result.Output, 1e-5, 1e-6));
    }

    [Fact]
    public void The_gate_of_autonomous_experts_owns_nothing_and_follows_them()
    {
        using var scope = NewDisposeScope();
        using var experts = new AutonomousExperts(4, Width, 5, 3);
        var gate = experts.AsGate(s_top2);
        using var layer = new MoELayer(gate, experts);
        Assert.Empty(gate.parameters());
        Assert.Equal(["experts.low", "experts.high", "experts.up", "experts.down"], layer.named_parameters().Select(static p => p.name));
        layer.to(ScalarType.Float64);
        using var result = layer.route(Input(3).to(ScalarType.Float64));
        Assert.Equal(ScalarType.Float64, result.Output.dtype);
        // What the choice learns, the experts learn.
        result.Routing.Weights.square().sum().backward();
        Assert.True(experts.Low.grad!.abs().sum().item<double>() > 0);
        Assert.Contains("spec has 3 experts; must have 4", Assert.Throws<ArgumentException>(() => experts.AsGate(Specs.TopK(3, 1))).Message);
    }

    [Fact]
    public void Sub_tokens_are_routed_by_themselves()
    {
        using var scope = NewDisposeScope();
        var inner = new MoELayer(new MoELayerSpec { Width = 2, Router = s_top2, Expert = new ExpertSpec { Width = 5 } });
        using var layer = new MultiHeadMoE(inner, Width, 3);
        var x = Input(8).view(2, 4, Width);
        using var result = layer.route(x);
        Assert.Equal(24, result.Routing.TokenCount);
        Assert.Equal(x.shape, result.Output.shape);
        var state = layer.state_dict();
        var mapped = nn.functional.linear(x, state["split.weight"], state["split.bias"]);
        var joined = cat([.. mapped.chunk(3, -1).Select(head => inner.call(head.contiguous()))], -1);
        Assert.True(allclose(nn.functional.linear(joined, state["merge.weight"], state["merge.bias"]), result.Output, 1e-5, 1e-6));
    }

    [Fact]
    public void Sub_tokens_of_padding_go_nowhere_and_no_token_at_all_is_fine()
    {
        using var scope = NewDisposeScope();
        using var layer = new MultiHeadMoE(new MoELayer(new MoELayerSpec { Width = 2, Router = s_top2, Expert = new ExpertSpec { Width = 5 } }), Width, 3);
        using var result = layer.route(Input(4).view(2, 2, Width), new GateContext { Padding = tensor(new[] { false, true, false, false }, 2, 2) });
        var seen = result.Routing.Snapshot();
        Assert.Equal([3, 4, 5], Enumerable.Range(0, 12).Where(r => seen.ExpertIds[2 * r] < 0));
        foreach (long[] shape in new long[][] { [0, Width], [2, 0, Width], [0, 3, Width], [Width], [2, 1, 2, Width] })
            Assert.Equal(shape, layer.call(zeros(shape)).shape);
    }

    [Fact]
    public void Merged_parameters_are_the_mean_of_the_experts_by_the_gate()
    {
        using var scope = NewDisposeScope();
        using var layer = new MergedMoE(new ExpertSpec { Width = 5, Biases = true }, 3, Width);
        var state = layer.state_dict();
        using (no_grad())
            foreach (string name in state.Keys) state[name].copy_(randn(state[name].shape, generator: new Generator(7)).mul(0.5));
        var x = Input(8).view(2, 4, Width);
        var (output, weights) = layer.merge(x);
        Assert.True(allclose(x.mean([1]).mm(state["router"].t()).softmax(-1), weights, 1e-5, 1e-6));
        for (int b = 0; b < 2; b++)
        {
            Tensor Mean(string name) => Enumerable.Range(0, 3).Select(e => state[$"experts.{name}"][e] * weights[b, e]).Aggregate(static (a, c) => a + c);
            var g = nn.functional.silu(nn.functional.linear(x[b], Mean("gate"), Mean("gate_bias")));
            var expected = nn.functional.linear(g * nn.functional.linear(x[b], Mean("up"), Mean("up_bias")), Mean("down"), Mean("down_bias"));
            Assert.True(allclose(expected, output[b], 1e-4, 1e-5));
        }
    }

    [Fact]
    public void A_sequence_is_merged_without_its_padding()
    {
        using var scope = NewDisposeScope();
        using var layer = new MergedMoE(new ExpertSpec { Width = 5 }, 3, Width);
        var x = Input(8).view(2, 4, Width);
        var padding = tensor(new[] { false, false, false, true, true, true, true, true }, 2, 4);
        var (output, weights) = layer.merge(x.masked_fill(padding.unsqueeze(-1), 1e4), padding);
        var (alone, own) = layer.merge(x.narrow(0, 0, 1).narrow(1, 0, 3));
        Assert.True(allclose(own[0], weights[0], 1e-6, 1e-7));
        Assert.True(allclose(alone[0], output[0].narrow(0, 0, 3), 1e-5, 1e-6));
        Assert.True(allclose(full(3, 1f / 3), weights[1], 1e-6, 1e-7));
        Assert.Equal([0, 4, Width], layer.call(zeros(0, 4, Width)).shape);
    }

    [Fact]
    public void A_group_of_tokens_is_mixed_and_its_answers_go_back_by_the_same_weights()
    {
        using var scope = NewDisposeScope();
        using var layer = new MixtureOfTokens(Width, 2, new StackedExperts(new ExpertSpec { Width = 5 }, 3, Width), temperature: 0.5);
        // Two whole groups of sequences and one that is left over.
        var x = Input(15).view(5, 3, Width);
        var (output, weights) = layer.mix(x);
        var state = layer.state_dict();
        foreach (long[] group in new long[][] { [0, 1], [2, 3], [4] })
            for (int place = 0; place < 3; place++)
            {
                var tokens = x.index_select(0, tensor(group)).select(1, place);
                var shares = tokens.mm(state["controller"].t()).div(0.5).softmax(0);
                var expected = zeros_like(tokens);
                for (int e = 0; e < 3; e++)
                {
                    var mean = shares.select(1, e).unsqueeze(0).mm(tokens);
                    var h = nn.functional.silu(mean.mm(state["experts.gate"][e].t())) * mean.mm(state["experts.up"][e].t());
                    expected += shares.select(1, e).unsqueeze(1) * h.mm(state["experts.down"][e].t());
                }

                Assert.True(allclose(shares, weights.index_select(0, tensor(group)).select(1, place), 1e-5, 1e-6));
                Assert.True(allclose(expected, output.index_select(0, tensor(group)).select(1, place), 1e-5, 1e-6));
            }
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Padding_is_in_no_group(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var layer = new MixtureOfTokens(Width, 2, new StackedExperts(new ExpertSpec { Width = 5 }, 3, Width, type), dtype: type);
        var x = Input(6).view(2, 3, Width).to(type);
        var padding = tensor(new[] { false, true, true, false, false, true }, 2, 3);
        var seen = x.masked_fill(padding.unsqueeze(-1), 1e4).requires_grad_();
        var (output, weights) = layer.mix(seen, padding);
        Assert.Equal(0, output.masked_select(padding.unsqueeze(-1)).abs().sum().to(ScalarType.Float32).item<float>());
        // Alone at its place, a token is a group of its own; a place of padding alone has no weights.
        var (alone, _) = layer.mix(x.narrow(0, 1, 1));
        Assert.True(allclose(alone[0, 1], output[1, 1], 1e-2, 1e-2));
        Assert.Equal([0f, 0, 0], HostReads.Single(weights[0, 2].to(ScalarType.Float32)));
        output.sum().backward();
        Assert.True(seen.grad!.isfinite().all().item<bool>());
        Assert.Equal(0, seen.grad!.masked_select(padding.unsqueeze(-1)).abs().sum().to(ScalarType.Float32).item<float>());
    }

    [Fact]
    public void Bad_arguments_are_refused_by_name()
    {
        using var scope = NewDisposeScope();
        foreach (var (experts, width, hidden, rank, name) in new[] { (0, 4, 4, 2, "experts"), (3, 0, 4, 2, "width"), (3, 4, -1, 2, "hidden"), (3, 4, 4, 0, "rank") })
            Assert.Equal(name, Assert.Throws<ArgumentOutOfRangeException>(() => new AutonomousExperts(experts, width, hidden, rank)).ParamName);
        using var inner = new MoELayer(new MoELayerSpec { Width = 2, Router = s_top2, Expert = new ExpertSpec { Width = 5 } });
        Assert.Contains("heads = 4; must divide the width, 6", Assert.Throws<ArgumentException>(() => new MultiHeadMoE(inner, 6, 4)).Message);
        Assert.Contains("layer has width 2; must have 3", Assert.Throws<ArgumentException>(() => new MultiHeadMoE(inner, 6, 2)).Message);
        using var merged = new MergedMoE(new ExpertSpec { Width = 5 }, 3, Width);
        Assert.Contains("N positive", Assert.Throws<ArgumentException>(() => merged.merge(zeros(2, 0, Width))).Message);
        Assert.Contains("padding has shape [2, 3]", Assert.Throws<ArgumentException>(() => merged.merge(zeros(2, 4, Width), zeros(2, 3, dtype: ScalarType.Bool))).Message);
        using var bank = new StackedExperts(new ExpertSpec { Width = 5 }, 3, Width);
        Assert.Equal("groupSize", Assert.Throws<ArgumentOutOfRangeException>(() => new MixtureOfTokens(Width, 0, bank)).ParamName);
        foreach (double bad in new[] { 0, -1, double.NaN }) Assert.Throws<ArgumentOutOfRangeException>(() => new MixtureOfTokens(Width, 2, bank, bad));
        using var mixture = new MixtureOfTokens(Width, 2, bank);
        Assert.Contains("padding has shape [3, 4]", Assert.Throws<ArgumentException>(() => mixture.mix(zeros(2, 4, Width), zeros(3, 4, dtype: ScalarType.Bool))).Message);
        Assert.Equal([0, 4, Width], mixture.call(zeros(0, 4, Width)).shape);
        using var autonomous = new AutonomousExperts(4, Width, 5, 3);
        Assert.Throws<ArgumentException>(() => autonomous.call(zeros(2, Width), new ExpertSegments([1, 0, 0])));
        Assert.Throws<ArgumentException>(() => autonomous.call(zeros(2, Width + 1), new ExpertSegments([1, 1, 0, 0])));
    }

    private static Tensor Input(int tokens) => randn([tokens, Width], generator: new Generator(3));
}
