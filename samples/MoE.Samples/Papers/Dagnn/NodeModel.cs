using static TorchSharp.torch;

namespace MoE.Samples.Papers.Dagnn;

/// <summary>A classifier of all nodes of a graph at once.</summary>
public abstract class NodeModel(string name) : nn.Module(name)
{
    /// <summary>Logits of all nodes, [nodes, classes].</summary>
    public abstract Tensor logits();
}
