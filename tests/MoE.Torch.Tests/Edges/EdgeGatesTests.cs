using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch.Tests.Edges;

public sealed class EdgeGatesTests
{
    private static readonly long[] Groups = [0, 2, 0, 2, 2, 0];

    [Fact]
    public void Gates_of_a_group_are_normalised_by_it()
    {
        using var scope = NewDisposeScope();
        var (logits, groups) = (tensor(Specs.Random(6, 1)), tensor(Groups));
        float[] l = HostReads.Single(logits), g = HostReads.Single(EdgeGates.normalized_sigmoid(logits, groups, 3)), s = HostReads.Single(EdgeGates.softmax(logits * 50, groups, 3));
        for (int n = 0; n < 6; n++)
        {
            double sum = 1e-6, exp = 0;
            for (int m = 0; m < 6; m++)
            {
                if (Groups[m] != Groups[n]) continue;
                sum += 1 / (1 + Math.Exp(-l[m]));
                exp += Math.Exp(50.0 * l[m] - 50.0 * l[n]);
            }

            Assert.Equal(1 / (1 + Math.Exp(-l[n])) / sum, g[n], 1e-5);
            Assert.Equal(1 / exp, s[n], 1e-4);
        }
    }

    [Fact]
    public void Selections_are_by_group_and_ties_go_to_the_earlier_edge()
    {
        using var scope = NewDisposeScope();
        var (scores, groups) = (tensor(new float[] { 5, 1, 5, 3, 1, 9 }), tensor(Groups));
        Assert.Equal([true, false, false, true, false, true], EdgeGates.top_k(scores, groups, 3, 1).logical_or(EdgeGates.top_ratio(scores, groups, 3, 0.5)).data<bool>().ToArray().Select((m, i) => i == 1 ? false : m));
        Assert.Equal([false, false, false, true, false, true], EdgeGates.top_k(scores, groups, 3, 1).data<bool>().ToArray());
        // ceil(0.5 * 3) = 2 of each group of three.
        Assert.Equal([true, true, false, true, false, true], EdgeGates.top_ratio(scores, groups, 3, 0.5).data<bool>().ToArray());
        Assert.Equal(6, EdgeGates.top_ratio(scores, groups, 3, 1).sum().item<long>());
        Assert.Equal(0, EdgeGates.top_ratio(scores, groups, 3, 0).sum().item<long>());
    }

    [Fact]
    public void Gaussian_kernels_and_the_completion_prior_are_their_formulas()
    {
        using var scope = NewDisposeScope();
        var w = EdgeGates.gaussian(tensor(new float[] { 1, 2 }, 1, 2), tensor(new float[] { 0, 0, 1, 2 }, 2, 2), tensor(new float[] { 1, 0.5f, 3, 3 }, 2, 2));
        Assert.Equal([MathF.Exp(-0.5f * (1 + 1)), 1], HostReads.Single(w), static (a, b) => Math.Abs(a - b) < 1e-6);
        double p = 1 / (1 + Math.Exp(-5 * (2.5 - 3)));
        Assert.Equal(0.3 * p / (0.3 * p + 1 - p), EdgeGates.completion(tensor(2.5f), 0.3).item<float>(), 1e-6);
    }

    [Fact]
    public void Gradients_are_those_of_finite_differences()
    {
        using var scope = NewDisposeScope();
        Tensor D(ulong seed, params long[] shape) => tensor(Specs.Random((int)shape.Aggregate(1L, static (p, d) => p * d), seed), shape).to(ScalarType.Float64);
        var groups = tensor(Groups);
        Gradients.Check(l => EdgeGates.normalized_sigmoid(l, groups, 3).square().sum(), D(1, 6, 2));
        Gradients.Check(l => EdgeGates.softmax(l, groups, 3).square().sum(), D(2, 6));
        var (u, mu, inverse) = (D(3, 4, 2), D(4, 3, 2), D(5, 3, 2));
        Gradients.Check(() => EdgeGates.gaussian(u, mu, inverse).square().sum(), u, mu, inverse);
        Gradients.Check(l => EdgeGates.completion(l, 0.3).square().sum(), D(6, 5));
    }

    [Fact]
    public void Bad_input_is_refused()
    {
        using var scope = NewDisposeScope();
        Assert.Throws<ArgumentException>("groups", () => EdgeGates.softmax(zeros(3), tensor(Groups), 3));
        Assert.Throws<ArgumentException>("scores", () => EdgeGates.top_k(zeros(6, 2), tensor(Groups), 3, 1));
        Assert.Throws<ArgumentOutOfRangeException>("ratio", () => EdgeGates.top_ratio(zeros(6), tensor(Groups), 3, 2));
        Assert.Throws<ArgumentException>("inverseWidths", () => EdgeGates.gaussian(zeros(1, 2), zeros(2, 2), zeros(1, 2)));
    }

    [Fact]
    public void No_edges_are_no_gates()
    {
        using var scope = NewDisposeScope();
        var none = tensor(Array.Empty<long>());
        Assert.Equal([0], EdgeGates.softmax(zeros(0), none, 2).shape);
        Assert.Equal([0], EdgeGates.top_ratio(zeros(0), none, 2, 0.5).shape);
    }
}
