using MoE.Samples.Data.Sets;
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
    private readonly WordLayer words;
    private readonly Parameter bias;
    private readonly Linear second;
    private readonly ElementGate? gate;
    private readonly Linear? scorer;
    private readonly Planetoid _graph;
    private readonly Propagation _propagation;
    private readonly DepthGate _kind;
    private readonly int _depth;
    private readonly double _dropout;
    private readonly DropoutNoise _noise;

    /// <summary>Makes a model; its weights come from the global generator.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="kind">The gate.</param>
    /// <param name="depth">K.</param>
    /// <param name="dropout">Of the words and the hidden units.</param>
    /// <param name="noise">Draws what is dropped.</param>
    public DepthModel(Planetoid graph, DepthGate kind, int depth, double dropout, DropoutNoise noise)
        : base(nameof(DepthModel))
    {
        (_graph, _kind, _depth, _dropout, _noise) = (graph, kind, depth, dropout, noise);
        _propagation = new Propagation(graph.Adjacency);
        words = new WordLayer(graph, Hidden, dropout, noise);
        double bound = 1 / Math.Sqrt(graph.Features.Columns);
        bias = nn.Parameter(empty([Hidden], dtype: ScalarType.Float32).uniform_(-bound, bound));
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
        return (_kind == DepthGate.Last ? maps.select(0, _depth) : (Weights(maps) * maps).sum(0L)).MoveToOuterDisposeScope();
    }

    /// <summary>The mean weight of each depth over nodes, K + 1 values.</summary>
    public double[] MeanWeights()
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        eval();
        var maps = Maps();
        if (_kind == DepthGate.Last) return [.. Enumerable.Repeat(0.0, _depth), 1];
        return [.. Weights(maps).expand(_depth + 1, _graph.Nodes, 1).mean([1, 2]).data<float>().ToArray().Select(static w => (double)w)];
    }

    // [K + 1, nodes, classes].
    private Tensor Maps()
    {
        var hidden = (words.map() + bias).relu();
        return _propagation.powers(second.call(training ? hidden * _noise.Factors(hidden.shape[0], hidden.shape[1], _dropout) : hidden), _depth);
    }

    private Tensor Weights(Tensor maps) => _kind switch
    {
        DepthGate.Sigmoid => gate!.call(maps),
        DepthGate.Softmax => scorer!.call(maps).softmax(0),
        DepthGate.Mean => full(_depth + 1, 1, 1, 1.0 / (_depth + 1)),
        _ => ones(_depth + 1, 1, 1),
    };
}
