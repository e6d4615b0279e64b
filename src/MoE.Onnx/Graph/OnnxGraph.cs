namespace MoE.Onnx;

/// <summary>A graph under construction: inputs, initializers, nodes in topological order, outputs. Nothing is checked before the model is written; then all problems are reported together.</summary>
/// <param name="name">Graph name, not empty.</param>
public sealed class OnnxGraph(string name)
{
    private readonly List<OnnxValueInfo> _inputs = [];
    private readonly List<OnnxValueInfo> _outputs = [];
    private readonly List<OnnxTensor> _initializers = [];
    private readonly List<OnnxNode> _nodes = [];

    /// <summary>Graph name.</summary>
    public string Name { get; } = name;

    /// <summary>Inputs, in order.</summary>
    public IReadOnlyList<OnnxValueInfo> Inputs => _inputs;

    /// <summary>Outputs, in order.</summary>
    public IReadOnlyList<OnnxValueInfo> Outputs => _outputs;

    /// <summary>Constants.</summary>
    public IReadOnlyList<OnnxTensor> Initializers => _initializers;

    /// <summary>Nodes, in the order in which they were added.</summary>
    public IReadOnlyList<OnnxNode> Nodes => _nodes;

    /// <summary>Declares an input.</summary>
    /// <param name="name">Value name.</param>
    /// <param name="type">Element type.</param>
    /// <param name="shape">Dimensions; none: a scalar.</param>
    /// <returns>The name.</returns>
    public string AddInput(string name, OnnxElementType type, params ReadOnlySpan<OnnxDim> shape)
    {
        _inputs.Add(new OnnxValueInfo(name, type, shape.ToArray()));
        return name;
    }

    /// <summary>Declares an output.</summary>
    /// <param name="name">Name of a value of this graph.</param>
    /// <param name="type">Element type.</param>
    /// <param name="shape">Dimensions; none: a scalar.</param>
    public void AddOutput(string name, OnnxElementType type, params ReadOnlySpan<OnnxDim> shape) =>
        _outputs.Add(new OnnxValueInfo(name, type, shape.ToArray()));

    /// <summary>Declares an input that is a sequence of tensors.</summary>
    /// <param name="name">Value name.</param>
    /// <param name="type">Element type of the tensors.</param>
    /// <param name="shape">Dimensions of each.</param>
    /// <returns>The name.</returns>
    public string AddSequenceInput(string name, OnnxElementType type, params ReadOnlySpan<OnnxDim> shape)
    {
        _inputs.Add(new OnnxValueInfo(name, type, shape.ToArray()) { IsSequence = true });
        return name;
    }

    /// <summary>Declares an output that is a sequence of tensors.</summary>
    /// <param name="name">Name of a value of this graph.</param>
    /// <param name="type">Element type of the tensors.</param>
    /// <param name="shape">Dimensions of each.</param>
    public void AddSequenceOutput(string name, OnnxElementType type, params ReadOnlySpan<OnnxDim> shape) =>
        _outputs.Add(new OnnxValueInfo(name, type, shape.ToArray()) { IsSequence = true });

    /// <summary>Adds a constant.</summary>
    /// <param name="tensor">The constant; its name is the value name.</param>
    /// <returns>Its name.</returns>
    public string AddInitializer(OnnxTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        _initializers.Add(tensor);
        return tensor.Name;
    }

    /// <summary>Adds a node after those already there.</summary>
    /// <param name="node">The node.</param>
    public void AddNode(OnnxNode node)
    {
        ArgumentNullException.ThrowIfNull(node);
        _nodes.Add(node);
    }
}
