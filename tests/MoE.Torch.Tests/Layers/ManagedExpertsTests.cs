using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Layers;

/// <summary>Training on the managed kernels against the composition of torch operations.</summary>
[Collection("tensor counts")]
public sealed class ManagedExpertsTests
{
    private static readonly Dictionary<string, Func<MoELayerSpec>> s_specs = new()
    {
        ["mixtral"] = static () => LayerProfiles.Mixtral(33, 47, 6, 2),
        ["deepseek v3"] = static () => LayerProfiles.DeepSeekV3(32, 24, 16, 4, 4, 2, 2.5),
        ["gpt-oss"] = static () => LayerProfiles.GptOss(40, 24, 8, 4),
        ["qwen2"] = static () => LayerProfiles.Qwen2Moe(20, 24, 30, 6, 3),
        ["switch"] = static () => new MoELayerSpec { Width = 18, Router = RouterProfiles.Switch(5, 0.8), Expert = new ExpertSpec { Form = ExpertForm.FeedForward, Activation = Activation.Relu, Width = 50, Biases = true } },
        ["gelu"] = static () => LayerProfiles.Mixtral(16, 16, 4, 2) with { Expert = new ExpertSpec { Activation = Activation.Gelu, Width = 17, Biases = true } },
        ["llama 4: weights on the input"] = static () => LayerProfiles.Llama4(40, 24, 6),
        ["one expert"] = static () => LayerProfiles.Mixtral(16, 16, 1, 1),
    };

    public static TheoryData<string> Names => [.. s_specs.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Output_and_gradients_are_those_of_the_composition(string name)
    {
        foreach (int tokens in new[] { 0, 1, 3, 70 })
        {
            using var scope = NewDisposeScope();
            var (layer, reference) = Pair(s_specs[name]());
            var x = randn(tokens, layer.Spec!.Width, generator: new Generator(3));
            var dy = randn(tokens, layer.Spec.Width, generator: new Generator(4));
            var actual = Gradients(layer, x, dy);
            var expected = Gradients(reference, x, dy);
            Assert.Equal(expected.Keys, actual.Keys);
            foreach (var (key, value) in expected) Near(value, actual[key], $"{key}, {tokens} tokens");
        }
    }

    [Fact]
    public void A_step_of_the_optimiser_is_seen_by_the_next_pass()
    {
        using var scope = NewDisposeScope();
        var (layer, reference) = Pair(LayerProfiles.Mixtral(16, 24, 4, 2));
        var (fast, slow) = (optim.SGD(layer.parameters(), 0.5), optim.SGD(reference.parameters(), 0.5));
        var x = randn(40, 16, generator: new Generator(3));
        for (int step = 0; step < 5; step++)
        {
            foreach (var (module, optimiser) in new[] { (layer, fast), (reference, slow) })
            {
                optimiser.zero_grad();
                module.call(x).pow(2).mean().backward();
                optimiser.step();
            }

            using var guard = no_grad();
            // Errors grow with the steps, but stale weights would be off by the whole step.
            Near(reference.call(x), layer.call(x), $"step {step}", 1e-4);
        }
    }

    [Fact]
    public void Rows_alone_have_gradients_too()
    {
        using var scope = NewDisposeScope();
        var bank = new StackedExperts(new ExpertSpec { Width = 9, Biases = true }, 3, 7, generator: new Generator(1));
        var rows = randn(11, 7, generator: new Generator(2)).requires_grad_();
        var segments = new ExpertSegments([4, 0, 7]);
        var results = new List<Tensor[]>();
        foreach (bool managed in new[] { true, false })
        {
            bank.ManagedKernels = managed;
            bank.zero_grad();
            var y = bank.call(rows, segments);
            y.pow(2).sum().backward();
            results.Add([y.detach(), rows.grad!.clone(), .. bank.parameters().Select(static p => p.grad!.clone())]);
            rows.grad = null;
        }

        for (int i = 0; i < results[0].Length; i++) Near(results[1][i], results[0][i], $"tensor {i}");
    }

    [Fact]
    public void Gradients_add_up_over_passes_and_over_a_kept_graph()
    {
        using var scope = NewDisposeScope();
        var (layer, _) = Pair(LayerProfiles.Mixtral(16, 24, 4, 2));
        var x = randn(40, 16, generator: new Generator(3));
        var loss = layer.call(x).pow(2).sum();
        loss.backward(retain_graph: true);
        var once = layer.parameters().Select(static p => p.grad!.clone()).ToArray();
        loss.backward();
        foreach (var (p, g) in layer.parameters().Zip(once)) Near(g.mul(2), p.grad!, "twice");
    }

    [Fact]
    public void Only_what_wants_a_gradient_gets_one()
    {
        using var scope = NewDisposeScope();
        var (layer, _) = Pair(LayerProfiles.Mixtral(16, 24, 4, 2));
        foreach (var p in layer.Experts.parameters()) p.requires_grad_(false);
        layer.call(randn(20, 16)).sum().backward();
        Assert.All(layer.Experts.parameters(), static p => Assert.True(p.grad is null));
        Assert.NotNull(((TopKGate)layer.Router).Weight.grad);
    }

    [Fact]
    public void Without_gradients_few_rows_and_many_give_the_same()
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var (layer, reference) = Pair(LayerProfiles.Mixtral(33, 47, 6, 2));
        foreach (int tokens in new[] { 1, 12, 100 })
        {
            var x = randn(tokens, 33);
            Near(reference.call(x), layer.call(x), $"{tokens}");
        }
    }

    [Fact]
    public void Other_forms_of_the_same_input_give_the_same()
    {
        using var scope = NewDisposeScope();
        var (layer, reference) = Pair(LayerProfiles.Mixtral(16, 24, 4, 2));
        var x = randn(16, 40, generator: new Generator(3)).t();
        Assert.False(x.is_contiguous());
        // A sum's gradient is one number, expanded.
        var actual = Gradients(layer, x, ones(1, 1).expand(40, 16));
        foreach (var (key, value) in Gradients(reference, x, ones(40, 16))) Near(value, actual[key], key);
    }

    [Theory, MemberData(nameof(Names))]
    public void Gradients_of_gradients_are_those_of_the_composition(string name)
    {
        using var scope = NewDisposeScope();
        var (layer, reference) = Pair(s_specs[name]());
        var x = randn(30, layer.Spec!.Width, generator: new Generator(3));
        var dy = randn(30, layer.Spec.Width, generator: new Generator(4));
        var results = new[] { layer, reference }.Select(module =>
        {
            module.zero_grad();
            var input = x.detach().requires_grad_();
            var g = autograd.grad([module.call(input).mul(dy).sum()], [input], retain_graph: true, create_graph: true)[0];
            g.pow(2).sum().backward();
            return module.named_parameters().Where(static p => p.parameter.grad is not null).ToDictionary(static p => p.name, static p => p.parameter.grad!.clone()).Append(new("g", g.detach())).Append(new("x", input.grad!)).ToDictionary();
        }).ToArray();
        Assert.Equal(results[1].Keys, results[0].Keys);
        foreach (var (key, value) in results[1]) Near(value, results[0][key], key, 1e-4);
    }

    [Fact]
    public void Weights_changed_between_forward_and_backward_are_told_and_do_not_pass_for_a_gradient()
    {
        using var scope = NewDisposeScope();
        var (layer, _) = Pair(LayerProfiles.Mixtral(16, 24, 4, 2));
        var x = randn(20, 16);
        var loss = layer.call(x).sum();
        using (no_grad()) layer.Experts.parameters().First().mul_(2);
        loss.backward();
        Assert.True(layer.Experts.parameters().First().grad!.isnan().all().item<bool>());
        var error = Assert.Throws<InvalidOperationException>(() => layer.call(x));
        Assert.Contains("gradients are NaN", error.Message);
        layer.zero_grad();
        layer.call(x).sum().backward();
        Assert.False(layer.Experts.parameters().First().grad!.isnan().any().item<bool>());
    }

    [Fact]
    public void Training_leaves_nothing_behind()
    {
        var (layer, reference) = Pair(LayerProfiles.Mixtral(16, 24, 4, 2));
        using var sgd = optim.SGD(layer.parameters(), 0.01);
        void Step()
        {
            using var scope = NewDisposeScope();
            sgd.zero_grad();
            layer.call(randn(40, 16)).pow(2).sum().backward();
            sgd.step();
        }

        for (int i = 0; i < 3; i++) Step();
        long before = LiveTensors.Count();
        for (int i = 0; i < 20; i++) Step();
        Assert.Equal(before, LiveTensors.Count());
        layer.Dispose();
        reference.Dispose();
    }

    [Fact]
    public void Callers_may_train_at_once()
    {
        using var outer = NewDisposeScope();
        var (layer, reference) = Pair(LayerProfiles.Mixtral(16, 24, 4, 2));
        var x = randn(40, 16, generator: new Generator(3));
        var expected = reference.call(x).detach();
        Parallel.For(0, 16, _ =>
        {
            using var scope = NewDisposeScope();
            var mine = x.clone().requires_grad_();
            var y = layer.call(mine);
            autograd.grad([y.sum()], [mine]);
            Near(expected, y, "beside others");
        });
    }

    [Fact]
    public void The_kernels_are_what_runs()
    {
        using var scope = NewDisposeScope();
        var (layer, reference) = Pair(LayerProfiles.Mixtral(64, 96, 4, 2));
        var x = randn(40, 64);
        // Sums of other lengths in another order: some last bit differs. Without the kernels none would.
        Assert.False(layer.call(x).equal(reference.call(x)).all().item<bool>());
        ((StackedExperts)layer.Experts).ManagedKernels = false;
        Assert.True(layer.call(x).equal(reference.call(x)).all().item<bool>());
    }

    private static (MoELayer Layer, MoELayer Reference) Pair(MoELayerSpec spec)
    {
        var layer = new MoELayer(spec, generator: new Generator(1));
        var reference = new MoELayer(spec, generator: new Generator(1));
        // Biases start at zero; here they are to be seen.
        using (no_grad())
        {
            foreach (var (a, b) in layer.parameters().Zip(reference.parameters()))
            {
                if (a.dim() > 2) continue;
                using var noise = randn(a.shape, generator: new Generator(5));
                a.add_(noise, 0.3);
                b.add_(noise, 0.3);
            }
        }

        ((StackedExperts)reference.Experts).ManagedKernels = false;
        return (layer, reference);
    }

    private static Dictionary<string, Tensor> Gradients(MoELayer layer, Tensor x, Tensor dy)
    {
        layer.zero_grad();
        var input = x.detach().requires_grad_();
        var y = layer.call(input);
        y.backward([dy]);
        var result = new Dictionary<string, Tensor> { ["y"] = y.detach(), ["x"] = input.grad! };
        foreach (var (name, parameter) in layer.named_parameters()) result[name] = parameter.grad is { } g ? g.clone() : zeros_like(parameter);
        return result;
    }

    private static void Near(Tensor expected, Tensor actual, string what, double tolerance = 1e-5)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(expected.shape, actual.shape);
        if (expected.numel() == 0) return;
        double difference = expected.sub(actual).abs().max().item<float>(), largest = expected.abs().max().item<float>();
        Assert.True(difference <= tolerance * largest, $"{what}: off by {difference}, largest {largest}");
    }
}
