using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace MoE.Onnx;

/// <summary>The large initializers of a model where a session reads them in place: in the caller's memory, held still, or in memory of its own. Lives as long as the session.</summary>
internal sealed unsafe class WeightMemory : IDisposable
{
    // As external data from here on; smaller ones lie in the model.
    private const long Threshold = 1024;
    private const nuint Alignment = 64;

    // What MLAS pads a matrix's rows to when it packs it.
    private const long PackedRows = 16;

    private readonly Dictionary<string, MemoryHandle> _pins = new(StringComparer.Ordinal);
    private readonly List<(string Name, OrtValue Value)> _values = [];
    private readonly List<nint> _buffers = [];

    public WeightMemory(OnnxModel model, IWeightSource source, bool prepacking)
    {
        long shared = 0, owned = 0;
        try
        {
            foreach (var tensor in model.Graph.Initializers)
            {
                if (tensor.ByteLength < Threshold) continue;
                nint address;
                if (tensor.Origin is { } origin && source is IPinnableWeightSource pinnable)
                {
                    if (!_pins.TryGetValue(origin, out var pin)) _pins[origin] = pin = pinnable.Pin(origin);
                    address = (nint)pin.Pointer + (nint)tensor.OriginStart;
                    shared += tensor.ByteLength;
                }
                else
                {
                    address = Fill(tensor);
                    owned += tensor.ByteLength;
                }

                _values.Add((tensor.Name, OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, (TensorElementType)tensor.Type, tensor.Shape.ToArray(), address, tensor.ByteLength)));
            }

            Sizes = new OnnxLayerMemory(shared, owned, prepacking ? PackedBytes(model) : 0);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public OnnxLayerMemory Sizes { get; } = new(0, 0, 0);

    /// <summary>Writes the model without the tensors, and an empty file in their place.</summary>
    public void Write(OnnxModel model, string path)
    {
        var problems = model.Validate();
        if (problems.Count > 0) throw new OnnxModelException(problems);
        var data = new OnnxDataFile(Path.GetFileName(path) + OnnxWriter.DataSuffix, model, Threshold);
        using (var file = File.Create(path)) new OnnxEncoder(data.Name, data.Offsets).Model(model).CopyTo(file);
        File.WriteAllBytes(path + OnnxWriter.DataSuffix, []);
    }

    public void AddTo(SessionOptions options)
    {
        foreach (var (name, value) in _values) options.AddInitializer(name, value);
    }

    public void Dispose()
    {
        foreach (var (_, value) in _values) value.Dispose();
        foreach (var pin in _pins.Values) pin.Dispose();
        foreach (nint buffer in _buffers) NativeMemory.AlignedFree((void*)buffer);
        _values.Clear();
        _pins.Clear();
        _buffers.Clear();
    }

    private nint Fill(OnnxTensor tensor)
    {
        byte* buffer = (byte*)NativeMemory.AlignedAlloc((nuint)tensor.ByteLength, Alignment);
        _buffers.Add((nint)buffer);
        using var stream = new UnmanagedMemoryStream(buffer, 0, tensor.ByteLength, FileAccess.Write);
        tensor.Data.CopyTo(stream);
        return (nint)buffer;
    }

    // Matrices that products of the graph, and of the branches in it, take from an initializer.
    private static long PackedBytes(OnnxModel model)
    {
        var matrices = model.Graph.Initializers.ToDictionary(static t => t.Name, StringComparer.Ordinal);
        long bytes = 0;
        Count(model.Graph);
        return bytes;

        void Count(OnnxGraph graph)
        {
            foreach (var node in graph.Nodes)
            {
                if (node.OpType == "Gemm" && matrices.TryGetValue(node.Inputs[1], out var matrix))
                    bytes += (matrix.Shape[0] + PackedRows - 1) / PackedRows * PackedRows * matrix.Shape[1] * sizeof(float);
                foreach (var attribute in node.Attributes)
                    if (attribute.Value is OnnxGraph inner) Count(inner);
            }
        }
    }
}
