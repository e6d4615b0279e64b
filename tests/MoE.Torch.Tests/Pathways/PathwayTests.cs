using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Pathways;

[Collection("tensor counts")]
public sealed class PathwayTests
{
    [Fact]
    public void The_largest_score_decides_the_first_of_equal_ones_and_the_gradient_passes_unchanged()
    {
        using var scope = NewDisposeScope();
        var scores = tensor(new float[] { 1, 3, 2, 5, 5, 4, -1, -3, -2 }, 3, 3).requires_grad_();
        var route = PathwayRoute.FromScores(scores);
        Assert.Equal([1L, 0, 0], route.Choices.data<long>().ToArray());
        Assert.Equal([0f, 1, 0, 1, 0, 0, 1, 0, 0], route.Weights.detach().data<float>().ToArray());
        var outer = randn(3, 3);
        (route.Weights * outer).sum().backward();
        Assert.Equal(outer.data<float>().ToArray(), scores.grad!.data<float>().ToArray());
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 3)]
    [InlineData(5, 3)]
    [InlineData(16, 2)]
    public void Each_sample_passes_the_slice_of_its_expert(int batch, int experts)
    {
        using var scope = NewDisposeScope();
        manual_seed(batch);
        using var layer = new PathwayConv2d(3, 4, experts, stride: 2, dtype: ScalarType.Float64);
        var x = randn(batch, 3, 7, 6, dtype: ScalarType.Float64);
        var scores = randn(batch, experts, dtype: ScalarType.Float64).requires_grad_();
        var learning = PathwayRoute.FromScores(scores);
        var given = PathwayRoute.Given(learning.Choices, experts, ScalarType.Float64);
        Tensor[] one = [.. Enumerable.Range(0, batch).Select(b =>
            nn.functional.conv2d(x.narrow(0, b, 1), layer.Weight.narrow(0, learning.Choices[b].item<long>() * 4, 4), strides: [2, 2], padding: [1, 1]))];
        var expected = cat(one, 0);
        // 27 products of numbers of size one to five, in another order.
        Assert.True(layer.call(x, learning).sub(expected).abs().max().item<double>() < 1e-12);
        Assert.True(layer.call(x, given).sub(expected).abs().max().item<double>() < 1e-12);

        // The gradient of a score is what its expert's output would have been worth, chosen or not.
        var outer = randn_like(expected);
        (layer.call(x, learning) * outer).sum().backward();
        var all = nn.functional.conv2d(x, layer.Weight, strides: [2, 2], padding: [1, 1]).view(batch, experts, 4, 4, 3);
        Assert.True((all * outer.unsqueeze(1)).sum([2, 3, 4]).sub(scores.grad!).abs().max().item<double>() < 1e-11);
    }

    [Fact]
    public void Gradients_of_weights_and_input_are_those_of_the_chosen_slices()
    {
        using var scope = NewDisposeScope();
        manual_seed(5);
        using var layer = new PathwayConv2d(2, 2, 3, dtype: ScalarType.Float64);
        var x = randn(4, 2, 3, 3, dtype: ScalarType.Float64);
        var route = PathwayRoute.Given(tensor(new long[] { 2, 0, 2, 0 }), 3, ScalarType.Float64);
        var outer = randn(4, 2, 3, 3, dtype: ScalarType.Float64);
        Gradients.Check(() => (layer.call(x, route) * outer).sum(), x);
        layer.zero_grad();
        (layer.call(x, route) * outer).sum().backward();
        // Nobody took expert 1.
        Assert.Equal(0, layer.Weight.grad!.narrow(0, 2, 2).abs().max().item<double>());
        Assert.True(layer.Weight.grad!.narrow(0, 0, 2).abs().min().item<double>() > 0);
    }

    [Fact]
    public void Bad_scores_routes_and_sizes_are_refused()
    {
        using var scope = NewDisposeScope();
        using var layer = new PathwayConv2d(2, 2, 3);
        Assert.Throws<ArgumentException>(() => PathwayRoute.FromScores(zeros(3)));
        Assert.Contains("scores[1, 0] = NaN", Assert.Throws<ArgumentException>(() => PathwayRoute.FromScores(tensor(new[] { 1f, 2, float.NaN, 1 }, 2, 2))).Message, StringComparison.Ordinal);
        Assert.Contains("choices[0] = 3", Assert.Throws<ArgumentException>(() => PathwayRoute.Given(tensor(new long[] { 3 }), 3)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => PathwayRoute.Given(tensor(new[] { 1f }), 3));
        Assert.Throws<ArgumentException>(() => layer.call(zeros(1, 3, 4, 4), PathwayRoute.Given(zeros(1, dtype: ScalarType.Int64), 3)));
        Assert.Throws<ArgumentException>(() => layer.call(zeros(1, 2, 4, 4), PathwayRoute.Given(zeros(2, dtype: ScalarType.Int64), 3)));
        Assert.Throws<ArgumentException>(() => layer.call(zeros(1, 2, 4, 4), PathwayRoute.Given(zeros(1, dtype: ScalarType.Int64), 2)));
        Assert.Throws<ArgumentException>(() => new PathwayConv2d(2, 2, 3, kernel: 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => new PathwayConv2d(2, 0, 3));
    }

    [Fact]
    public void Calls_leave_only_their_result()
    {
        using var layer = new PathwayConv2d(2, 2, 2);
        using var x = randn(4, 2, 3, 3);
        using var scores = randn(4, 2).requires_grad_();
        void Run(bool learns)
        {
            using var scope = NewDisposeScope();
            var route = learns ? PathwayRoute.FromScores(scores) : PathwayRoute.Given(scores.argmax(1), 2);
            layer.call(x, route);
            layer.call(x, route);
        }

        // Counted without a collection, which would hide what only a finalizer takes away.
        foreach (bool learns in new[] { true, false })
        {
            Run(learns);
            long before = Tensor.TotalCount;
            Run(learns);
            Assert.True(Tensor.TotalCount <= before);
        }

        // A route that could learn serves where nothing does.
        using var guard = no_grad();
        Run(true);
    }
}
