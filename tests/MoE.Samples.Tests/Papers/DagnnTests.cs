using System.Text;
using MoE.Samples.Data.Sets;
using MoE.Samples.Graphs;
using MoE.Samples.Papers.Dagnn;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Tests.Papers;

public sealed class DagnnTests
{
    [Fact]
    public void The_adjacency_is_normalised_with_self_loops()
    {
        var graph = Read("0\t1\n", nodes: 3);
        // Degrees with self loops 2, 2, 1.
        Assert.Equal([0.5f, 0.5f, 0.5f, 0.5f, 1f], graph.Adjacency.Values);
        Assert.Equal([0, 1, 0, 1, 2], graph.Adjacency.At);
    }

    [Theory]
    [InlineData("0\t9\n")]
    [InlineData("0\n")]
    [InlineData("a\tb\n")]
    public void Damaged_edges_are_refused(string edges) => Assert.Throws<InvalidDataException>(() => Read(edges, nodes: 3));

    [Fact]
    public void Constant_gates_are_what_they_say()
    {
        manual_seed(1);
        var graph = Ring();
        foreach (var (kind, each) in new[] { (DepthGate.Sum, 1.0), (DepthGate.Mean, 0.25) })
        {
            using var model = new DepthModel(graph, kind, 3, 0.5, new DropoutNoise(1));
            Assert.Equal([each, each, each, each], model.MeanWeights());
        }

        using var softmax = new DepthModel(graph, DepthGate.Softmax, 3, 0.5, new DropoutNoise(1));
        Assert.Equal(1, softmax.MeanWeights().Sum(), 5);
    }

    [Fact]
    public void Depth_zero_with_a_constant_gate_is_the_network_without_propagation()
    {
        var graph = Ring();
        manual_seed(2);
        using var sum = new DepthModel(graph, DepthGate.Sum, 0, 0.5, new DropoutNoise(1));
        manual_seed(2);
        using var last = new DepthModel(graph, DepthGate.Last, 0, 0.5, new DropoutNoise(1));
        sum.eval();
        last.eval();
        using Tensor a = sum.logits(), b = last.logits();
        Assert.True(a.Equals(b));
    }

    [Fact]
    public void A_tiny_run_measures_everything_and_ablations_change_what_they_should()
    {
        var whole = PaperRun.Of(new DagnnSample(2, 30, Ring()));
        PaperRun.EverythingMeasured(whole);
        var constant = PaperRun.Of(new DagnnSample(2, 30, Ring()), "--ablate", "gate");
        Assert.Equal(0, PaperRun.Measured(constant, "adaptive-gate"));
        Assert.Equal("fails", PaperRun.Verdict(constant, "adaptive-gate"));
        Assert.Equal(PaperRun.Measured(whole, "mlp"), PaperRun.Measured(constant, "mlp"));
    }

    // Two halves of a ring with words of their own.
    private static Planetoid Ring() => Read(string.Concat(Enumerable.Range(0, 30).Select(static i => $"{i}\t{(i + 1) % 30}\n")), nodes: 30);

    private static Planetoid Read(string edges, int nodes)
    {
        string[] parts = ["train", "val", "test"];
        string rows = string.Concat(Enumerable.Range(0, nodes).Select(i => $"{i}\t{2 * i / nodes}\t{parts[i % 3]}\n"));
        string words = string.Concat(Enumerable.Range(0, nodes).Select(i => $"{2 * i / nodes} {2 + i % 4}\n"));
        static MemoryStream Stream(string text) => new(Encoding.UTF8.GetBytes(text));
        return Planetoid.Read(Stream("node\tlabel\tsplit\n" + rows), Stream(words), Stream(edges));
    }
}
