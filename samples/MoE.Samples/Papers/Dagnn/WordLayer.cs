using MoE.Samples.Data.Sets;
using MoE.Samples.Graphs;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Dagnn;

/// <summary>The first layer of every model: a linear map of sparse words without bias, with dropout of the words in training. Parameter <c>weight</c> [words, hidden].</summary>
public sealed class WordLayer : nn.Module
{
    private readonly Parameter weight;
    private readonly Planetoid _graph;
    private readonly double _dropout;
    private readonly DropoutNoise _noise;
    private readonly float[] _values;

    /// <summary>Makes a layer, uniform in +-1 / sqrt(words) as torch's linear layers are.</summary>
    public WordLayer(Planetoid graph, int hidden, double dropout, DropoutNoise noise)
        : base(nameof(WordLayer))
    {
        (_graph, _dropout, _noise) = (graph, dropout, noise);
        // Words dropped in a step live until its backward pass: one buffer serves every step.
        _values = new float[graph.Features.Values.Length];
        double bound = 1 / Math.Sqrt(graph.Features.Columns);
        weight = nn.Parameter(empty(graph.Features.Columns, hidden).uniform_(-bound, bound));
        RegisterComponents();
    }

    /// <summary>[nodes, hidden].</summary>
    public Tensor map() => SparseProduct.multiply(training ? _graph.Features.Dropout(_dropout, _noise, _values) : _graph.Features, weight);
}
