using System.Buffers;
using System.Globalization;
using System.Text;

namespace MoE.Onnx;

/// <summary>Collects everything about a model that would make its file unreadable or ambiguous.</summary>
internal sealed class OnnxValidator(OnnxModel model)
{
    // Protobuf parsers stop at 100 nested messages, and a graph level takes three.
    private const int MaxDepth = 30;

    private readonly List<SpecProblem> _problems = [];
    private readonly List<OnnxGraph> _around = [];

    public IReadOnlyList<SpecProblem> Run()
    {
        Require(model.IrVersion > 0, "ir_version", model.IrVersion, "must be positive");
        CheckText("producer_name", model.ProducerName, mayBeEmpty: true);
        foreach (var (domain, version) in model.OpsetImports)
        {
            CheckText("opset_import", domain, mayBeEmpty: true);
            Require(version > 0, $"opset_import '{domain}'", version, "must be positive");
        }

        foreach (var (key, value) in model.Metadata)
        {
            CheckText("metadata key", key);
            CheckText($"metadata '{key}'", value, mayBeEmpty: true);
        }

        if (model.Graph is null) Add("graph", "null", "must be given");
        else CheckGraph(model.Graph, model.Graph.Name, new OnnxScope(null));
        return _problems;
    }

    private void CheckGraph(OnnxGraph graph, string path, OnnxScope scope)
    {
        if (_around.Contains(graph))
        {
            Add(path, $"graph '{graph.Name}'", "must not contain itself");
            return;
        }

        if (_around.Count == MaxDepth)
        {
            Add(path, $"graph '{graph.Name}'", $"must not be nested deeper than {MaxDepth} graphs");
            return;
        }

        _around.Add(graph);
        CheckText($"{path} name", graph.Name);
        foreach (var input in graph.Inputs)
        {
            CheckValue($"{path}/input", input);
            Define(scope, $"{path}/input", input.Name);
        }

        foreach (var tensor in graph.Initializers)
        {
            CheckTensor($"{path}/initializer", tensor, mayBeNameless: false);
            Define(scope, $"{path}/initializer", tensor.Name);
        }

        foreach (var node in graph.Nodes) scope.Promise(node.Outputs);
        CheckNodes(graph, path, scope);
        CheckOutputs(graph, path, scope);
        _around.RemoveAt(_around.Count - 1);
    }

    private void CheckNodes(OnnxGraph graph, string path, OnnxScope scope)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < graph.Nodes.Count; i++)
        {
            var node = graph.Nodes[i];
            string at = $"{path}/node[{i.ToString(CultureInfo.InvariantCulture)}] {node.OpType}";
            CheckText($"{at} op_type", node.OpType);
            CheckText($"{at} name", node.Name, mayBeEmpty: true);
            if (!string.IsNullOrEmpty(node.Name) && !names.Add(node.Name)) Add(at, $"name '{node.Name}'", "is taken by an earlier node");
            if (node.Domain is null || !model.OpsetImports.ContainsKey(node.Domain)) Add(at, $"domain '{node.Domain}'", "must be among the opset imports");
            foreach (string input in node.Inputs)
            {
                if (string.IsNullOrEmpty(input) || scope.IsDefined(input)) continue;
                Add(at, $"input '{input}'", scope.IsPromised(input) ? "is produced only by a later node or by this one; nodes must be in topological order" : "is not defined");
            }

            CheckAttributes(node, at, scope);
            if (node.Outputs.All(string.IsNullOrEmpty)) Add(at, "outputs", "must name at least one value");
            foreach (string output in node.Outputs)
            {
                if (!string.IsNullOrEmpty(output)) Define(scope, at, output);
            }
        }
    }

    private void CheckAttributes(OnnxNode node, string at, OnnxScope scope)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var attribute in node.Attributes)
        {
            string path = $"{at}/{attribute.Name}";
            CheckText($"{at} attribute", attribute.Name);
            if (attribute.Name is not null && !names.Add(attribute.Name)) Add(path, "attribute", "is given twice");
            switch (attribute.Value)
            {
                case OnnxGraph graph:
                    CheckGraph(graph, path, new OnnxScope(scope));
                    break;
                case OnnxTensor tensor:
                    CheckTensor(path, tensor, mayBeNameless: true);
                    break;
                case string text:
                    CheckText(path, text, mayBeEmpty: true);
                    break;
                case string[] texts:
                    foreach (string text in texts) CheckText(path, text, mayBeEmpty: true);
                    break;
            }
        }
    }

    private void CheckOutputs(OnnxGraph graph, string path, OnnxScope scope)
    {
        if (graph.Outputs.Count == 0) Add(path, "outputs", "must have at least one");
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var output in graph.Outputs)
        {
            CheckValue($"{path}/output", output);
            if (output.Name is null) continue;
            if (!names.Add(output.Name)) Add($"{path}/output", $"'{output.Name}'", "is listed twice");
            if (!scope.IsOwn(output.Name)) Add($"{path}/output", $"'{output.Name}'", "is not set by any input, initializer or node of this graph");
        }
    }

    private void CheckValue(string path, OnnxValueInfo value)
    {
        CheckText(path, value.Name);
        CheckType($"{path} '{value.Name}'", value.Type);
        foreach (var dim in value.Shape)
        {
            if (dim.Symbol is null) Require(dim.Value >= 0, $"{path} '{value.Name}'", dim, "dimensions must not be negative");
            else CheckText($"{path} '{value.Name}' dimension", dim.Symbol);
        }
    }

    private void CheckTensor(string path, OnnxTensor tensor, bool mayBeNameless)
    {
        CheckText(path, tensor.Name, mayBeNameless);
        CheckType($"{path} '{tensor.Name}'", tensor.Type);
        string shape = $"[{string.Join(", ", tensor.Shape.ToArray())}]";
        Int128 bytes = tensor.Type.Size();
        foreach (long dim in tensor.Shape)
        {
            if (dim < 0)
            {
                Add($"{path} '{tensor.Name}'", $"shape {shape}", "dimensions must not be negative");
                return;
            }

            // Saturated: a product of many large dimensions passes even 128 bits.
            bytes = Int128.Min(bytes * dim, Int128.One << 64);
        }

        if (tensor.Type.Size() > 0 && tensor.ByteLength != bytes)
            Add($"{path} '{tensor.Name}'", $"{tensor.ByteLength} bytes", $"shape {shape} of {tensor.Type} needs {(bytes >> 64 != 0 ? "more than 2^64" : bytes)}");
    }

    private void CheckType(string path, OnnxElementType type) =>
        Require(Enum.IsDefined(type), path, type, "must be a defined element type");

    private void Define(OnnxScope scope, string path, string name)
    {
        if (string.IsNullOrEmpty(name)) return;
        CheckText(path, name);
        if (!scope.Define(name)) Add(path, $"'{name}'", "is a duplicate: the name is taken in this graph or one around it");
    }

    private void CheckText(string path, string? text, bool mayBeEmpty = false)
    {
        if (text is null) Add(path, "null", "must be given");
        else if (text.Length == 0 && !mayBeEmpty) Add(path, "''", "must not be empty");
        else if (!IsWellFormed(text)) Add(path, $"text of {text.Length} characters", "must be well-formed UTF-16");
    }

    private static bool IsWellFormed(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(text, out _, out int used) != OperationStatus.Done) return false;
            text = text[used..];
        }

        return true;
    }

    private void Require(bool holds, string name, object value, string rule)
    {
        if (!holds) Add(name, string.Format(CultureInfo.InvariantCulture, "{0}", value), rule);
    }

    private void Add(string name, string value, string rule) => _problems.Add(new SpecProblem(name, value, rule));
}
