using MoE.Samples.Data;
using MoE.Samples.Graphs;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Dagnn;

/// <summary>GCN (Kipf and Welling 2017), the rival whose depth is coupled with its parameters: h = A relu(h) W + b per layer.</summary>
public sealed class ConvolutionModel : NodeModel
{
    private const int Hidden = 64;
    private readonly ModuleList<Linear> layers = [];
    private readonly Planetoid _graph;
    private readonly double _dropout;
    private readonly Random _random;

    /// <summary>Makes a model; its weights come from the global generator.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="depth">Number of layers, at least 2.</param>
    /// <param name="dropout">Before every layer.</param>
    /// <param name="random">Drops words.</param>
    public ConvolutionModel(Planetoid graph, int depth, double dropout, Random random)
        : base(nameof(ConvolutionModel))
    {
        (_graph, _dropout, _random) = (graph, dropout, random);
        for (int l = 0; l < depth; l++)
        {
            var layer = nn.Linear(l == 0 ? graph.Features.Columns : Hidden, l == depth - 1 ? graph.Classes : Hidden);
            nn.init.xavier_uniform_(layer.weight);
            nn.init.zeros_(layer.bias);
            layers.Add(layer);
        }

        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor logits()
    {
        using var scope = NewDisposeScope();
        var words = training ? _graph.Features.Dropout(_dropout, _random) : _graph.Features;
        var h = SparseProduct.multiply(words, layers[0].weight.t());
        for (int l = 0; l < layers.Count; l++)
        {
            if (l > 0) h = nn.functional.dropout(h.relu(), _dropout, training).matmul(layers[l].weight.t());
            h = SparseProduct.multiply(_graph.Adjacency, h) + layers[l].bias!;
        }

        return h.MoveToOuterDisposeScope();
    }
}
