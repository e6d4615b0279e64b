namespace MoE.Onnx;

/// <summary>The file of external data beside a model: which initializers it holds, and where.</summary>
internal sealed class OnnxDataFile
{
    // Readers map the file into memory page by page.
    private const long Alignment = 4096;

    private readonly List<(OnnxTensor Tensor, long Offset)> _tensors = [];
    private readonly Dictionary<OnnxTensor, long> _offsets = new(ReferenceEqualityComparer.Instance);
    private long _end;

    public OnnxDataFile(string name, OnnxModel model, long threshold)
    {
        Name = name;
        Collect(model.Graph, threshold);
    }

    public string Name { get; }

    public IReadOnlyDictionary<OnnxTensor, long> Offsets => _offsets;

    public bool IsEmpty => _tensors.Count == 0;

    public void CopyTo(Stream target)
    {
        long position = 0;
        var zeros = new byte[Alignment];
        foreach (var (tensor, offset) in _tensors)
        {
            target.Write(zeros.AsSpan(0, (int)(offset - position)));
            tensor.Data.CopyTo(target);
            position = offset + tensor.ByteLength;
        }
    }

    private void Collect(OnnxGraph graph, long threshold)
    {
        foreach (var tensor in graph.Initializers)
        {
            // An empty tensor has no bytes to point at.
            if (tensor.ByteLength < Math.Max(threshold, 1) || _offsets.ContainsKey(tensor)) continue;
            long offset = (_end + Alignment - 1) / Alignment * Alignment;
            _tensors.Add((tensor, offset));
            _offsets.Add(tensor, offset);
            _end = offset + tensor.ByteLength;
        }

        foreach (var node in graph.Nodes)
        {
            foreach (var attribute in node.Attributes)
            {
                if (attribute.Value is OnnxGraph inner) Collect(inner, threshold);
            }
        }
    }
}
