using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Units;

public sealed class UnitGatesTests
{
    [Fact]
    public void Hard_values_are_exactly_zero_and_one_and_the_gradient_is_the_soft_one()
    {
        using var scope = NewDisposeScope();
        var logits = tensor(Specs.Random(1000, 1, 4)).requires_grad_();
        var g = UnitGates.binary(logits);
        Assert.True(g.eq(0).logical_or(g.eq(1)).all().item<bool>());
        // Safe to cast: nothing is 0.99999994.
        Assert.Equal(logits.gt(0).sum().item<long>(), g.to(ScalarType.Int64).sum().item<long>());
        g.sum().backward();
        var p = logits.detach().sigmoid();
        Assert.True(allclose(p * (1 - p), logits.grad!));
    }

    [Fact]
    public void A_concrete_gate_becomes_bernoulli_as_the_temperature_falls()
    {
        using var scope = NewDisposeScope();
        float[] u = new float[20_000];
        new SeededNoise(1).Fill("gate.unit", 0, NoiseKind.Uniform, u);
        foreach (float p in new[] { -2f, 0f, 1.5f })
        {
            var g = UnitGates.concrete(full(20_000, p), tensor(u), 0.01);
            Assert.Equal(1 / (1 + Math.Exp(-p)), g.mean().item<float>(), 0.015);
            Assert.True(g.lt(0.01).logical_or(g.gt(0.99)).to(ScalarType.Float32).mean().item<float>() > 0.97f);
        }
    }

    [Fact]
    public void Gumbel_top_k_is_the_hosts_choice_with_exactly_k_ones()
    {
        using var scope = NewDisposeScope();
        float[] logits = Specs.Random(10, 2);
        var mask = new bool[10];
        var noise = new SeededNoise(3);
        float[] gumbel = new float[10];
        noise.Fill("edges", 4, NoiseKind.Gumbel, gumbel);
        UnitMasks.GumbelTopK(logits, 3, noise, "edges", 4, mask);
        var l = tensor(logits, 1, 10).requires_grad_();
        var g = UnitGates.gumbel_top_k(l, 3, tensor(gumbel, 1, 10), 0.5);
        Assert.Equal(mask, g.eq(1).flatten().data<bool>().ToArray());
        Assert.Equal(3, g.sum().item<float>());
        var c = tensor(Specs.Random(10, 5), 1, 10);
        (g * c).sum().backward();
        var again = tensor(logits, 1, 10).requires_grad_();
        ((again + tensor(gumbel, 1, 10)).div(0.5).softmax(-1) * c).sum().backward();
        Assert.True(allclose(again.grad!, l.grad!, 1e-5, 1e-7));
    }

    [Theory]
    [InlineData(MassCut.Crossing)]
    [InlineData(MassCut.Below)]
    public void The_mass_of_rows_is_the_hosts(MassCut cut)
    {
        using var scope = NewDisposeScope();
        for (ulong seed = 0; seed < 20; seed++)
        {
            float[] activation = [.. Specs.Random(12, seed).Select(static v => MathF.Max(v, 0))];
            double mass = seed / 19.0;
            bool[] expected = new bool[12], row = new bool[6];
            for (int r = 0; r < 2; r++)
            {
                UnitMasks.TopMass(activation.AsSpan(r * 6, 6), mass, cut, row);
                row.CopyTo(expected, r * 6);
            }

            Assert.Equal(expected, UnitGates.top_mass(tensor(activation, 2, 6), mass, cut).flatten().data<bool>().ToArray());
        }
    }

    [Fact]
    public void Polarization_is_zero_exactly_when_the_batch_agrees()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(0, UnitLosses.polarization(tensor(new float[] { 1, 0, 1, 0 }, 2, 2)).item<float>());
        Assert.Equal(0.125f, UnitLosses.polarization(tensor(new float[] { 1, 0, 0, 0 }, 2, 2)).item<float>());
        Assert.Equal(0.25f, UnitLosses.activation_cost(ones(3, 2), 0.5).item<float>());
        Assert.Equal(0.0625f, UnitLosses.activation_cost(tensor(new float[] { 1, 0 }, 1, 2), 0.5, tensor(new float[] { 3, 1 })).item<float>(), 1e-6);
    }

    [Fact]
    public void Distillation_is_zero_at_the_target_and_ignores_closed_blocks()
    {
        using var scope = NewDisposeScope();
        var logits = tensor(new[] { 1f, 2f, float.NegativeInfinity, 0f, 1f, 3f }, 2, 3).requires_grad_();
        var target = logits.detach().softmax(-1);
        var loss = UnitLosses.distill_kl(logits, target);
        Assert.Equal(0, loss.item<float>(), 1e-6);
        loss.backward();
        Assert.True(logits.grad!.isfinite().all().item<bool>());
        Assert.Equal(Math.Log(2), UnitLosses.distill_kl(zeros(1, 2), tensor(new[] { 1f, 0f }, 1, 2)).item<float>(), 1e-6);
    }

    [Fact]
    public void A_closed_gate_costs_nothing_and_opening_costs_more_and_more()
    {
        using var scope = NewDisposeScope();
        var x = randn(8, 4);
        Assert.Equal(0, UnitLosses.bottleneck_kl(x, zeros(8, 1)).item<float>(), 1e-5);
        float last = 0;
        foreach (double g in new[] { 0.2, 0.5, 0.8, 0.95 })
        {
            float kl = UnitLosses.bottleneck_kl(x, full(8, 1, g)).item<float>();
            Assert.True(kl > last);
            last = kl;
        }

        // The released formula at a closed gate: half of the variance ratio, once per row.
        Assert.Equal(4, UnitLosses.bottleneck_kl(x, zeros(8, 1), asReleased: true).item<float>(), 1e-4);
    }

    [Fact]
    public void Gradients_are_those_of_finite_differences()
    {
        using var scope = NewDisposeScope();
        Tensor D(ulong seed, params long[] shape) => tensor(Specs.Random((int)shape.Aggregate(1L, static (p, d) => p * d), seed), shape).to(ScalarType.Float64);
        var u = tensor(new[] { 0.2, 0.5, 0.7, 0.9 });
        Gradients.Check(l => UnitGates.concrete(l, u, 0.7).square().sum(), D(1, 4));
        Gradients.Check(l => UnitLosses.polarization(l.sigmoid()), D(2, 3, 4));
        Gradients.Check(l => UnitLosses.activation_cost(l.sigmoid(), 0.3), D(3, 3, 4));
        var target = D(4, 3, 4).gt(0);
        Gradients.Check(l => UnitLosses.mask_bce(l, target), D(5, 3, 4));
        var p = D(6, 3, 4).softmax(-1);
        Gradients.Check(l => UnitLosses.distill_kl(l, p), D(7, 3, 4));
        var x = D(8, 5, 3);
        Gradients.Check(l => UnitLosses.bottleneck_kl(x, l.sigmoid()), D(9, 5, 1));
        Gradients.Check(l => UnitLosses.bottleneck_kl(x, l.sigmoid(), asReleased: true), D(9, 5, 1));
    }

    [Fact]
    public void Bad_input_is_refused()
    {
        using var scope = NewDisposeScope();
        Assert.Throws<ArgumentOutOfRangeException>("k", () => UnitGates.gumbel_top_k(zeros(1, 2), 3));
        Assert.Throws<ArgumentOutOfRangeException>("temperature", () => UnitGates.concrete(zeros(2), zeros(2), 0));
        Assert.Throws<ArgumentException>("uniform", () => UnitGates.concrete(zeros(2), zeros(3)));
        Assert.Throws<ArgumentException>("gumbel", () => UnitGates.gumbel_top_k(zeros(1, 2), 1, zeros(2, 2)));
        Assert.Throws<ArgumentException>("target", () => UnitLosses.mask_bce(zeros(2, 2), zeros(2, 2)));
    }
}
