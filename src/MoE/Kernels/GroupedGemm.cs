namespace MoE;

/// <summary>
/// The grouped (typed) product and its two gradients on the register tiles: rows in segments, one weight per segment, rows gathered on the way in and scattered on the way out. Packs weights as it goes, so they may change
/// between calls; for weights that stay, <see cref="MoEFeedForward"/> packs once. Bits depend on neither threads nor how the batch is cut into calls along segments. Allocates nothing once the workspace has grown.
/// </summary>
/// <remarks>
/// Scratch: 4 C (K + 2 N) bytes for C = min(R, 2048) rows, and up to 512 KB (or one panel, 128 K bytes) per thread. For compact (unique row) products see <see cref="CompactRows"/>.
/// </remarks>
public static unsafe class GroupedGemm
{
    /// <summary>y[Outputs[r]] += Scales[r] W_g x[Inputs[r]] for every row r of every segment g.</summary>
    /// <param name="x">[.., K], row-major.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="weights">One matrix per segment.</param>
    /// <param name="y">[.., N], row-major: overwritten, with zeros where no row points, or added to.</param>
    /// <param name="workspace">The caller's own.</param>
    /// <param name="add">Adds to what y holds.</param>
    /// <exception cref="ArgumentException">A length is no multiple of its width, an index is out of range, groups differ, or the memory overlaps.</exception>
    public static void Forward(ReadOnlySpan<float> x, GroupedRows rows, GroupedWeights weights, Span<float> y, MoEWorkspace workspace, bool add = false)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        Check(rows, weights.Groups);
        Check(x, weights.Inputs, rows.Inputs, rows.Count, nameof(x));
        Check(y, weights.Outputs, rows.Outputs, rows.Count, nameof(y));
        if (x.Overlaps(y)) throw new ArgumentException("y overlaps x; must be other memory", nameof(y));
        if (!add && (!rows.Outputs.IsEmpty || rows.Count == 0)) y.Clear();
        fixed (float* a = x, w = weights.Values, to = y, scales = rows.Scales)
        fixed (int* inputs = rows.Inputs, outputs = rows.Outputs)
            workspace.Product.Compute(a, inputs, w, weights.Layout == WeightLayout.InputsByOutputs, weights.Inputs, weights.Outputs, rows.Offsets, to, outputs, scales, add, workspace);
    }

    /// <summary>dx[Inputs[r]] += Scales[r] W_g^T dy[Outputs[r]]: the gradient of <see cref="Forward"/> in x.</summary>
    /// <param name="dy">[.., N], row-major.</param>
    /// <param name="rows">The rows, as in the forward product.</param>
    /// <param name="weights">The weights of the forward product.</param>
    /// <param name="dx">[.., K], row-major: overwritten, with zeros where no row points, or added to.</param>
    /// <param name="workspace">The caller's own.</param>
    /// <param name="add">Adds to what dx holds.</param>
    /// <exception cref="ArgumentException">A length is no multiple of its width, an index is out of range, groups differ, or the memory overlaps.</exception>
    public static void InputGradient(ReadOnlySpan<float> dy, GroupedRows rows, GroupedWeights weights, Span<float> dx, MoEWorkspace workspace, bool add = false)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        Check(rows, weights.Groups);
        Check(dy, weights.Outputs, rows.Outputs, rows.Count, nameof(dy));
        Check(dx, weights.Inputs, rows.Inputs, rows.Count, nameof(dx));
        if (dy.Overlaps(dx)) throw new ArgumentException("dx overlaps dy; must be other memory", nameof(dx));
        if (!add && (!rows.Inputs.IsEmpty || rows.Count == 0)) dx.Clear();
        fixed (float* a = dy, w = weights.Values, to = dx, scales = rows.Scales)
        fixed (int* inputs = rows.Inputs, outputs = rows.Outputs)
            workspace.Product.Compute(a, outputs, w, weights.Layout == WeightLayout.OutputsByInputs, weights.Outputs, weights.Inputs, rows.Offsets, to, inputs, scales, add, workspace);
    }

    /// <summary>dW_g += sum over the rows r of g of Scales[r] dy[Outputs[r]] x[Inputs[r]]^T: the gradient of <see cref="Forward"/> in the weights.</summary>
    /// <param name="x">[.., K], row-major.</param>
    /// <param name="dy">[.., N], row-major.</param>
    /// <param name="rows">The rows, as in the forward product.</param>
    /// <param name="outputs">N, positive.</param>
    /// <param name="inputs">K, positive.</param>
    /// <param name="gradient">[G, N, K], or [G, K, N] by the layout: overwritten, with zeros for empty segments, or added to.</param>
    /// <param name="workspace">The caller's own.</param>
    /// <param name="layout">How each matrix lies in memory.</param>
    /// <param name="add">Adds to what the gradient holds.</param>
    /// <exception cref="ArgumentException">A length is wrong, an index is out of range, or the memory overlaps.</exception>
    public static void WeightGradient(ReadOnlySpan<float> x, ReadOnlySpan<float> dy, GroupedRows rows, int outputs, int inputs, Span<float> gradient, MoEWorkspace workspace, WeightLayout layout = WeightLayout.OutputsByInputs, bool add = false)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        var shape = new GroupedWeights(gradient, Math.Max(rows.Groups, 1), outputs, inputs, layout);
        Check(rows, shape.Groups);
        Check(x, inputs, rows.Inputs, rows.Count, nameof(x));
        Check(dy, outputs, rows.Outputs, rows.Count, nameof(dy));
        if (x.Overlaps(gradient) || dy.Overlaps(gradient)) throw new ArgumentException("gradient overlaps x or dy; must be other memory", nameof(gradient));
        fixed (float* p = x, q = dy, to = gradient, scales = rows.Scales)
        fixed (int* i = rows.Inputs, o = rows.Outputs)
        {
            if (layout == WeightLayout.OutputsByInputs) workspace.Outer.Compute(q, o, outputs, p, i, inputs, scales, rows.Offsets, to, add, workspace);
            else workspace.Outer.Compute(p, i, inputs, q, o, outputs, scales, rows.Offsets, to, add, workspace);
        }
    }

    private static void Check(GroupedRows rows, int groups)
    {
        if (rows.Offsets.IsEmpty || rows.Groups != groups) throw new ArgumentException($"rows has {(rows.Offsets.IsEmpty ? 0 : rows.Groups)} segments; must have {groups}, one per weight", nameof(rows));
    }

    private static void Check(ReadOnlySpan<float> values, int width, ReadOnlySpan<int> at, int count, string name)
    {
        int rows = values.Length / width;
        if (values.Length % width != 0) throw new ArgumentException($"{name} has {values.Length} values; must be a multiple of its width ({width})", name);
        if (at.IsEmpty)
        {
            // Without any row, an empty index may be one of no rows: other rows are left at zero.
            if (rows != count && count != 0) throw new ArgumentException($"{name} has {rows} rows; must have {count}, as no index says otherwise", name);
            return;
        }

        for (int r = 0; r < at.Length; r++)
        {
            if ((uint)at[r] >= (uint)rows) throw new ArgumentException($"row {r} points to row {at[r]} of {name}; must be in 0..{rows - 1}", name);
        }
    }
}
