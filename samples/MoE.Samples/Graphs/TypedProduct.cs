using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Graphs;

/// <summary>Typed linear on the library's grouped kernels, under autograd: y[r] = W_type(r) x[Inputs[r]]. Rows are gathered on the way in; nothing is materialised per row but the result.</summary>
/// <param name="workspace">Memory and threads of the kernels; the caller's own.</param>
public sealed class TypedProduct(MoEWorkspace workspace)
{
    /// <summary>Multiplies.</summary>
    /// <param name="x">[inputs, K], single precision, on the CPU.</param>
    /// <param name="weights">[types, N, K].</param>
    /// <param name="rows">The rows.</param>
    /// <returns>[rows, N].</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public Tensor multiply(Tensor x, Tensor weights, TypedRows rows)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(rows);
        if (weights.dim() != 3 || weights.shape[0] != rows.Types || weights.dtype != ScalarType.Float32) throw new ArgumentException($"weights is {weights.dtype} [{string.Join(", ", weights.shape)}]; must be Float32 [{rows.Types}, N, K]", nameof(weights));
        if (x.dim() != 2 || x.shape[0] != rows.InputCount || x.shape[1] != weights.shape[2] || x.dtype != ScalarType.Float32) throw new ArgumentException($"x is {x.dtype} [{string.Join(", ", x.shape)}]; must be Float32 [{rows.InputCount}, {weights.shape[2]}]", nameof(x));
        using var scope = NewDisposeScope();
        return (is_grad_enabled() && (x.requires_grad || weights.requires_grad) ? Node.apply(this, x, weights, rows) : Forward(x, weights, rows)).MoveToOuterDisposeScope();
    }

    /// <summary>Multiplies into memory at hand, without autograd: large results that are made anew spend their time on pages.</summary>
    /// <param name="x">[inputs, K], single precision, on the CPU.</param>
    /// <param name="weights">[types, N, K].</param>
    /// <param name="rows">The rows.</param>
    /// <param name="y">[rows, N], contiguous, overwritten.</param>
    /// <returns>y.</returns>
    public Tensor multiply_into(Tensor x, Tensor weights, TypedRows rows, Tensor y)
    {
        using Tensor a = x.contiguous(), w = weights.contiguous();
        int outputs = (int)w.shape[1], inputs = (int)w.shape[2];
        GroupedGemm.Forward(Floats(a), new(rows.Offsets, rows.Inputs), new(Floats(w), rows.Types, outputs, inputs), Floats(y), workspace);
        return y;
    }

    private Tensor Forward(Tensor x, Tensor weights, TypedRows rows) => multiply_into(x, weights, rows, empty([rows.Count, weights.shape[1]], dtype: ScalarType.Float32));

    private static Span<float> Floats(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);

    private sealed class Node : autograd.SingleTensorFunction<Node>
    {
        public override string Name => nameof(TypedProduct);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            ctx.save_data("owner", vars[0]);
            ctx.save_data("rows", vars[3]);
            ctx.save_for_backward([(Tensor)vars[1], (Tensor)vars[2]]);
            return ((TypedProduct)vars[0]).Forward((Tensor)vars[1], (Tensor)vars[2], (TypedRows)vars[3]);
        }

        // Must not throw: shapes are those of the forward pass.
        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            using var scope = NewDisposeScope();
            var owner = (TypedProduct)ctx.get_data("owner");
            var rows = (TypedRows)ctx.get_data("rows");
            var saved = ctx.get_saved_variables();
            Tensor x = saved[0].contiguous(), w = saved[1].contiguous(), dy = grad_output.contiguous();
            int outputs = (int)w.shape[1], inputs = (int)w.shape[2];
            Tensor dx = empty(x.shape, dtype: ScalarType.Float32), dw = empty(w.shape, dtype: ScalarType.Float32);
            var grouped = new GroupedRows(rows.Offsets, rows.Inputs);
            GroupedGemm.InputGradient(Floats(dy), grouped, new(Floats(w), rows.Types, outputs, inputs), Floats(dx), owner.Workspace);
            GroupedGemm.WeightGradient(Floats(x), Floats(dy), grouped, outputs, inputs, Floats(dw), owner.Workspace);
            foreach (var variable in saved) variable.Dispose();
            // They end with the scope that backward was called in.
            return [null!, dx.MoveToOuterDisposeScope(), dw.MoveToOuterDisposeScope(), null!];
        }
    }

    private MoEWorkspace Workspace => workspace;
}
