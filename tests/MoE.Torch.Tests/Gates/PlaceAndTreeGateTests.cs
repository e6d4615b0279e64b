using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Gates;

/// <summary>Gates of distance, of second degree and of decision trees, against their formulas written out.</summary>
public sealed class PlaceAndTreeGateTests
{
    private const int Width = 3, Tokens = 7;

    [Theory]
    [InlineData(DistanceForm.Laplace)]
    [InlineData(DistanceForm.Gaussian)]
    [InlineData(DistanceForm.Localised)]
    public void A_distance_gate_is_its_formula(DistanceForm form)
    {
        using var scope = NewDisposeScope();
        using var gate = new DistanceGate(Specs.TopK(5, 2), Width, form, ScalarType.Float64);
        Draw(gate);
        var x = Batch(40);
        double[] found = [.. gate.logits(x, GateContext.Empty).flatten().data<double>()];
        double[] xs = [.. x.flatten().data<double>()], centres = [.. gate.Centres.flatten().data<double>()];
        for (int t = 0; t < 40; t++)
            for (int e = 0; e < 5; e++)
            {
                double squares = Enumerable.Range(0, Width).Sum(d => Math.Pow(xs[t * Width + d] - centres[e * Width + d], 2));
                double expected = form switch
                {
                    DistanceForm.Laplace => -Math.Sqrt(squares),
                    DistanceForm.Gaussian => -squares,
                    _ => gate.LogPriors![e].item<double>() - Width * gate.LogWidths![e].item<double>() - squares / (2 * Math.Exp(2 * gate.LogWidths[e].item<double>())),
                };
                Assert.Equal(expected, found[t * 5 + e], 1e-12);
            }
    }

    [Fact]
    public void Localised_weights_are_the_posterior_of_a_mixture_of_Gaussians()
    {
        using var scope = NewDisposeScope();
        using var gate = new DistanceGate(new RouterSpec { Experts = 4, Select = new AllSelection() }, Width, DistanceForm.Localised, ScalarType.Float64);
        Draw(gate);
        var x = Batch(Tokens);
        using var routing = gate.call(x, GateContext.Empty);
        var prior_E = gate.LogPriors!.exp();
        var width_E = gate.LogWidths!.exp();
        var density_TE = stack([.. Enumerable.Range(0, 4).Select(e => prior_E[e] * x.sub(gate.Centres[e]).div(width_E[e]).square().sum(1).div(-2).exp().div(width_E[e].pow(Width) * Math.Pow(2 * Math.PI, Width / 2.0)))], 1);
        Assert.True(allclose(density_TE.div(density_TE.sum(1, true)), routing.ToDenseWeights(), 1e-12, 1e-14));
    }

    [Fact]
    public void A_distance_far_from_the_origin_is_not_lost()
    {
        using var scope = NewDisposeScope();
        using var gate = new DistanceGate(Specs.TopK(2, 1), 2);
        using (no_grad()) gate.Centres.copy_(tensor(new[] { 4096f, 4096, 4096, 4097 }, 2, 2));
        // So many tokens that a distance by products would be taken where one is allowed.
        var logits = gate.logits(tensor(new[] { 4096f, 4096.25f }).expand(64, 2).contiguous(), GateContext.Empty);
        Assert.Equal([-0.25f, -0.75f], HostReads.Single(logits[63]));
    }

    [Theory]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float16)]
    public void Half_precision_is_compared_in_single(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var gate = new DistanceGate(Specs.TopK(3, 2) with { Logits = LogitPrecision.Single }, Width, DistanceForm.Localised, type);
        var x = Batch(Tokens).to(type);
        var logits = gate.logits(x, GateContext.Empty);
        Assert.Equal(ScalarType.Float32, logits.dtype);
        Assert.True(allclose(x.to(ScalarType.Float32).unsqueeze(1).sub(gate.Centres.to(ScalarType.Float32)).square().sum(-1).div(-2), logits, 1e-5, 1e-6));
        using var narrow = new DistanceGate(Specs.TopK(3, 2), Width, dtype: type);
        Assert.Equal(type, narrow.logits(x, GateContext.Empty).dtype);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_quadratic_gate_is_its_formula(bool linear)
    {
        using var scope = NewDisposeScope();
        using var gate = new QuadraticGate(Specs.TopK(4, 2), Width, linear, ScalarType.Float64);
        Draw(gate);
        var x = Batch(Tokens);
        var found = gate.logits(x, GateContext.Empty);
        for (int e = 0; e < 4; e++)
        {
            var expected = x.mm(gate.Quadratic[e]).mul(x).sum(1).add(gate.Bias[e]);
            if (linear) expected = expected.add(x.mv(gate.Linear![e]));
            Assert.True(allclose(expected, found.select(1, e), 1e-12, 1e-13));
        }

        Assert.Equal(linear, gate.Linear is not null);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(8)]
    [InlineData(13)]
    public void A_tree_gives_each_leaf_the_product_along_its_path(int experts)
    {
        using var scope = NewDisposeScope();
        using var gate = new TreeGate(new RouterSpec { Experts = experts, Select = new AllSelection() }, Width, 0.7, ScalarType.Float64);
        Draw(gate);
        var x = Batch(Tokens);
        var right_TN = nn.functional.linear(x, gate.Weight, gate.Bias).div(0.7).sigmoid();
        var leaves = new SortedDictionary<int, Tensor>();
        Walk(0, ones(Tokens, dtype: ScalarType.Float64));
        var expected = stack([.. leaves.Values], 1);
        using var routing = gate.call(x, GateContext.Empty);
        Assert.True(allclose(expected, gate.logits(x, GateContext.Empty).exp(), 1e-12, 1e-14));
        Assert.True(allclose(expected, routing.ToDenseWeights(), 1e-12, 1e-14));
        Assert.Equal(experts, leaves.Count);

        void Walk(int node, Tensor reached)
        {
            if (node >= experts - 1)
            {
                leaves.Add(node, reached);
                return;
            }

            Walk(2 * node + 1, reached * (1 - right_TN.select(1, node)));
            Walk(2 * node + 2, reached * right_TN.select(1, node));
        }
    }

    [Fact]
    public void A_tree_of_hard_turns_has_finite_logits()
    {
        using var scope = NewDisposeScope();
        using var gate = new TreeGate(Specs.TopK(8, 2), 1, temperature: 1e-6);
        var x = tensor(new[] { 1e3f, -1e3f }, 2, 1).requires_grad_();
        using var routing = gate.call(x, GateContext.Empty);
        Assert.True(gate.logits(x, GateContext.Empty).isfinite().all().item<bool>());
        routing.Weights.sum().backward();
        Assert.True(gate.Weight.grad!.isfinite().all().item<bool>());
    }

    [Fact]
    public void Bad_arguments_are_refused_by_name()
    {
        var spec = Specs.TopK(4, 2);
        Assert.Equal("width", Assert.Throws<ArgumentOutOfRangeException>(() => new DistanceGate(spec, 0)).ParamName);
        Assert.Equal("form", Assert.Throws<ArgumentOutOfRangeException>(() => new DistanceGate(spec, 3, (DistanceForm)7)).ParamName);
        Assert.Equal("width", Assert.Throws<ArgumentOutOfRangeException>(() => new QuadraticGate(spec, -1)).ParamName);
        Assert.Equal("width", Assert.Throws<ArgumentOutOfRangeException>(() => new TreeGate(spec, 0)).ParamName);
        foreach (double bad in new[] { 0, -1, double.NaN, double.PositiveInfinity })
            Assert.Equal("temperature", Assert.Throws<ArgumentOutOfRangeException>(() => new TreeGate(spec, 3, bad)).ParamName);
        using var scope = NewDisposeScope();
        foreach (TorchGate gate in new TorchGate[] { new DistanceGate(spec, 3), new QuadraticGate(spec, 3), new TreeGate(spec, 3) })
        {
            using (gate)
            {
                Assert.Throws<ArgumentException>(() => gate.call(zeros(2, 4), GateContext.Empty));
                Assert.Throws<ArgumentException>(() => gate.call(zeros(2, 3, dtype: ScalarType.Float64), GateContext.Empty));
            }
        }
    }

    private static void Draw(TorchGate gate)
    {
        using var guard = no_grad();
        ulong seed = 3;
        foreach (var p in gate.parameters()) p.copy_(randn(p.shape, dtype: ScalarType.Float64, generator: new Generator(seed++)).mul(0.6));
    }

    private static Tensor Batch(int tokens) => randn([tokens, Width], dtype: ScalarType.Float64, generator: new Generator(1));
}
