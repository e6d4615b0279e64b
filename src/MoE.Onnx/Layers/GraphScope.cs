using System.Globalization;

namespace MoE.Onnx;

/// <summary>A graph under the pen. Values are named under the scope's prefix; constants and weights go to the outermost graph, where ONNX Runtime keeps one packed copy.</summary>
internal sealed class GraphScope
{
    private readonly GraphScope _root;
    private readonly string _prefix;
    private readonly HashSet<string> _constants = new(StringComparer.Ordinal);

    public GraphScope(OnnxGraph graph, int opset)
    {
        Graph = graph;
        Opset = opset;
        _root = this;
        _prefix = "";
    }

    private GraphScope(OnnxGraph graph, GraphScope root, string prefix)
    {
        Graph = graph;
        Opset = root.Opset;
        _root = root;
        _prefix = prefix;
    }

    public OnnxGraph Graph { get; }

    /// <summary>Version of the standard operators.</summary>
    public int Opset { get; }

    /// <summary>The same graph, with another prefix.</summary>
    public GraphScope Under(string prefix) => new(Graph, _root, _prefix + prefix);

    /// <summary>A graph inside this one.</summary>
    public GraphScope Branch(string prefix) => new(new OnnxGraph(_prefix + prefix), _root, _prefix + prefix + "/");

    /// <summary>Adds a standard operator with one output; returns its full name.</summary>
    public string Op(string type, string name, ReadOnlySpan<string> inputs, params ReadOnlySpan<OnnxAttribute> attributes)
    {
        Op(type, inputs, [name], attributes);
        return _prefix + name;
    }

    /// <summary>Adds a standard operator; <paramref name="outputs"/> get the prefix.</summary>
    public void Op(string type, ReadOnlySpan<string> inputs, string[] outputs, params ReadOnlySpan<OnnxAttribute> attributes) =>
        Graph.AddNode(new OnnxNode
        {
            OpType = type,
            Name = _prefix + outputs[0],
            Inputs = inputs.ToArray(),
            Outputs = Array.ConvertAll(outputs, o => _prefix + o),
            Attributes = attributes.ToArray(),
        });

    /// <summary>A reduction over one axis; its axes became an input with opset 18 (ReduceSum: 13).</summary>
    public string Reduce(string type, string name, string input, long axis, bool keep)
    {
        var keepDims = OnnxAttribute.Int("keepdims", keep ? 1 : 0);
        return Opset < 18 && type != "ReduceSum"
            ? Op(type, name, [input], OnnxAttribute.Ints("axes", axis), keepDims)
            : Op(type, name, [input, List(axis)], keepDims);
    }

    /// <summary>A weight; one that is used twice lies in the graph once.</summary>
    public string Weight(OnnxTensor tensor) => _root._constants.Add(tensor.Name) ? _root.Graph.AddInitializer(tensor) : tensor.Name;

    public string Scalar(float value) =>
        Constant($"float {value.ToString("R", CultureInfo.InvariantCulture)}", name => OnnxTensor.Create<float>(name, new[] { value }));

    public string Scalar(long value) =>
        Constant($"int {value.ToString(CultureInfo.InvariantCulture)}", name => OnnxTensor.Create<long>(name, new[] { value }));

    public string List(params long[] values) =>
        Constant($"ints {string.Join(' ', values)}", name => OnnxTensor.Create<long>(name, values, values.Length));

    public string Constant(string name, Func<string, OnnxTensor> make)
    {
        if (_root._constants.Add(name)) _root.Graph.AddInitializer(make(name));
        return name;
    }
}
