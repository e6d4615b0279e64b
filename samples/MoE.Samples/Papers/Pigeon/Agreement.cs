using MoE.Samples.Data.Sets;
using MoE.Samples.Graphs;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Pigeon;

/// <summary>Outputs and gradients of the three layers in every layout, plain and reordered, against weights copied per row under torch alone.</summary>
public static class Agreement
{
    /// <summary>The largest difference of an output or gradient, as a fraction of its largest value.</summary>
    /// <param name="edges">A small graph.</param>
    /// <param name="width">D.</param>
    /// <param name="workspace">For the kernels.</param>
    /// <param name="seed">Draws features and weights.</param>
    public static double Largest(TypedTriples edges, int width, MoEWorkspace workspace, long seed)
    {
        using var scope = NewDisposeScope();
        using var graph = new TypedGraph(edges);
        var product = new TypedProduct(workspace);
        IReadOnlyList<float[]>? expected = null;
        double largest = 0;
        foreach (var layout in Enum.GetValues<Layout>())
        {
            foreach (bool reordered in new[] { false, true })
            {
                using TypedLinear linear = new(layout, product);
                var layers = new GraphLayers(graph, linear, linear, reordered);
                var found = Results(graph, layers, edges.Types, width, seed);
                expected ??= found;
                for (int i = 0; i < found.Count; i++)
                {
                    double size = expected[i].Max(Math.Abs);
                    largest = Math.Max(largest, found[i].Zip(expected[i], static (a, b) => Math.Abs(a - b)).Max() / size);
                }
            }
        }

        return largest;
    }

    // Outputs of RGCN, RGAT and HGT, then the gradients of a fixed projection of each in everything that is learned.
    private static List<float[]> Results(TypedGraph graph, GraphLayers layers, int relations, int width, long seed)
    {
        using var scope = NewDisposeScope();
        manual_seed(seed);
        Tensor Draw(params long[] shape) => (randn(shape) / Math.Sqrt(width)).requires_grad_();
        Tensor h = randn(graph.Nodes, width).requires_grad_(), own = Draw(width, width), w = Draw(relations, width, width), attention = Draw(relations, 2, width), message = Draw(relations, width, width), prior = Draw(relations), skip = Draw(TypedGraph.NodeTypes);
        Tensor[] byNode = [.. Enumerable.Range(0, 4).Select(_ => Draw(TypedGraph.NodeTypes, width, width))];
        var project = randn(graph.Nodes, width);
        Tensor[] outputs = [layers.rgcn(h, own, w), layers.rgat(h, w, attention), layers.hgt(h, (byNode[0], byNode[1], byNode[2], byNode[3]), (w, message), prior, skip)];
        var results = new List<float[]>();
        foreach (var output in outputs)
        {
            results.Add(output.data<float>().ToArray());
            (output * project).sum().backward();
            foreach (var learned in new[] { h, own, w, attention, message, prior, skip }.Concat(byNode))
            {
                if (learned.grad is not { } gradient) continue;
                results.Add(gradient.contiguous().data<float>().ToArray());
                gradient.zero_().Dispose();
            }
        }

        // Gradients that are zero for a layer stay zero in all of them: they have no size to compare with.
        return [.. results.Where(static r => r.Any(static v => v != 0))];
    }
}
