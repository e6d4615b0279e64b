using MoE.Samples.Data;
using MoE.Samples.Graphs;
using MoE.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Dagnn;

/// <summary>DAGNN: Z = MLP(X); the maps A^l Z, l = 0..K, are experts without parameters, and a gate weighs them per node. K = 0 is the MLP.</summary>
public sealed class DepthModel : NodeModel
{
    private const int Hidden = 64;
    private readonly Linear first;
    private readonly Linear second;
    private readonly ElementGate? gate;
    private readonly Linear? scorer;
    private readonly Planetoid _graph;
    private readonly DepthGate _kind;
    private readonly int _depth;
    private readonly double _dropout;
    private readonly Random _random;

    /// <summary>Makes a model; its weights come from the global generator.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="kind">The gate.</param>
    /// <param name="depth">K.</param>
    /// <param name="dropout">Of the words and the hidden units.</param>
    /// <param name="random">Drops words.</param>
    public DepthModel(Planetoid graph, DepthGate kind, int depth, double dropout, Random random)
        : base(nameof(DepthModel))
    {
        (_graph, _kind, _depth, _dropout, _random) = (graph, kind, depth, dropout, random);
        first = nn.Linear(graph.Features.Columns, Hidden);
        second = nn.Linear(Hidden, graph.Classes);
        // The released code has a bias here, the paper none.
        if (kind == DepthGate.Sigmoid) gate = new ElementGate(nn.Linear(graph.Classes, 1));
        if (kind == DepthGate.Softmax) scorer = nn.Linear(graph.Classes, 1);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor logits()
    {
        using var scope = NewDisposeScope();
        var maps = Maps();
        return (_kind == DepthGate.Last ? maps.select(1, _depth) : (Weights(maps) * maps).sum(1)).MoveToOuterDisposeScope();
    }

    /// <summary>The mean weight of each depth over nodes, K + 1 values.</summary>
    public double[] MeanWeights()
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        eval();
        var maps = Maps();
        if (_kind == DepthGate.Last) return [.. Enumerable.Repeat(0.0, _depth), 1];
        return [.. Weights(maps).expand(_graph.Nodes, _depth + 1, 1).mean([0, 2]).data<float>().ToArray().Select(static w => (double)w)];
    }

    // [nodes, K + 1, classes].
    private Tensor Maps()
    {
        var words = training ? _graph.Features.Dropout(_dropout, _random) : _graph.Features;
        var hidden = (SparseProduct.multiply(words, first.weight.t()) + first.bias!).relu();
        var map = second.call(nn.functional.dropout(hidden, _dropout, training));
        var maps = new List<Tensor>(_depth + 1) { map };
        for (int l = 0; l < _depth; l++) maps.Add(map = SparseProduct.multiply(_graph.Adjacency, map));
        return stack(maps, 1);
    }

    private Tensor Weights(Tensor maps) => _kind switch
    {
        DepthGate.Sigmoid => gate!.call(maps),
        DepthGate.Softmax => scorer!.call(maps).softmax(1),
        DepthGate.Mean => full(1, _depth + 1, 1, 1.0 / (_depth + 1)),
        _ => ones(1, _depth + 1, 1),
    };
}
