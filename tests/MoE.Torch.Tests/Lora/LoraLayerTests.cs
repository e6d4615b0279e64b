using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Lora;

public sealed class LoraLayerTests
{
    private static readonly LoraSpec Plain = new() { Rank = 2, Alpha = 6 };

    public static TheoryData<string> Kinds => ["linear", "embedding", "convolution"];

    [Theory, MemberData(nameof(Kinds))]
    public void A_new_adapter_changes_nothing_and_has_the_names_of_peft(string kind)
    {
        using var scope = NewDisposeScope();
        var (layer, x) = Make(kind);
        var before = layer.Base.call(x);
        layer.Adapters.Add("a", Plain);
        layer.Mix = LoraMix.Of("a");
        Assert.True(layer.call(x).allclose(before));
        Assert.Equal(["adapters.lora_A.a.weight", "adapters.lora_B.a.weight"], layer.state_dict().Keys.Where(static k => k.StartsWith("adapters", StringComparison.Ordinal)).Order());
        Assert.Equal(2, layer.Adapters.parameters().Count());
    }

    [Theory, MemberData(nameof(Kinds))]
    public void An_adapter_is_its_weight_change_and_merging_is_exact_to_rounding(string kind)
    {
        using var scope = NewDisposeScope();
        var (layer, x) = Make(kind);
        Fill(layer, Plain, "a", "b");
        var mix = new WeightedLoraMix(new Dictionary<string, double> { ["a"] = 0.7, ["b"] = -0.2 });
        layer.Mix = mix;
        var mixed = layer.call(x);
        var weight = layer.Adapters.BaseWeight;
        var original = weight.clone();
        using (no_grad()) weight.add_(layer.Adapters.delta_weight("a") * 0.7 - layer.Adapters.delta_weight("b") * 0.2);
        Assert.True(layer.Base.call(x).allclose(mixed, 1e-4, 1e-5));
        using (no_grad()) weight.copy_(original);
        layer.Adapters.merge(mix);
        Assert.True(layer.Base.call(x).allclose(mixed, 1e-4, 1e-5));
        layer.Adapters.unmerge(mix);
        // Two roundings of single precision around numbers below 2.
        Assert.True((weight - original).abs().max().item<float>() <= 5e-7);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Rows_with_adapters_of_their_own_are_those_adapters_alone(string kind)
    {
        using var scope = NewDisposeScope();
        var (layer, x) = Make(kind);
        Fill(layer, Plain, "a", "b");
        long[] adapters = [1, -1, 0, 1];
        layer.Mix = new RowLoraMix(tensor(adapters));
        var mixed = layer.call(x);
        for (int row = 0; row < adapters.Length; row++)
        {
            layer.Mix = adapters[row] < 0 ? LoraMix.None : LoraMix.Of(layer.Adapters.Names[(int)adapters[row]]);
            Assert.True(layer.call(x.narrow(0, row, 1)).allclose(mixed.narrow(0, row, 1), 1e-4, 1e-6));
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Constant_scalings_are_a_weighted_mix(string kind)
    {
        using var scope = NewDisposeScope();
        var (layer, x) = Make(kind);
        Fill(layer, Plain, "a", "b");
        layer.Mix = new WeightedLoraMix(new Dictionary<string, double> { ["a"] = 0.25 * 2, ["b"] = 0.75 * 2 });
        var expected = layer.call(x);
        layer.Mix = new ScaledLoraMix(tensor(new[] { 0.25f, 0.75f }).expand(x.shape[0], 2), GlobalWeight: 2);
        Assert.True(layer.call(x).allclose(expected, 1e-4, 1e-5));
    }

    [Fact]
    public void Identical_adapters_make_the_gate_irrelevant()
    {
        using var scope = NewDisposeScope();
        var (layer, x) = Make("linear");
        Fill(layer, Plain, "a", "b");
        using (no_grad())
        {
            layer.Adapters.A("b").copy_(layer.Adapters.A("a"));
            layer.Adapters.B("b").copy_(layer.Adapters.B("a"));
        }

        layer.Mix = LoraMix.Of("a");
        var one = layer.call(x);
        layer.Mix = new ScaledLoraMix(randn(x.shape[0], 2).softmax(-1));
        Assert.True((layer.call(x) - one).abs().max().item<float>() <= 1e-6);
    }

    [Fact]
    public void Magnitude_starts_as_the_base_and_rescales_directions()
    {
        using var scope = NewDisposeScope();
        var spec = Plain with { Magnitude = true };
        foreach (string kind in new[] { "linear", "convolution" })
        {
            var (layer, x) = Make(kind);
            layer.Adapters.Add("a", spec);
            layer.Mix = LoraMix.Of("a");
            Assert.True(layer.call(x).allclose(layer.Base.call(x), 1e-4, 1e-5));
            using (no_grad())
            {
                layer.Adapters.B("a").normal_(0, 0.5);
                layer.Adapters.Magnitude("a")!.mul_(1.5);
            }

            // The merged weight has rows of the learned magnitude.
            var weight = layer.Adapters.BaseWeight + layer.Adapters.delta_weight("a");
            Assert.True(weight.flatten(1).square().sum([1L]).sqrt().allclose(layer.Adapters.Magnitude("a")!, 1e-4, 1e-5));
            var mixed = layer.call(x);
            var original = layer.Adapters.BaseWeight.clone();
            layer.Adapters.merge(LoraMix.Of("a"));
            Assert.True(layer.Base.call(x).allclose(mixed, 1e-3, 1e-4));
            layer.Adapters.unmerge(LoraMix.Of("a"));
            // A product and a division more than without a magnitude, of numbers below 8.
            Assert.True((layer.Adapters.BaseWeight - original).abs().max().item<float>() <= 4e-6);
            Assert.Throws<InvalidOperationException>(() => layer.Adapters.unmerge(LoraMix.Of("a")));
        }
    }

    [Fact]
    public void Dropout_acts_in_training_only_and_only_on_the_adapter()
    {
        using var scope = NewDisposeScope();
        var (layer, x) = Make("linear");
        Fill(layer, Plain with { Dropout = 0.5 }, "a");
        layer.Mix = LoraMix.Of("a");
        layer.eval();
        Assert.True(layer.call(x).allclose(layer.call(x)));
        layer.train();
        Assert.False(layer.call(x).allclose(layer.call(x)));
        layer.Mix = LoraMix.None;
        Assert.True(layer.call(x).allclose(layer.Base.call(x)));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Gradients_are_those_of_finite_differences(string kind)
    {
        using var scope = NewDisposeScope();
        var (layer, x) = Make(kind);
        Fill(layer, Plain, "a", "b");
        layer.to(ScalarType.Float64);
        if (kind != "embedding") x = x.to(ScalarType.Float64);
        var scalings = randn(x.shape[0], 2, dtype: ScalarType.Float64);
        Tensor Loss()
        {
            layer.Mix = new ScaledLoraMix(scalings);
            return layer.call(x).square().sum();
        }

        Gradients.Check(Loss, layer.Adapters.A("a"), layer.Adapters.B("b"), scalings);
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        using var scope = NewDisposeScope();
        var (layer, x) = Make("linear");
        Fill(layer, Plain, "a");
        Assert.Throws<ArgumentException>("name", () => layer.Adapters.Add("a", Plain));
        Assert.Throws<ArgumentException>("name", () => layer.Adapters.Add("a.b", Plain));
        Assert.Throws<SpecException>(() => layer.Adapters.Add("c", Plain with { Rank = -1 }));
        Assert.Throws<ArgumentException>("spec", () => Make("embedding").Layer.Adapters.Add("c", Plain with { Magnitude = true }));
        Assert.Throws<KeyNotFoundException>(() => Call(LoraMix.Of("z")));
        Assert.Throws<ArgumentException>("mix", () => Call(new RowLoraMix(zeros(3, dtype: ScalarType.Int64))));
        Assert.Throws<ArgumentException>("mix", () => Call(new ScaledLoraMix(zeros(4, 2))));
        Assert.Throws<ArgumentException>("scale", () => Call(new ScaledLoraMix(zeros(3, 1))));
        Assert.Throws<ArgumentException>("mix", () => layer.Adapters.merge(new RowLoraMix(zeros(4, dtype: ScalarType.Int64))));
        using var circular = nn.Conv2d(4, 4, 3, padding: 1, padding_mode: PaddingModes.Circular);
        Assert.Throws<ArgumentException>("layer", () => new LoraConv2d(circular));

        Tensor Call(LoraMix mix)
        {
            layer.Mix = mix;
            return layer.call(x);
        }
    }

    [Fact]
    public void A_convolution_in_groups_has_one_A_over_all_inputs_and_cannot_be_merged()
    {
        using var scope = NewDisposeScope();
        using var layer = new LoraConv2d(nn.Conv2d(6, 4, (1, 3), padding: (0, 1), groups: 2));
        Assert.Throws<ArgumentException>("spec", () => layer.Adapters.Add("odd", new LoraSpec { Rank = 3 }));
        Assert.Throws<ArgumentException>("spec", () => layer.Adapters.Add("dora", new LoraSpec { Rank = 4, Magnitude = true }));
        layer.Adapters.Add("a", new LoraSpec { Rank = 4, Alpha = 8 });
        var (a, b) = (layer.Adapters.A("a"), layer.Adapters.B("a"));
        Assert.Equal([4, 6, 1, 3], a.shape);
        Assert.Equal([4, 2, 1, 1], b.shape);
        using (no_grad()) b.normal_();
        var x = randn(3, 6, 5, 7);
        layer.Mix = LoraMix.Of("a");
        // Outputs 0 and 1 see the first two of four hidden channels, 2 and 3 the others; each hidden channel sees all inputs.
        var hidden = nn.functional.conv2d(x, a, padding: [0, 1]);
        var added = cat([einsum("or,brhw->bohw", b[..2].flatten(1), hidden[.., ..2]), einsum("or,brhw->bohw", b[2..].flatten(1), hidden[.., 2..])], 1);
        Assert.True(layer.call(x).allclose(layer.Base.call(x) + added * 2, 1e-4, 1e-5));
        Assert.Contains("2 groups", Assert.Throws<InvalidOperationException>(() => layer.Adapters.merge(LoraMix.Of("a"))).Message);
    }

    private static (LoraLayer Layer, Tensor Input) Make(string kind) => kind switch
    {
        "linear" => (new LoraLinear(nn.Linear(5, 3)), randn(4, 2, 5)),
        "embedding" => (new LoraEmbedding(nn.Embedding(6, 3)), randint(0, 6, [4, 2], dtype: ScalarType.Int64)),
        _ => (new LoraConv2d(nn.Conv2d(3, 4, 3, stride: 2, padding: 1)), randn(4, 3, 5, 5)),
    };

    private static void Fill(LoraLayer layer, LoraSpec spec, params string[] names)
    {
        foreach (string name in names)
        {
            layer.Adapters.Add(name, spec);
            using var guard = no_grad();
            layer.Adapters.A(name).normal_(0, 0.3);
            layer.Adapters.B(name).normal_(0, 0.3);
        }
    }
}
