using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Elements;

public sealed class ElementGateTests
{
    [Fact]
    public void A_gate_is_its_squashed_scorer()
    {
        using var scope = NewDisposeScope();
        var scorer = nn.Linear(3, 2);
        var x = randn(5, 3);
        var s = scorer.call(x);
        Assert.True(allclose(s, new ElementGate(scorer, Squash.None).call(x)));
        Assert.True(allclose(s.sigmoid(), new ElementGate(scorer).call(x)));
        Assert.True(allclose(s.tanh(), new ElementGate(scorer, Squash.Tanh).call(x)));
        // exp(-softplus(s)) = 1 / (1 + e^s).
        Assert.True(allclose(nn.functional.softplus(s).neg().exp(), new ElementGate(scorer, Squash.Decay).call(x)));
    }

    [Fact]
    public void A_zero_gate_keeps_the_frozen_output_and_lets_only_the_gate_learn()
    {
        using var scope = NewDisposeScope();
        var gate = new ZeroInitGate([2, 1]);
        var x = randn(4, 2, 3);
        var weight = randn(3, 3).requires_grad_();
        var y = gate.call(x, x.matmul(weight));
        Assert.True(y.bytes.SequenceEqual(x.bytes));
        y.square().sum().backward();
        Assert.True(gate.Gate.grad!.abs().sum().item<float>() > 0);
        Assert.Equal(0, weight.grad!.abs().max().item<float>());
    }

    [Fact]
    public void The_tensor_blends_equal_the_host_ones_and_glu_is_a_product_with_a_sigmoid()
    {
        using var scope = NewDisposeScope();
        float[] g = [0, 1, 0.3f, 0.7f], a = Specs.Random(4, 1), b = Specs.Random(4, 2), y = new float[4];
        ElementBlend.Convex(g, a, b, y);
        Assert.Equal(y, HostReads.Single(ElementBlends.convex(tensor(g), tensor(a), tensor(b))));
        ElementBlend.Residual(a, g, b, y);
        Assert.Equal(y, HostReads.Single(ElementBlends.residual(tensor(a), tensor(g), tensor(b))));
        var both = cat([tensor(a), tensor(b)]);
        Assert.True(allclose(tensor(a) * tensor(b).sigmoid(), ElementBlends.glu(both)));
    }

    [Fact]
    public void Gate_values_stay_in_their_range_however_large_the_logits()
    {
        using var scope = NewDisposeScope();
        var logits = cat([tensor(new[] { float.MinValue, -1e4f, -0f, 0f, 1e4f, float.MaxValue }), randn(100) * 100]);
        Assert.Equal((-1f, 1f), Range(Squash.Tanh));
        Assert.Equal((0f, 1f), Range(Squash.Sigmoid));
        Assert.Equal((0f, 1f), Range(Squash.Decay));

        (float, float) Range(Squash squash)
        {
            var g = ElementBlends.squash(logits, squash);
            return (g.min().item<float>(), g.max().item<float>());
        }
    }

    [Fact]
    public void An_open_parallel_gate_does_not_see_its_own_step()
    {
        // The parallel gated network: history h of the w steps before, [s, c] = W [x, h], y = sigmoid(s) h + (1 - sigmoid(s)) tanh(c).
        using var scope = NewDisposeScope();
        const int T = 12, D = 3, Window = 4;
        var past = randn(D, Window * D);
        var both = nn.Linear(2 * D, 2 * D);
        Tensor Layer(Tensor x, double bias)
        {
            var padded = cat([zeros(Window, D), x.narrow(0, 0, T - 1)]);
            var h = stack([.. Enumerable.Range(0, T).Select(t => padded.narrow(0, t, Window).flatten())]).matmul(past.t());
            var parts = both.call(cat([x, h], 1)).chunk(2, 1);
            return ElementBlends.convex(ElementBlends.squash(parts[0] + bias, Squash.Sigmoid), h, parts[1].tanh());
        }

        var x = randn(T, D);
        var shifted = x.clone();
        const int Changed = 5;
        shifted[Changed].add_(1);
        bool[] Moves(double bias) => [.. Enumerable.Range(0, T).Select(t => !Layer(x, bias)[t].bytes.SequenceEqual(Layer(shifted, bias)[t].bytes))];
        // Saturated open, the gate is 1 to the bit: the change shows in the next w steps and not in its own.
        Assert.Equal(Enumerable.Range(0, T).Select(static t => t > Changed && t <= Changed + Window), Moves(100));
        // In between, its own step as well; never before it nor beyond the window.
        Assert.Equal(Enumerable.Range(0, T).Select(static t => t >= Changed && t <= Changed + Window), Moves(0));
    }

    [Fact]
    public void Squeeze_and_excite_scales_whole_channels()
    {
        using var scope = NewDisposeScope();
        var gate = new SqueezeExciteGate(3, 2);
        var x = randn(2, 3, 4, 5);
        var w = gate.weights(x);
        Assert.True(allclose(gate.call(x), x * w.view(2, 3, 1, 1)));
        // Only the channel means matter.
        Assert.True(allclose(w, gate.weights(x.flip(-1))));
        Assert.True(allclose(gate.call(x.mean([2, 3])), x.mean([2, 3]) * w));
    }

    [Fact]
    public void Without_a_condition_a_conditional_layer_is_linear_and_its_best_response_is_affine_in_it()
    {
        using var scope = NewDisposeScope();
        var layer = new ConditionalLinear(3, 2, 4);
        var x = randn(5, 3);
        var y0 = layer.call(x, zeros(1, 4));
        var state = layer.state_dict();
        Assert.True(allclose(y0, nn.functional.linear(x, state["main.weight"], state["main.bias"]), 1e-5, 1e-6));
        var h = randn(1, 4);
        Assert.True(allclose(layer.call(x, h) - y0, (layer.call(x, h * 3) - y0) / 3, 1e-4, 1e-5));
    }

    [Fact]
    public void Closed_elements_become_noise_of_the_groups_own_mean_and_width()
    {
        using var scope = NewDisposeScope();
        var x = randn(6, 3);
        var noise = randn(6, 3);
        var closed = ElementBlends.replace_by_noise(x, zeros(6, 1), noise);
        var mean = x.mean([0]);
        var std = (x - mean).square().sum([0L]).div(5).sqrt();
        Assert.True(allclose(mean + noise * std, closed, 1e-4, 1e-5));
        Assert.True(allclose(x, ElementBlends.replace_by_noise(x, ones(6, 1), noise)));
    }

    [Fact]
    public void Gradients_are_those_of_finite_differences()
    {
        using var scope = NewDisposeScope();
        Tensor D(int n, ulong seed, params long[] shape) => tensor(Specs.Random(n, seed), shape).to(ScalarType.Float64);
        foreach (var squash in Enum.GetValues<Squash>()) Gradients.Check(x => ElementBlends.squash(x, squash).square().sum(), D(6, 1, 6));
        var (g, a, b) = (D(6, 2, 6), D(6, 3, 6), D(6, 4, 6));
        Gradients.Check(() => ElementBlends.convex(g.sigmoid(), a, b).square().sum(), g, a, b);
        Gradients.Check(() => ElementBlends.residual(a, g, b).square().sum(), g, a, b);
        Gradients.Check(x => ElementBlends.glu(x).square().sum(), D(8, 5, 2, 4));
    }

    [Fact]
    public void Bad_shapes_are_refused()
    {
        using var scope = NewDisposeScope();
        Assert.Throws<ArgumentException>("values", () => ElementBlends.glu(zeros(3)));
        Assert.Throws<ArgumentException>("values", () => ElementBlends.replace_by_noise(zeros(1, 3), zeros(1, 1), zeros(1, 3)));
        Assert.Throws<ArgumentException>("x", () => new SqueezeExciteGate(3, 2).call(zeros(2, 4)));
        Assert.Throws<ArgumentOutOfRangeException>("squash", () => new ElementGate(nn.Identity(), (Squash)9));
    }
}
