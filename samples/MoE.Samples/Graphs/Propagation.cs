using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Graphs;

/// <summary>All powers of a symmetric matrix times features as one node of autograd: H_l = A^l Z, l = 0..K. Backward runs the recursion from the other end. Not for two threads at once: it keeps its buffers.</summary>
public sealed class Propagation
{
    private const int Lanes = 8;
    private readonly SparseMatrix _matrix;
    private Vector256<float>[] _now;
    private Vector256<float>[] _next;
    private readonly Vector256<float>[] _here;

    /// <summary>Makes the buffers.</summary>
    /// <param name="matrix">[nodes, nodes], symmetric and constant.</param>
    /// <exception cref="ArgumentException">It is not square.</exception>
    public Propagation(SparseMatrix matrix)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        if (matrix.Rows != matrix.Columns) throw new ArgumentException($"matrix is {matrix.Rows} x {matrix.Columns}; must be square", nameof(matrix));
        _matrix = matrix;
        _now = new Vector256<float>[matrix.Rows];
        _next = new Vector256<float>[matrix.Rows];
        _here = new Vector256<float>[matrix.Rows];
    }

    /// <summary>Propagates.</summary>
    /// <param name="features">Z [nodes, C], C at most 8, single precision, on the CPU.</param>
    /// <param name="depth">K, not negative.</param>
    /// <returns>[K + 1, nodes, C].</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public Tensor powers(Tensor features, int depth)
    {
        ArgumentNullException.ThrowIfNull(features);
        ArgumentOutOfRangeException.ThrowIfNegative(depth);
        if (features.dim() != 2 || features.shape[0] != _matrix.Columns || features.shape[1] > Lanes || features.dtype != ScalarType.Float32 || features.device_type != DeviceType.CPU)
            throw new ArgumentException($"features is {features.dtype} [{string.Join(", ", features.shape)}] on {features.device_type}; must be Float32 [{_matrix.Columns}, at most {Lanes}] on the CPU", nameof(features));
        using var scope = NewDisposeScope();
        return (is_grad_enabled() && features.requires_grad ? Node.apply(this, features, depth) : Forward(features, depth)).MoveToOuterDisposeScope();
    }

    private Tensor Forward(Tensor features, int depth)
    {
        using var rows = features.contiguous();
        int nodes = _matrix.Rows, width = (int)features.shape[1];
        var result = empty([depth + 1, nodes, width], dtype: ScalarType.Float32);
        var to = Floats(result);
        Floats(rows).CopyTo(to);
        Load(Floats(rows), width, _now);
        for (int l = 1; l <= depth; l++)
        {
            Step();
            (_now, _next) = (_next, _now);
            Store(_now, width, to.Slice(l * nodes * width, nodes * width));
        }

        return result;
    }

    private Tensor Backward(Tensor upstream)
    {
        using var rows = upstream.contiguous();
        int depth = (int)rows.shape[0] - 1, nodes = _matrix.Rows, width = (int)rows.shape[2];
        var from = Floats(rows);
        Load(from.Slice(depth * nodes * width, nodes * width), width, _now);
        for (int l = depth - 1; l >= 0; l--)
        {
            Step();
            Load(from.Slice(l * nodes * width, nodes * width), width, _here);
            for (int r = 0; r < nodes; r++) _now[r] = _next[r] + _here[r];
        }

        // Ends with the scope that backward was called in.
        var gradient = empty([nodes, width], dtype: ScalarType.Float32);
        Store(_now, width, Floats(gradient));
        return gradient;
    }

    // Rows of at most eight values, filled up with zeros: one vector each.
    private void Step()
    {
        Vector256<float>[] from = _now, to = _next;
        var matrix = _matrix;
        for (int r = 0; r < to.Length; r++)
        {
            var sum = Vector256<float>.Zero;
            for (int i = matrix.Offsets[r]; i < matrix.Offsets[r + 1]; i++) sum += matrix.Values[i] * from[matrix.At[i]];
            to[r] = sum;
        }
    }

    private static void Load(ReadOnlySpan<float> rows, int width, Span<Vector256<float>> to)
    {
        var values = MemoryMarshal.Cast<Vector256<float>, float>(to);
        for (int r = 0; r < to.Length; r++) rows.Slice(r * width, width).CopyTo(values[(r * Lanes)..]);
    }

    private static void Store(ReadOnlySpan<Vector256<float>> from, int width, Span<float> rows)
    {
        var values = MemoryMarshal.Cast<Vector256<float>, float>(from);
        for (int r = 0; r < from.Length; r++)
        {
            for (int c = 0; c < width; c++) rows[r * width + c] = values[r * Lanes + c];
        }
    }

    private static Span<float> Floats(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);

    private sealed class Node : autograd.SingleTensorFunction<Node>
    {
        public override string Name => nameof(Propagation);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            ctx.save_data("owner", vars[0]);
            return ((Propagation)vars[0]).Forward((Tensor)vars[1], (int)vars[2]);
        }

        // Must not throw: shapes are those of the forward pass.
        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) => [null!, ((Propagation)ctx.get_data("owner")).Backward(grad_output), null!];
    }
}
