using MoE.Samples.Data.Sets;
using MoE.Samples.Graphs;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Pigeon;

/// <summary>All measurements of one seed, which draws features and weights. Ratios are of the least times, taken in turns.</summary>
public sealed record SeedRun
{
    /// <summary>Largest difference between layouts.</summary>
    public required double Difference { get; init; }

    /// <summary>True if weights copied per edge were refused on FB15k-237.</summary>
    public required bool Refused { get; init; }

    /// <summary>Bytes that copied weights, segments and unique pairs take on FB15k-237.</summary>
    public required long[] Bytes { get; init; }

    /// <summary>Ratios of times by name.</summary>
    public required IReadOnlyDictionary<string, double> Ratios { get; init; }

    /// <summary>Milliseconds of whole layers, forward and backward, by layer and layout.</summary>
    public required IReadOnlyDictionary<string, double> Milliseconds { get; init; }

    /// <summary>Measures.</summary>
    public static SeedRun Of(TypedTriples freebase, TypedTriples wordNet, PigeonSample.Recipe recipe, long seed, (bool Segments, bool Compact, bool Reorder) options, Action<double> progress)
    {
        using var scope = NewDisposeScope();
        using var workspace = new MoEWorkspace();
        var product = new TypedProduct(workspace);
        var random = new Random((int)(seed % int.MaxValue));
        manual_seed(seed);
        int width = recipe.Width;
        using TypedLinear materialised = new(Layout.Materialised, product, recipe.MostCopied), masked = new(Layout.Masked, product), segmented = new(Layout.Segmented, product), compact = new(Layout.Compact, product);
        var contender = options.Segments ? segmented : masked;
        var ratios = new Dictionary<string, double>();
        Tensor Weights(int types, int outputs = 0) => randn(types, outputs == 0 ? width : outputs, width) / Math.Sqrt(width);
        Tensor Features(int rows) => randn(rows, width);

        double difference = Agreement.Largest(MadeGraphs.Sample(freebase, recipe.SmallEdges, random), recipe.SmallWidth, workspace, seed);
        progress(0.2);

        using var graph = new TypedGraph(freebase);
        using var words = new TypedGraph(wordNet);
        Tensor h = Features(graph.Nodes), w = Weights(freebase.Types), attention = randn(freebase.Types, 2, width), wordFeatures = Features(words.Nodes), wordWeights = Weights(wordNet.Types);
        using (no_grad())
        {
            using var some = new TypedGraph(MadeGraphs.Sample(freebase, recipe.CopiedEdges, random));
            var someFeatures = Features(some.Nodes);
            double[] times = Timing.Least(recipe.Rounds, () => materialised.products(someFeatures, w, some.BySource), () => contender.products(someFeatures, w, some.BySource));
            ratios["materialised"] = times[0] / times[1];

            times = Timing.Least(recipe.Rounds, () => masked.products(h, w, graph.BySource), () => contender.products(h, w, graph.BySource));
            ratios["masked"] = times[0] / times[1];
            progress(0.4);

            double SpeedUp(Tensor x, Tensor weights, TypedRows rows, TypedRows fewer)
            {
                using Tensor all = empty([rows.Count, width], dtype: ScalarType.Float32), few = empty([fewer.Count, width], dtype: ScalarType.Float32);
                double[] pair = Timing.Least(recipe.Rounds, () => product.multiply_into(x, weights, rows, all), () => product.multiply_into(x, weights, fewer, few));
                return pair[0] / pair[1];
            }

            double Saved(Tensor x, Tensor weights, TypedRows rows)
            {
                var fewer = rows.Compact().Rows;
                return SpeedUp(x, weights, rows, options.Compact ? fewer : rows) * fewer.Count / rows.Count;
            }

            ratios["compact, FB15k-237 by source"] = Saved(h, w, graph.BySource);
            ratios["compact, FB15k-237 by target"] = Saved(h, w, graph.ByTarget);
            ratios["compact, WN18RR by target"] = Saved(wordFeatures, wordWeights, words.ByTarget);
            progress(0.5);

            GraphLayers plain = new(graph, segmented, segmented, reordered: false), reordered = new(graph, segmented, segmented, options.Reorder);
            times = Timing.Least(recipe.Rounds, () => plain.rgat_logits(h, w, attention), () => reordered.rgat_logits(h, w, attention));
            ratios["reordered"] = times[0] / times[1];

            using var alone = new TypedGraph(MadeGraphs.Unique(recipe.MadeEdges, 20));
            var aloneFeatures = Features(alone.Nodes);
            var twenty = Weights(20);
            ratios["nothing to save"] = SpeedUp(aloneFeatures, twenty, alone.BySource, alone.BySource.Compact().Rows);

            using var single = new TypedGraph(MadeGraphs.Unique(recipe.MadeEdges, 1));
            var one = Weights(1);
            times = Timing.Least(recipe.Rounds, () => segmented.products(aloneFeatures, one, single.BySource), () => aloneFeatures.matmul(one[0].t()));
            ratios["one type"] = times[0] / times[1];

            using TypedGraph even = new(MadeGraphs.Random(recipe.MadeEdges, graph.Nodes, freebase.Types, zipf: false, random)), uneven = new(MadeGraphs.Random(recipe.MadeEdges, graph.Nodes, freebase.Types, zipf: true, random));
            times = Timing.Least(recipe.Rounds, () => segmented.products(h, w, uneven.BySource), () => segmented.products(h, w, even.BySource));
            ratios["zipf"] = times[0] / times[1];
            progress(0.7);
        }

        bool refused = false;
        try
        {
            using (no_grad()) materialised.products(h, w, graph.BySource);
        }
        catch (InvalidOperationException)
        {
            refused = true;
        }

        return new()
        {
            Difference = difference,
            Refused = refused,
            Bytes = [.. new[] { Layout.Materialised, Layout.Segmented, Layout.Compact }.Select(layout => TypedLinear.Bytes(layout, graph.BySource, width, width))],
            Ratios = ratios,
            Milliseconds = Layers(graph, freebase.Types, width, segmented, compact, recipe, progress),
        };
    }

    private static Dictionary<string, double> Layers(TypedGraph graph, int relations, int width, TypedLinear segmented, TypedLinear compact, PigeonSample.Recipe recipe, Action<double> progress)
    {
        Tensor Draw(params long[] shape) => (randn(shape) / Math.Sqrt(width)).requires_grad_();
        Tensor h = randn(graph.Nodes, width).requires_grad_(), own = Draw(width, width), w = Draw(relations, width, width), attention = Draw(relations, 2, width), message = Draw(relations, width, width), prior = Draw(relations), skip = Draw(TypedGraph.NodeTypes);
        Tensor[] node = [.. Enumerable.Range(0, 4).Select(_ => Draw(TypedGraph.NodeTypes, width, width))];
        var milliseconds = new Dictionary<string, double>();
        (string Name, GraphLayers Layers)[] forms =
        [
            ("segmented", new(graph, segmented, segmented, reordered: false)),
            ("compact", new(graph, compact, segmented, reordered: false)),
            ("compact, reordered", new(graph, compact, segmented, reordered: true)),
        ];
        (string Name, Func<GraphLayers, Tensor> Run)[] layers =
        [
            ("RGCN", f => f.rgcn(h, own, w)),
            ("RGAT", f => f.rgat(h, w, attention)),
            ("HGT", f => f.hgt(h, (node[0], node[1], node[2], node[3]), (w, message), prior, skip)),
        ];
        foreach (var (layer, run) in layers)
        {
            double[] times = Timing.Least(recipe.LayerRounds, [.. forms.Select(f => (Func<Tensor>)(() =>
            {
                var output = run(f.Layers);
                output.square().mean().backward();
                return output;
            }))]);
            for (int f = 0; f < forms.Length; f++) milliseconds[$"{layer}, {forms[f].Name}"] = times[f];
            progress(0.7 + 0.1 * milliseconds.Count / forms.Length);
        }

        return milliseconds;
    }
}
