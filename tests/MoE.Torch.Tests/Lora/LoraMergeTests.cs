using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Lora;

public sealed class LoraMergeTests
{
    // A rank-1 layer whose factors are given value by value.
    private static LoraModel Given(float[] a1, float[] a2, double scale1 = 1, double scale2 = 1)
    {
        var lora = LoraModel.Attach(nn.Sequential(nn.Linear(a1.Length, 1, hasBias: false)), "0", [new("x", new LoraSpec { Rank = 1, Alpha = scale1 }), new("y", new LoraSpec { Rank = 1, Alpha = scale2 })]);
        using var guard = no_grad();
        lora.Layer("0").A("x").copy_(tensor(a1).view(1, -1));
        lora.Layer("0").A("y").copy_(tensor(a2).view(1, -1));
        lora.Layer("0").B("x").fill_(1);
        lora.Layer("0").B("y").fill_(1);
        return lora;
    }

    private static float[] MergedA(LoraModel lora, LoraMergeSpec spec, INoiseSource? noise = null, double wx = 1, double wy = 1)
    {
        lora.AddMerged("m", [new("x", wx), new("y", wy)], spec, noise);
        return HostReads.Single(lora.Layer("0").A("m"));
    }

    [Fact]
    public void Ties_keeps_the_largest_of_the_majority_sign_and_averages_them()
    {
        using var scope = NewDisposeScope();
        // Half of four: {4, -3} and {-2, -5}. Signs by sum: +, -, (0: +), -. Column 3 is elected minus and only y agrees.
        using var lora = Given([4, 1, -3, 0.5f], [1, -2, 0.5f, -5]);
        Assert.Equal([4, -2, -3, -5], MergedA(lora, new LoraMergeSpec { Kind = LoraMergeKind.Ties, Density = 0.5 }));
        // All kept: sums 5, -1, -2.5, -4.5 elect +, -, -, -; agreeing: {4, 1}, {-2}, {-3}, {-5}.
        using var all = Given([4, 1, -3, 0.5f], [1, -2, 0.5f, -5]);
        Assert.Equal([2.5f, -2, -3, -5], MergedA(all, new LoraMergeSpec { Kind = LoraMergeKind.Ties, Density = 1 }));
        // By count: one plus and one minus tie, which elects plus.
        using var counted = Given([4, 1, -3, 0.5f], [1, -2, 0.5f, -5]);
        Assert.Equal([2.5f, 1, 0.5f, 0.5f], MergedA(counted, new LoraMergeSpec { Kind = LoraMergeKind.Ties, Density = 1, SignByCount = true }));
    }

    [Fact]
    public void Dare_drops_by_given_noise_and_scales_up()
    {
        using var scope = NewDisposeScope();
        var noise = new RecordedNoise(new Dictionary<string, float[]>
        {
            ["0.x.A.merge"] = [0.1f, 0.9f, 0.1f, 0.9f], ["0.y.A.merge"] = [0.9f, 0.9f, 0.1f, 0.2f], ["0.x.B.merge"] = [0], ["0.y.B.merge"] = [0],
        });
        using var lora = Given([4, 1, -3, 0.5f], [1, -2, 0.5f, -5]);
        Assert.Equal([16, 0, -10, -20], MergedA(lora, new LoraMergeSpec { Kind = LoraMergeKind.DareLinear, Density = 0.25 }, noise));
        using var ties = Given([4, 1, -3, 0.5f], [1, -2, 0.5f, -5]);
        Assert.Equal([16, 0, -12, -20], MergedA(ties, new LoraMergeSpec { Kind = LoraMergeKind.DareTies, Density = 0.25 }, noise));
        using var quiet = Given([1, 1], [1, 1]);
        Assert.Throws<InvalidOperationException>(() => MergedA(quiet, new LoraMergeSpec { Kind = LoraMergeKind.DareLinear }));
        Assert.Equal(["x", "y"], quiet.Adapters);
    }

    [Fact]
    public void Pruning_keeps_the_largest()
    {
        using var scope = NewDisposeScope();
        using var lora = Given([4, 1, -3, 0.5f], [1, -2, 0.5f, -5]);
        Assert.Equal([4, -2, -3, -5], MergedA(lora, new LoraMergeSpec { Kind = LoraMergeKind.MagnitudePrune, Density = 0.5 }));
    }

    [Fact]
    public void Linear_weighs_each_factor_by_the_root_and_keeps_the_sign_once()
    {
        using var scope = NewDisposeScope();
        using var lora = Given([1, 0], [0, 1], scale1: 4, scale2: 9);
        Assert.Equal([2, -3 * (float)Math.Sqrt(0.25)], MergedA(lora, new LoraMergeSpec(), wy: -0.25));
        Assert.Equal(2 + 3 * 0.5f, HostReads.Single(lora.Layer("0").B("m"))[0]);
        Assert.Equal(1, lora.Layer("0").Spec("m").Scale);
        // Of one adapter it is that adapter.
        lora.AddMerged("one", [new("x", 1)]);
        Assert.True(lora.Layer("0").delta_weight("one").allclose(lora.Layer("0").delta_weight("x"), 1e-5, 1e-6));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Concatenation_and_singular_values_of_full_rank_are_the_weighted_sum(bool svd)
    {
        using var scope = NewDisposeScope();
        var model = nn.Sequential(nn.Embedding(9, 6), nn.Linear(6, 5), nn.Conv2d(3, 4, 3));
        using var lora = LoraModel.Attach(model, ".*", [new("x", new LoraSpec { Rank = 2, Alpha = 3 }), new("y", new LoraSpec { Rank = 3, RankStabilized = true })]);
        using (no_grad())
        {
            foreach (var p in lora.parameters()) p.normal_(0, 0.5);
        }

        lora.AddMerged("m", [new("x", 0.7), new("y", -1.5)], svd ? new LoraMergeSpec { SvdRank = 6 } : new LoraMergeSpec { Kind = LoraMergeKind.Concatenate });
        foreach (string layer in lora.Wrapped)
        {
            var bank = lora.Layer(layer);
            Assert.Equal(svd ? 6 : 5, bank.Spec("m").Rank);
            // Products of numbers below 10 in single precision.
            Assert.True(bank.delta_weight("m").allclose(bank.delta_weight("x") * 0.7 - bank.delta_weight("y") * 1.5, 1e-4, 1e-4), layer);
        }

        Assert.Equal(["x", "y", "m"], lora.Adapters);
    }

    [Fact]
    public void A_cut_by_singular_values_is_the_best_of_its_rank()
    {
        using var scope = NewDisposeScope();
        using var lora = LoraModel.Attach(nn.Sequential(nn.Linear(8, 7)), "0", [new("x", new LoraSpec { Rank = 4 })]);
        using (no_grad()) lora.Layer("0").B("x").normal_(0, 1);
        lora.AddMerged("m", [new("x", 1)], new LoraMergeSpec { SvdRank = 2 });
        var delta = lora.Layer("0").delta_weight("x");
        var (_, s, _) = linalg.svd(delta, fullMatrices: false);
        // Eckart-Young: what is left is the root of the squares of the singular values cut off.
        double left = (delta - lora.Layer("0").delta_weight("m")).norm().item<float>(), expected = s.narrow(0, 2, s.shape[0] - 2).square().sum().sqrt().item<float>();
        Assert.Equal(expected, left, 1e-4);
    }

    [Fact]
    public void What_cannot_be_merged_is_refused_and_nothing_is_added()
    {
        using var scope = NewDisposeScope();
        using var lora = LoraModel.Attach(nn.Sequential(nn.Linear(4, 4)), "0", [new("x", new LoraSpec { Rank = 1 }), new("y", new LoraSpec { Rank = 2 }), new("d", new LoraSpec { Rank = 1, Magnitude = true })]);
        string message = Assert.Throws<ArgumentException>("parts", () => lora.AddMerged("m", [new("x", double.NaN), new("y", 1), new("d", 1)])).Message;
        foreach (string part in new[] { "the weight of x is NaN", "has a magnitude", "ranks are 1, 2, 1" }) Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.Throws<KeyNotFoundException>(() => lora.AddMerged("m", [new("z", 1)]));
        Assert.Throws<ArgumentException>("name", () => lora.AddMerged("x", [new("x", 1)]));
        Assert.Throws<ArgumentException>("parts", () => lora.AddMerged("m", []));
        Assert.Throws<SpecException>(() => lora.AddMerged("m", [new("x", 1)], new LoraMergeSpec { Density = 0, SvdRank = -1 }));
        Assert.Equal(["x", "y", "d"], lora.Adapters);
    }
}
