using MoE.Samples.Data.Sets;
using MoE.Samples.Graphs;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Dagnn;

/// <summary>GCN (Kipf and Welling 2017), the rival whose depth is coupled with its parameters: h = A relu(h) W + b per layer.</summary>
public sealed class ConvolutionModel : NodeModel
{
    private const int Hidden = 64;
    private readonly WordLayer words;
    private readonly ModuleList<Linear> layers = [];
    private readonly ParameterList biases = [];
    private readonly Planetoid _graph;
    private readonly double _dropout;
    private readonly DropoutNoise _noise;

    /// <summary>Makes a model; its weights come from the global generator.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="depth">Number of layers, at least 2.</param>
    /// <param name="dropout">Before every layer.</param>
    /// <param name="noise">Draws what is dropped.</param>
    public ConvolutionModel(Planetoid graph, int depth, double dropout, DropoutNoise noise)
        : base(nameof(ConvolutionModel))
    {
        (_graph, _dropout, _noise) = (graph, dropout, noise);
        words = new WordLayer(graph, Hidden, dropout, noise);
        nn.init.xavier_uniform_(words.parameters().Single());
        for (int l = 0; l < depth; l++)
        {
            int width = l == depth - 1 ? graph.Classes : Hidden;
            biases.Add(nn.Parameter(zeros(width)));
            if (l == 0) continue;
            var layer = nn.Linear(Hidden, width, hasBias: false);
            nn.init.xavier_uniform_(layer.weight);
            layers.Add(layer);
        }

        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor logits()
    {
        using var scope = NewDisposeScope();
        var h = SparseProduct.multiply(_graph.Adjacency, words.map()) + biases[0];
        for (int l = 0; l < layers.Count; l++)
        {
            h = h.relu();
            if (training) h = h * _noise.Factors(h.shape[0], h.shape[1], _dropout);
            h = SparseProduct.multiply(_graph.Adjacency, layers[l].call(h)) + biases[l + 1];
        }

        return h.MoveToOuterDisposeScope();
    }
}
