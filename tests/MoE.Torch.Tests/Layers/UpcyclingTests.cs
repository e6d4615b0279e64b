using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Layers;

/// <summary>A dense block of torch, upcycled into a layer that trains.</summary>
public sealed class UpcyclingTests
{
    [Theory]
    [InlineData(1, true, false)]
    [InlineData(4, true, true)]
    [InlineData(2, false, true)]
    public void A_layer_starts_as_the_block_and_learns_from_there(int granularity, bool glu, bool biases)
    {
        const int d = 12, f = 24;
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        using Linear? gate = glu ? nn.Linear(d, f, biases) : null;
        using Linear up = nn.Linear(d, f, biases), down = nn.Linear(f, d, biases);
        var spec = new UpcyclingSpec
        {
            Width = d,
            Block = new ExpertSpec { Width = f, Biases = biases, Form = glu ? ExpertForm.Glu : ExpertForm.FeedForward },
            Router = RouterProfiles.Mixtral(4 * granularity, 2 * granularity),
            Granularity = granularity,
        };
        var converted = Upcycling.Convert(spec, LayerWeightTransfer.dense_weights(gate, up, down));
        using var layer = new MoELayer(converted.Spec);
        layer.load_weights(converted.Weights);
        var x = randn(30, d);
        var expected = down.forward(gate is null ? nn.functional.silu(up.forward(x)) : nn.functional.silu(gate.forward(x)).mul(up.forward(x)));
        var actual = layer.forward(x);
        // Sums of at most 24 products of size one, in single precision.
        Assert.InRange(actual.sub(expected).abs().max().item<float>(), 0, 2e-6f);
        // Copies of a shard part where their groups' weights differ from token to token.
        actual.sub(1).square().sum().backward();
        Assert.True(layer.parameters().All(static p => p.grad is not null));
        var slopes = layer.named_parameters().Single(static p => p.name == WeightNames.ExpertUp).parameter.grad!;
        Assert.True(slopes[0].sub(slopes[granularity]).abs().max().item<float>() > 1e-6f);
    }

    [Fact]
    public void Projections_that_do_not_fit_are_refused()
    {
        using Linear gate = nn.Linear(3, 5, hasBias: false), up = nn.Linear(4, 6), down = nn.Linear(5, 4);
        string message = Assert.Throws<ArgumentException>(() => LayerWeightTransfer.dense_weights(gate, up, down)).Message;
        Assert.Contains("gate has shape [5, 3]; must be [6, 4]", message);
        Assert.Contains("down has shape [4, 5]; must be [4, 6]", message);
        Assert.Contains("all must or none", message);
    }
}
