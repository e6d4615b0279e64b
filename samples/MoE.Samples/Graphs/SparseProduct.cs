using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Graphs;

/// <summary>The product of a constant sparse matrix with a dense one, under autograd: y = A x, dx = A^T dy.</summary>
public static class SparseProduct
{
    /// <summary>Multiplies.</summary>
    /// <param name="matrix">[rows, columns], constant.</param>
    /// <param name="dense">[columns, width], single precision, on the CPU.</param>
    /// <returns>[rows, width].</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static Tensor multiply(SparseMatrix matrix, Tensor dense)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        ArgumentNullException.ThrowIfNull(dense);
        if (dense.dim() != 2 || dense.shape[0] != matrix.Columns || dense.dtype != ScalarType.Float32 || dense.device_type != DeviceType.CPU)
            throw new ArgumentException($"dense is {dense.dtype} [{string.Join(", ", dense.shape)}] on {dense.device_type}; must be Float32 [{matrix.Columns}, width] on the CPU", nameof(dense));
        using var scope = NewDisposeScope();
        return (is_grad_enabled() && dense.requires_grad ? Product.apply(matrix, dense) : Multiply(matrix, dense)).MoveToOuterDisposeScope();
    }

    private static Tensor Multiply(SparseMatrix matrix, Tensor dense)
    {
        using var rows = dense.contiguous();
        int width = (int)dense.shape[1];
        var result = empty(matrix.Rows, width);
        matrix.Multiply(Floats(rows), width, Floats(result));
        return result;
    }

    private static Span<float> Floats(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);

    private sealed class Product : autograd.SingleTensorFunction<Product>
    {
        public override string Name => nameof(SparseProduct);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            ctx.save_data("matrix", vars[0]);
            return Multiply((SparseMatrix)vars[0], (Tensor)vars[1]);
        }

        // Must not throw: shapes are those of the forward pass.
        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            var matrix = (SparseMatrix)ctx.get_data("matrix");
            using var rows = grad_output.contiguous();
            int width = (int)rows.shape[1];
            // Ends with the scope that backward was called in.
            var gradient = empty(matrix.Columns, width);
            matrix.MultiplyTransposed(Floats(rows), width, Floats(gradient));
            return [null!, gradient];
        }
    }
}
