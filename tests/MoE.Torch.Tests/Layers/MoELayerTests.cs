using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Layers;

public sealed class MoELayerTests
{
    private static MoELayerSpec Layer(RouterSpec router, Func<MoELayerSpec, MoELayerSpec>? change = null)
    {
        var spec = new MoELayerSpec { Width = 6, Router = router, Expert = new ExpertSpec { Width = 5 } };
        return (change is null ? spec : change(spec)).Checked();
    }

    public static TheoryData<string> Forms => [.. FormSpecs.Keys];

    private static readonly Dictionary<string, MoELayerSpec> FormSpecs = new()
    {
        ["swiglu"] = Layer(Specs.All["softmax-sum"]),
        ["geglu"] = Layer(Specs.All["softmax"], static s => s with { Expert = s.Expert with { Activation = Activation.Gelu } }),
        ["geglu-tanh-bias"] = Layer(Specs.All["softmax"], static s => s with { Expert = s.Expert with { Activation = Activation.GeluTanh, Biases = true } }),
        ["ffn-relu"] = Layer(Specs.All["softmax"], static s => s with { Expert = s.Expert with { Form = ExpertForm.FeedForward, Activation = Activation.Relu } }),
        ["ffn-silu-bias"] = Layer(Specs.All["sigmoid-sum-scale"], static s => s with { Expert = s.Expert with { Form = ExpertForm.FeedForward, Biases = true } }),
        ["gpt-oss"] = Layer(Specs.All["softmax-after"], static s => s with { RouterBias = true, Expert = s.Expert with { Biases = true, Alpha = 1.702, Limit = 0.8, UpOffset = 1 } }),
        ["shared"] = Layer(Specs.All["groups-two-bias"], static s => s with { Shared = new() { Width = 7 } }),
        ["shared-gated"] = Layer(Specs.All["softmax"], static s => s with { Shared = new() { Width = 3, SigmoidGate = true } }),
        ["shared-bias"] = Layer(Specs.All["softmax"], static s => s with { Shared = new() { Width = 3 }, Expert = s.Expert with { Biases = true } }),
        ["input-weighted"] = Layer(Specs.All["sigmoid-after"], static s => s with { Weighted = WeightedSide.Input, Expert = s.Expert with { Biases = true } }),
        ["dense"] = Layer(Specs.All["all"]),
        ["capacity"] = Layer(Specs.All["capacity"]),
        ["capacity-zero"] = Layer(Specs.All["capacity-zero"]),
        ["one-expert"] = Layer(Specs.TopK(1, 1)),
    };

    [Theory, MemberData(nameof(Forms))]
    public void Equals_the_managed_reference(string form)
    {
        var spec = FormSpecs[form];
        var weights = Specs.Weights(spec, 40);
        using var reference = new ReferenceLayer(spec, weights);
        using var layer = new MoELayer(spec);
        layer.load_weights(weights);
        using var engine = new TorchMoEEngine(layer);
        foreach (int tokens in new[] { 0, 1, 9, 40 })
        {
            float[] x = Specs.Random(tokens * spec.Width, 50);
            float[] expected = new float[x.Length], actual = new float[x.Length];
            reference.Forward(x, expected);
            engine.Forward(x, actual);
            for (int i = 0; i < x.Length; i++) Assert.Equal(expected[i], actual[i], 1e-5f + 1e-4f * Math.Abs(expected[i]));
            Gates.SpecRoutingTests.Same((TopKRouting)reference.Route(x), (TopKRouting)engine.Route(x));
        }
    }

    [Fact]
    public void Callers_on_several_threads_get_what_each_gets_alone()
    {
        var spec = LayerProfiles.Mixtral(8, 12, 4, 2);
        using var layer = new MoELayer(spec);
        using var engine = new TorchMoEEngine(layer);
        float[][] inputs = [.. Enumerable.Range(0, 4).Select(i => Specs.Random((i + 1) * spec.Width, (ulong)i))];
        float[][] alone = [.. inputs.Select(Forward)];
        Parallel.For(0, 64, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
        {
            // libtorch's last bits depend on the thread that calls.
            float[] expected = alone[i % 4], actual = Forward(inputs[i % 4]);
            for (int j = 0; j < expected.Length; j++) Assert.Equal(expected[j], actual[j], 1e-5f + 1e-4f * Math.Abs(expected[j]));
        });

        float[] Forward(float[] x)
        {
            float[] y = new float[x.Length];
            engine.Forward(x, y);
            return y;
        }
    }

    [Theory, MemberData(nameof(Forms))]
    public void Has_the_gradients_of_finite_differences(string form)
    {
        if (form == "capacity-zero") return; // nothing flows: covered by the router's own gradient test
        var spec = FormSpecs[form];
        using var scope = NewDisposeScope();
        using var layer = new MoELayer(spec, ScalarType.Float64);
        layer.load_weights(Specs.Weights(spec, 60));
        var x = tensor(Specs.Random(4 * spec.Width, 61), 2, 2, spec.Width).to(ScalarType.Float64);
        var cotangent = tensor(Specs.Random(4 * spec.Width, 62), 2, 2, spec.Width).to(ScalarType.Float64);
        Gradients.Check(() => (layer.call(x) * cotangent).sum(), [x, .. layer.parameters()]);
    }

    [Theory, MemberData(nameof(Forms))]
    public void Parameters_carry_the_neutral_names_and_shapes(string form)
    {
        var spec = FormSpecs[form];
        using var layer = new MoELayer(spec);
        var expected = WeightNames.Of(spec).Select(static n => $"{n.Name} [{string.Join(", ", n.Shape)}]").Order();
        Assert.Equal(expected, layer.state_dict().Select(static s => $"{s.Key} [{string.Join(", ", s.Value.shape)}]").Order());
    }

    [Fact]
    public void Weights_go_out_as_they_came_in()
    {
        var spec = FormSpecs["shared-gated"];
        var weights = Specs.Weights(spec, 70);
        using var layer = new MoELayer(spec);
        layer.load_weights(weights);
        var back = layer.export_weights();
        foreach (var (name, _) in WeightNames.Of(spec))
        {
            Assert.True(weights.TryGet(name, out var a));
            Assert.True(back.TryGet(name, out var b));
            Assert.Equal(a.ToSingles(), b.ToSingles());
        }
    }

    [Fact]
    public void Missing_and_misshapen_weights_are_reported_together_and_nothing_is_copied()
    {
        var spec = FormSpecs["swiglu"];
        using var layer = new MoELayer(spec);
        float[] before = HostReads.Single(layer.state_dict()[WeightNames.ExpertDown]);
        var error = Assert.Throws<ArgumentException>(() => layer.load_weights(new WeightDictionary()
            .Add(WeightNames.ExpertDown, new float[8 * 6 * 5], 8, 6, 5).Add(WeightNames.Router, new float[6], 1, 6)));
        Assert.Contains("router.weight has shape [1, 6]; must be [8, 6]", error.Message);
        Assert.Contains("experts.gate is missing", error.Message);
        Assert.Contains("experts.up is missing", error.Message);
        Assert.Equal(before, HostReads.Single(layer.state_dict()[WeightNames.ExpertDown]));
    }

    [Fact]
    public void Any_leading_dimensions_are_kept()
    {
        using var scope = NewDisposeScope();
        using var layer = new MoELayer(FormSpecs["swiglu"]);
        foreach (long[] shape in new long[][] { [6], [3, 6], [2, 3, 6], [2, 1, 3, 6], [0, 6], [2, 0, 6] })
            Assert.Equal(shape, layer.call(randn(shape)).shape);
    }

    [Fact]
    public void K_can_be_changed_between_calls()
    {
        using var scope = NewDisposeScope();
        using var layer = new MoELayer(FormSpecs["swiglu"]);
        var x = randn(5, 6);
        layer.top_k = 4;
        Assert.Equal(4, layer.route(x).Routing.Choices);
        Assert.Contains("must be in 1..experts (8)", Assert.Throws<SpecException>(() => layer.top_k = 9).Message);
        Assert.Equal(4, layer.top_k);
    }

    [Fact]
    public void A_padded_token_goes_nowhere_and_uses_no_capacity()
    {
        using var scope = NewDisposeScope();
        using var layer = new MoELayer(FormSpecs["swiglu"]);
        var x = randn(2, 3, 6);
        var padding = tensor(new[] { true, false, false, false, false, true }, 2, 3);
        using var result = layer.route(x, new GateContext { Padding = padding });
        Assert.Equal(0, result.Output[0, 0].abs().sum().item<float>());
        Assert.Equal(0, result.Output[1, 2].abs().sum().item<float>());
        Assert.Equal(4 * 2, result.Routing.Snapshot().Plan.Permutation.Length);
    }

    [Fact]
    public void A_gate_that_ignores_padding_is_made_to_obey_it()
    {
        using var scope = NewDisposeScope();
        using var layer = new MoELayer(new EveryTokenToExpertOne(), new ModuleExperts([nn.Identity(), nn.Identity()]));
        var x = randn(3, 6);
        using var result = layer.route(x, new GateContext { Padding = tensor(new[] { false, true, false }) });
        Assert.Equal([1, -1, 1], result.Routing.Snapshot().ExpertIds.ToArray());
        Assert.Equal(0, result.Output[1].abs().sum().item<float>());
        Assert.True(result.Output[0].allclose(x[0]));
    }

    private sealed class EveryTokenToExpertOne() : TorchGate("one", 2)
    {
        public override RoutingTensors forward(Tensor tokens, GateContext context) =>
            RoutingTensors.Of(2, ones([tokens.shape[0], 1], dtype: ScalarType.Int64), ones(tokens.shape[0], 1));
    }

    [Fact]
    public void All_tokens_padded_give_zeros_and_a_backward_pass()
    {
        using var scope = NewDisposeScope();
        using var layer = new MoELayer(FormSpecs["swiglu"]) { Losses = [RouterLoss.LoadBalancing(1), RouterLoss.ZLoss(1), RouterLoss.Importance(1)] };
        var x = randn(3, 6, requires_grad: true);
        using var result = layer.route(x, new GateContext { Padding = ones(3, dtype: ScalarType.Bool) });
        (result.Output.sum() + result.TotalLoss()).backward();
        Assert.Equal(0, result.Output.abs().sum().item<float>());
        Assert.All(layer.parameters(), static p => Assert.True(p.grad is null || p.grad.isfinite().all().item<bool>()));
    }

    [Fact]
    public void Wrong_inputs_are_refused_by_name()
    {
        using var scope = NewDisposeScope();
        using var layer = new MoELayer(FormSpecs["swiglu"]);
        Assert.Contains("x has shape [3, 5]; must be [..., 6]", Assert.Throws<ArgumentException>(() => layer.call(randn(3, 5))).Message);
        Assert.Contains("x has type Int64", Assert.Throws<ArgumentException>(() => layer.call(zeros(3, 6, dtype: ScalarType.Int64))).Message);
        Assert.Contains("type Float64; must be Float32", Assert.Throws<ArgumentException>(() => layer.call(zeros(3, 6, dtype: ScalarType.Float64))).Message);
        Assert.Contains("must be [..., D]", Assert.Throws<ArgumentException>(() => layer.call(tensor(1f))).Message);
        Assert.Contains("logits[0, 0] = NaN", Assert.Throws<ArgumentException>(() => layer.call(full([2, 6], float.NaN))).Message);
    }

    [Fact]
    public void Experts_of_different_kinds_work_side_by_side()
    {
        using var scope = NewDisposeScope();
        var bank = new ModuleExperts([nn.Linear(6, 6), nn.Identity(), nn.Sequential(nn.Linear(6, 2), nn.ReLU(), nn.Linear(2, 6))]);
        using var layer = new MoELayer(new TopKGate(Specs.TopK(3, 2), 6), bank, shared: nn.Linear(6, 6));
        var x = randn(10, 6, requires_grad: true);
        layer.call(x).square().sum().backward();
        Assert.All(layer.named_parameters(), static p => Assert.NotNull(p.parameter.grad));
        Assert.Contains("experts.items.2.0.weight", layer.state_dict().Keys);
    }

    [Fact]
    public void A_gate_and_a_bank_of_different_sizes_are_refused()
    {
        var error = Assert.Throws<ArgumentException>(() => new MoELayer(new TopKGate(Specs.TopK(3, 2), 6), new ModuleExperts([nn.Identity(), nn.Identity()])));
        Assert.Contains("experts holds 2; must hold as many as the gate has (3)", error.Message);
    }

    [Fact]
    public void An_expert_nobody_chose_gets_a_zero_gradient()
    {
        using var scope = NewDisposeScope();
        var spec = Layer(Specs.TopK(4, 1));
        using var layer = new MoELayer(spec);
        var given = new GateContext { GivenExperts = zeros(5, 1, dtype: ScalarType.Int64) };
        layer.route(randn(5, 6), given).Output.sum().backward();
        var grad = layer.state_dict()["experts.up"].grad!;
        Assert.True(grad[0].abs().sum().item<float>() > 0);
        Assert.Equal(0, grad.narrow(0, 1, 3).abs().sum().item<float>());
    }

    [Fact]
    public void Losses_are_named_values_in_training_and_absent_in_evaluation()
    {
        using var scope = NewDisposeScope();
        using var layer = new MoELayer(FormSpecs["swiglu"]) { Losses = [RouterLoss.LoadBalancing(0.01), RouterLoss.ZLoss(0.001)] };
        var x = randn(16, 6);
        using var trained = layer.route(x);
        Assert.Equal(["load_balancing", "z_loss"], trained.Losses.Keys.Order());
        Assert.Equal(trained.Losses.Values.Sum(static l => l.item<float>()), trained.TotalLoss().item<float>(), 1e-6f);
        layer.eval();
        using var evaluated = layer.route(x);
        Assert.Empty(evaluated.Losses);
    }

    [Fact]
    public void A_collector_gathers_the_losses_of_layers_called_as_plain_modules()
    {
        using var scope = NewDisposeScope();
        var first = new MoELayer(FormSpecs["swiglu"]) { Losses = [RouterLoss.LoadBalancing(0.5)] };
        var second = new MoELayer(FormSpecs["geglu"]) { Losses = [RouterLoss.ZLoss(0.5)] };
        using var model = nn.Sequential(nn.Linear(6, 6), first, second);
        using var collector = new RouterLossCollector(model);
        var y = model.call(randn(9, 6));
        var total = collector.Take();
        Assert.True(total.item<float>() > 0.4f);
        (y.sum() + total).backward();
        Assert.NotNull(((TopKGate)first.Router).Weight.grad);
        Assert.Equal(0, collector.Take().item<float>());
        Assert.Contains("holds no MoELayer", Assert.Throws<ArgumentException>(() => new RouterLossCollector(nn.Linear(2, 2))).Message);
    }

    [Fact]
    public void A_host_gate_routes_a_torch_layer_as_the_gate_routes_by_itself()
    {
        using var scope = NewDisposeScope();
        var spec = FormSpecs["capacity"];
        var weights = Specs.Weights(spec, 80);
        weights.TryGet(WeightNames.Router, out var router);
        var gate = new LinearGate(spec.Router, router.ToSingles());
        using var own = new MoELayer(spec);
        own.load_weights(weights);
        var bank = new StackedExperts(spec.Expert, 4, 6);
        using var hosted = new MoELayer(new HostGate(gate), bank);
        foreach (string name in new[] { "experts.gate", "experts.up", "experts.down" })
            using (no_grad()) hosted.state_dict()[name].copy_(own.state_dict()[name]);
        var x = randn(10, 6);
        Assert.True(own.call(x).allclose(hosted.call(x), 1e-4, 1e-5));
    }

    [Fact]
    public void Equal_seeds_give_equal_layers_in_every_type()
    {
        using var scope = NewDisposeScope();
        using var a = new MoELayer(FormSpecs["shared-gated"], generator: new Generator(7));
        using var b = new MoELayer(FormSpecs["shared-gated"], ScalarType.Float64, generator: new Generator(7));
        foreach (var (name, value) in a.state_dict()) Assert.True(b.state_dict()[name].allclose(value.to(ScalarType.Float64)), name);
    }
}
