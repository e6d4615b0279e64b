using MoE.Samples.Numerics;
using MoE.Samples.Papers.AdvMoe;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Tests.Papers;

public sealed class AdvMoeTests
{
    private static readonly AdvMoeSample.Recipe Tiny = new(Seeds: 2, TrainImages: 64, TestImages: 20, Epochs: 1);

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public void Attacks_stay_in_the_ball_and_raise_the_loss(bool fixedRoute, bool routed)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var set = SmallClothes.Draw(Clothes.Bars(200, 1), 60, new Draws(1, 1));
        using var net = RobustTraining.Train(routed ? Contender.Joint : Contender.SmallDense, set, 3, 1, static _ => { });
        var (images, labels) = set.Rows([.. Enumerable.Range(0, set.Count)]);
        double Loss(Tensor x)
        {
            using var guard = no_grad();
            return nn.functional.cross_entropy(net.Run(x, labels).Logits, labels).item<float>();
        }

        var moved = Attack.ProjectedAscent(net, images, labels, 0.1, fixedRoute);
        Assert.InRange(moved.sub(images).abs().max().item<float>(), 0.05, 0.1 + 1e-6);
        Assert.InRange(moved.min().item<float>(), 0, 1);
        Assert.InRange(moved.max().item<float>(), 0, 1);
        Assert.True(Loss(moved) > Loss(images));
        // Attacks of training part the answers, and leave no gradient in the net.
        net.Net.zero_grad();
        var parted = Attack.Divergence(net, images, labels, ofRouter: true);
        Assert.InRange(parted.sub(images).abs().max().item<float>(), 0.05, 0.1 + 1e-6);
        Assert.All(net.Net.parameters(), static p => Assert.True(p.grad is not { } g || g.abs().max().item<float>() == 0));
    }

    [Fact]
    public void A_divergence_from_itself_is_zero_and_otherwise_that_of_the_definition()
    {
        using var scope = NewDisposeScope();
        Tensor a = randn(5, 3), b = randn(5, 3);
        Assert.InRange(Attack.Kl(a, a.softmax(1)).item<float>(), -1e-5, 1e-5);
        Assert.Equal((b.softmax(1) * (b.log_softmax(1) - a.log_softmax(1))).sum().item<float>(), Attack.Kl(a, b.softmax(1)).item<float>(), 1e-4);
    }

    [Fact]
    public void The_random_router_is_balanced_and_stays_as_it_is()
    {
        using var scope = NewDisposeScope();
        var set = SmallClothes.Draw(Clothes.Bars(400, 1), 256, new Draws(1, 1));
        using var net = RobustTraining.Train(Contender.FrozenRouter, set, 1, 7, static _ => { });
        manual_seed(7);
        using var fresh = new PathwayNet(2, true);
        using var router = new RouterNet(2);
        var (images, labels) = set.Rows([.. Enumerable.Range(0, set.Count)]);
        router.Balance(images);
        Assert.All(router.parameters().Zip(net.Router!.parameters()), static p => Assert.Equal(p.First.data<float>().ToArray(), p.Second.data<float>().ToArray()));
        Assert.InRange(net.Run(images, labels).Route.Choices.to(ScalarType.Float32).mean().item<float>(), 0.45, 0.55);
    }

    [Fact]
    public void Players_of_the_alternating_training_learn_both_and_joint_training_differs()
    {
        var set = SmallClothes.Draw(Clothes.Bars(200, 1), 128, new Draws(1, 1));
        using var start = new RouterNet(2);
        float[] Router(Contender contender)
        {
            using var scope = NewDisposeScope();
            using var net = RobustTraining.Train(contender, set, 1, 3, static _ => { });
            return [.. net.Router!.parameters().SelectMany(static p => p.data<float>().ToArray())];
        }

        float[] frozen = Router(Contender.FrozenRouter), released = Router(Contender.Alternating), published = Router(Contender.AlternatingPublished), joint = Router(Contender.Joint);
        Assert.NotEqual(frozen, released);
        Assert.NotEqual(released, published);
        Assert.NotEqual(published, joint);
        // The same seed gives the same net.
        Assert.Equal(released, Router(Contender.Alternating));
    }

    [Fact]
    public void The_pathway_costs_less_than_half_of_the_dense_net()
    {
        using PathwayNet half = new(2, true), whole = new(1, false);
        // 9 * (8*196 + 8*16*196 + (16*16 + 16*32 + 32*32) * 49) + 320 by hand.
        Assert.Equal(9 * (8 * 196 + 128 * 196 + 1792 * 49) + 320, whole.MultiplyAdds);
        Assert.True(2 * (half.MultiplyAdds + RouterNet.MultiplyAdds(2)) < whole.MultiplyAdds);
    }

    [Fact]
    public void Images_are_means_of_four_pixels()
    {
        var clothes = Clothes.Bars(10, 1);
        var set = SmallClothes.Draw(clothes, 10, new Draws(1, 1));
        Assert.Equal(clothes.Labels.Select(static l => (long)l).Order(), set.Labels.Order());
        Assert.Equal(clothes.Pixels.Average(static p => p / 255.0), set.Pixels.Average(static p => (double)p), 1e-6);
        // The bar of class c lies in row c + 2.
        for (int i = 0; i < set.Count; i++) Assert.Equal(set.Labels[i] + 2, Enumerable.Range(0, 14).MaxBy(row => set.Pixels[(i * 14 + row) * 14]));
    }

    [Fact]
    public void A_tiny_run_measures_everything_and_without_turns_it_is_joint_training()
    {
        var sample = new AdvMoeSample(Tiny, Clothes.Bars(100, 1), Clothes.Bars(100, 2));
        var result = PaperRun.Of(sample);
        PaperRun.EverythingMeasured(result);
        Assert.Equal("holds", PaperRun.Verdict(result, "multiply-adds"));
        var ablated = PaperRun.Of(sample, "--ablate", "turns");
        foreach (string id in new[] { "turns-beat-joint", "fewer-flips" })
        {
            Assert.Equal(0, PaperRun.Measured(ablated, id));
            Assert.Equal("fails", PaperRun.Verdict(ablated, id));
        }
    }
}
