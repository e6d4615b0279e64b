using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace MoE.Onnx;

/// <summary>The weights of a layer as initializers. They are read from the source while the model is written, widened to single precision (exact) and never held as a whole.</summary>
internal sealed class LayerTensors
{
    private readonly IWeightSource _source;
    private readonly Dictionary<string, int[]> _shapes = new(StringComparer.Ordinal);

    /// <summary>Checks names, shapes and values; reports all that is wrong at once.</summary>
    /// <exception cref="ArgumentException">A tensor is missing, misshapen or not finite.</exception>
    public LayerTensors(IReadOnlyList<(string Name, int[] Shape)> expected, IWeightSource source)
    {
        _source = source;
        var problems = new List<string>();
        foreach (var (name, shape) in expected)
        {
            _shapes.Add(name, shape);
            // What is read by parts is refused when it is read, where a number is not finite.
            if (source is IWeightParts parts)
            {
                if (parts.ShapeOf(name) is not { } actual) problems.Add(Missing(name, shape));
                else if (!actual.AsSpan().SequenceEqual(shape)) problems.Add(Misshapen(name, actual, shape));
            }
            else if (!source.TryGet(name, out var tensor)) problems.Add(Missing(name, shape));
            else if (!tensor.Shape.SequenceEqual(shape)) problems.Add(Misshapen(name, tensor.Shape.ToArray(), shape));
            else if (!IsFinite(tensor)) problems.Add($"{name} has a NaN or infinity; must be finite");
        }

        if (problems.Count > 0) throw new ArgumentException(string.Join("; ", problems), "weights");
    }

    public bool Has(string name) => _shapes.ContainsKey(name);

    /// <summary>A tensor under its own name and shape.</summary>
    public OnnxTensor Whole(string name) => Part(name, name, 0, _shapes[name]);

    /// <summary>The part of one expert, named with its index.</summary>
    public OnnxTensor OfExpert(string name, int expert)
    {
        int[] shape = _shapes[name][1..];
        return Part($"{name}.{expert}", name, expert * Count(shape), shape);
    }

    /// <summary>Two tensors of one shape [E, F, ...] as [E, 2F, ...] with rows in turn: the first's, the second's, ...</summary>
    public OnnxTensor Interleaved(string name, string first, string second)
    {
        int[] shape = _shapes[first];
        long[] doubled = [.. shape.Select(static s => (long)s)];
        doubled[1] *= 2;
        int row = (int)Count(shape[2..]), rows = shape[1];
        return OnnxTensor.Deferred(name, OnnxElementType.Float32, Count(shape) * 2 * sizeof(float), target =>
        {
            float[] a = new float[rows * row], b = new float[rows * row];
            for (int e = 0; e < shape[0]; e++)
            {
                Read(first, e, a);
                Read(second, e, b);
                for (int r = 0; r < rows; r++)
                {
                    target.Write(MemoryMarshal.AsBytes(a.AsSpan(r * row, row)));
                    target.Write(MemoryMarshal.AsBytes(b.AsSpan(r * row, row)));
                }
            }
        }, doubled);
    }

    /// <summary>Vectors of one shape [E, F] as [E, n F'], their numbers in turn, filled up with zeros.</summary>
    public OnnxTensor Vectors(string name, int count, params string[] sources)
    {
        int[] shape = _shapes[sources[0]];
        return OnnxTensor.Deferred(name, OnnxElementType.Float32, (long)shape[0] * count * sources.Length * sizeof(float), target =>
        {
            float[] from = new float[shape[1]], to = new float[count * sources.Length];
            for (int e = 0; e < shape[0]; e++)
            {
                for (int s = 0; s < sources.Length; s++)
                {
                    Read(sources[s], e, from);
                    for (int i = 0; i < from.Length; i++) to[(i * sources.Length) + s] = from[i];
                }

                target.Write(MemoryMarshal.AsBytes(to.AsSpan()));
            }
        }, shape[0], (long)count * sources.Length);
    }

    /// <summary>
    /// Tensors of one shape [E, F, K], rows in turn and filled up with zeros, as unsigned 8-bit numbers [E, n F', K'], or two 4-bit ones to a byte [E, n F', K' / 2], the first in the low half.
    /// </summary>
    public OnnxTensor Numbers(string name, WeightFormat format, int rows, int length, params string[] sources)
    {
        int experts = _shapes[sources[0]][0];
        bool nibbles = IsNibbles(format);
        long bytes = nibbles ? length / 2 : length, all = (long)experts * rows * sources.Length;
        return OnnxTensor.Deferred(name, OnnxElementType.UInt8, all * bytes, target => EachRow(format, rows, length, sources, (numbers, _, _) =>
        {
            byte[] packed = new byte[bytes];
            for (int i = 0; i < packed.Length; i++) packed[i] = nibbles ? (byte)((numbers[2 * i] + 8) | ((numbers[2 * i + 1] + 8) << 4)) : (byte)(numbers[i] + 128);
            target.Write(packed);
        }), [experts, (long)rows * sources.Length, bytes]);
    }

    /// <summary>The scales of <see cref="Numbers"/>: [E, n F', K' / 32], or [E, n F'] per row.</summary>
    public OnnxTensor Scales(string name, WeightFormat format, int rows, int length, params string[] sources)
    {
        int experts = _shapes[sources[0]][0];
        long perRow = WeightQuantizer.ScaleCount(format, length), all = (long)experts * rows * sources.Length;
        long[] dims = format == WeightFormat.Int8PerRow ? [experts, (long)rows * sources.Length] : [experts, (long)rows * sources.Length, perRow];
        return OnnxTensor.Deferred(name, OnnxElementType.Float32, all * perRow * sizeof(float), target => EachRow(format, rows, length, sources, (_, scales, _) => target.Write(MemoryMarshal.AsBytes(scales.AsSpan()))), dims);
    }

    /// <summary>The zero points of <see cref="Numbers"/>, two to a byte, the first in the low half: [E, n F', ceil(K' / 64)].</summary>
    public OnnxTensor ZeroPoints(string name, WeightFormat format, int rows, int length, params string[] sources)
    {
        int experts = _shapes[sources[0]][0];
        long bytes = (WeightQuantizer.ZeroPointCount(format, length) + 1) / 2, all = (long)experts * rows * sources.Length;
        return OnnxTensor.Deferred(name, OnnxElementType.UInt8, all * bytes, target => EachRow(format, rows, length, sources, (_, _, zeros) =>
        {
            byte[] packed = new byte[bytes];
            for (int i = 0; i < zeros.Length; i++) packed[i / 2] |= (byte)((zeros[i] + 8) << i % 2 * 4);
            target.Write(packed);
        }), [experts, (long)rows * sources.Length, bytes]);
    }

    /// <summary>Numbers of a format have 4 bits.</summary>
    public static bool IsNibbles(WeightFormat format) => format is WeightFormat.Int4PerBlock or WeightFormat.Int4PerBlockAsymmetric;

    private void EachRow(WeightFormat format, int rows, int length, string[] sources, Action<sbyte[], float[], sbyte[]> write)
    {
        int[] shape = _shapes[sources[0]];
        var shares = Array.ConvertAll(sources, _ => new float[shape[1] * shape[2]]);
        float[] row = new float[length];
        sbyte[] numbers = new sbyte[length];
        float[] scales = new float[WeightQuantizer.ScaleCount(format, length)];
        sbyte[] zeros = new sbyte[WeightQuantizer.ZeroPointCount(format, length)];
        for (int e = 0; e < shape[0]; e++)
        {
            for (int s = 0; s < sources.Length; s++) Read(sources[s], e, shares[s]);
            for (int r = 0; r < rows; r++)
            {
                foreach (float[] share in shares)
                {
                    Array.Clear(row);
                    if (r < shape[1]) share.AsSpan(r * shape[2], shape[2]).CopyTo(row);
                    WeightQuantizer.Quantize(format, row, numbers, scales, zeros);
                    write(numbers, scales, zeros);
                }
            }
        }
    }

    private OnnxTensor Part(string name, string source, long start, int[] shape)
    {
        long count = Count(shape);
        long[] dims = [.. shape.Select(static s => (long)s)];
        if (_source is IWeightParts)
        {
            // A share at a time: the whole may be larger than an array.
            int shares = source.StartsWith("experts.", StringComparison.Ordinal) && count == Count(_shapes[source]) ? _shapes[source][0] : 1, size = (int)(count / shares), first = (int)(start / size);
            return OnnxTensor.Deferred(name, OnnxElementType.Float32, count * sizeof(float), target =>
            {
                var share = new float[size];
                for (int e = 0; e < shares; e++)
                {
                    Read(source, first + e, share);
                    target.Write(MemoryMarshal.AsBytes(share.AsSpan()));
                }
            }, dims);
        }

        var tensor = OnnxTensor.Deferred(name, OnnxElementType.Float32, count * sizeof(float), target => new SingleReader(Get(source)).CopyTo(target, start, count), dims);
        return Get(source).Type == WeightType.Float32 ? tensor.From(source, start * sizeof(float)) : tensor;
    }

    private void Read(string name, int expert, Span<float> share)
    {
        if (_source is not IWeightParts) _ = Get(name);
        WeightShares.Read(_source, name, expert, share);
    }

    private static string Missing(string name, int[] shape) => $"{name} is missing; must be [{string.Join(", ", shape)}]";

    private static string Misshapen(string name, int[] actual, int[] shape) => $"{name} has shape [{string.Join(", ", actual)}]; must be [{string.Join(", ", shape)}]";

    private WeightTensor Get(string name) => _source.TryGet(name, out var tensor) && tensor.Shape.SequenceEqual(_shapes[name])
        ? tensor
        : throw new InvalidOperationException($"{name} was taken away or changed its shape while the model was written");

    private static long Count(int[] shape)
    {
        long count = 1;
        foreach (int s in shape) count *= s;
        return count;
    }

    private static bool IsFinite(WeightTensor tensor)
    {
        if (tensor.Type == WeightType.Float32) return TensorPrimitives.IsFiniteAll(MemoryMarshal.Cast<byte, float>(tensor.Data));
        if (tensor.Type == WeightType.Float16) return TensorPrimitives.IsFiniteAll(MemoryMarshal.Cast<byte, Half>(tensor.Data));
        const ushort exponent = 0x7F80;
        foreach (ushort bits in MemoryMarshal.Cast<byte, ushort>(tensor.Data))
        {
            if ((bits & exponent) == exponent) return false;
        }

        return true;
    }
}
