using System.Globalization;

namespace MoE.Onnx;

/// <summary>The graph model as protobuf messages. Field numbers are those of <c>onnx.proto</c>.</summary>
internal sealed class OnnxEncoder(string? dataFile = null, IReadOnlyDictionary<OnnxTensor, long>? dataOffsets = null)
{
    public ProtoMessage Model(OnnxModel model)
    {
        var message = new ProtoMessage().Varint(1, model.IrVersion);
        if (model.ProducerName.Length > 0) message.Text(2, model.ProducerName);
        message.Message(7, Graph(model.Graph));
        foreach (var (domain, version) in model.OpsetImports.OrderBy(static i => i.Key, StringComparer.Ordinal))
            message.Message(8, new ProtoMessage().Text(1, domain).Varint(2, version));
        foreach (var (key, value) in model.Metadata.OrderBy(static m => m.Key, StringComparer.Ordinal))
            message.Message(14, Entry(key, value));
        return message;
    }

    private ProtoMessage Graph(OnnxGraph graph)
    {
        var message = new ProtoMessage();
        foreach (var node in graph.Nodes) message.Message(1, Node(node));
        message.Text(2, graph.Name);
        foreach (var tensor in graph.Initializers) message.Message(5, Tensor(tensor));
        foreach (var input in graph.Inputs) message.Message(11, ValueInfo(input));
        foreach (var output in graph.Outputs) message.Message(12, ValueInfo(output));
        return message;
    }

    private ProtoMessage Node(OnnxNode node)
    {
        var message = new ProtoMessage();
        foreach (string input in node.Inputs) message.Text(1, input ?? "");
        foreach (string output in node.Outputs) message.Text(2, output ?? "");
        if (node.Name.Length > 0) message.Text(3, node.Name);
        message.Text(4, node.OpType);
        foreach (var attribute in node.Attributes) message.Message(5, Attribute(attribute));
        if (node.Domain.Length > 0) message.Text(7, node.Domain);
        return message;
    }

    private ProtoMessage Attribute(OnnxAttribute attribute)
    {
        var message = new ProtoMessage().Text(1, attribute.Name);
        switch (attribute.Value)
        {
            case float value:
                message.Float(2, value);
                break;
            case long value:
                message.Varint(3, value);
                break;
            case string value:
                message.Text(4, value);
                break;
            case OnnxTensor value:
                message.Message(5, Tensor(value));
                break;
            case OnnxGraph value:
                message.Message(6, Graph(value));
                break;
            case float[] values:
                message.PackedFloats(7, values);
                break;
            case long[] values:
                message.PackedVarints(8, values);
                break;
            case string[] values:
                foreach (string value in values) message.Text(9, value);
                break;
        }

        return message.Varint(20, (int)attribute.Kind);
    }

    private ProtoMessage Tensor(OnnxTensor tensor)
    {
        var message = new ProtoMessage().PackedVarints(1, tensor.Shape).Varint(2, (int)tensor.Type);
        if (tensor.Name.Length > 0) message.Text(8, tensor.Name);
        if (dataFile is null || dataOffsets is null || !dataOffsets.TryGetValue(tensor, out long offset))
            return message.Payload(9, tensor.Data);
        return message
            .Message(13, Entry("location", dataFile))
            .Message(13, Entry("offset", offset.ToString(CultureInfo.InvariantCulture)))
            .Message(13, Entry("length", tensor.ByteLength.ToString(CultureInfo.InvariantCulture)))
            .Varint(14, 1);
    }

    private static ProtoMessage ValueInfo(OnnxValueInfo value)
    {
        var shape = new ProtoMessage();
        foreach (var dim in value.Shape)
            shape.Message(1, dim.Symbol is { } symbol ? new ProtoMessage().Text(2, symbol) : new ProtoMessage().Varint(1, dim.Value));
        var tensor = new ProtoMessage().Varint(1, (int)value.Type).Message(2, shape);
        var type = new ProtoMessage().Message(1, tensor);
        if (value.IsSequence) type = new ProtoMessage().Message(4, new ProtoMessage().Message(1, type));
        return new ProtoMessage().Text(1, value.Name).Message(2, type);
    }

    private static ProtoMessage Entry(string key, string value) => new ProtoMessage().Text(1, key).Text(2, value);
}
