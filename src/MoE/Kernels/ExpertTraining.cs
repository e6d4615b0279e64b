namespace MoE;

/// <summary>
/// Feed-forward experts with their gradients on the grouped products: what a training step needs of a layer, without native code. Weights are packed as they are used, so an optimiser may change them between calls. Bits do not
/// depend on threads. Allocates nothing once the workspace has grown.
/// </summary>
/// <remarks>y[Outputs[r]] += Scales[r] (W_down act(W_gate x + b_gate) (W_up x + b_up) + b_down), x = x[Inputs[r]]; without a gate, W_down act(W_up x + b_up) + b_down. Scratch: 4 R F bytes forward and 12 R F backward, beside that of <see cref="GroupedGemm"/>.</remarks>
public static class ExpertTraining
{
    /// <summary>The forward pass, keeping what the backward pass reads.</summary>
    /// <param name="spec">Form, activation and F.</param>
    /// <param name="x">[.., D], row-major.</param>
    /// <param name="rows">Rows by expert.</param>
    /// <param name="weights">The experts' weights.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="gate">[R, F], overwritten: the gate before its activation; empty for experts without a gate.</param>
    /// <param name="up">[R, F], overwritten: the other half, or all there is before the activation.</param>
    /// <param name="y">[.., D], overwritten.</param>
    /// <param name="workspace">The caller's own.</param>
    /// <exception cref="ArgumentException">A length is wrong or an index out of range.</exception>
    public static void Forward(ExpertSpec spec, ReadOnlySpan<float> x, GroupedRows rows, in ExpertTensors weights, int width, Span<float> gate, Span<float> up, Span<float> y, MoEWorkspace workspace)
    {
        Check(spec, rows, weights, width);
        ArgumentNullException.ThrowIfNull(workspace);
        int f = spec.Width, groups = rows.Groups;
        Length(gate.Length, spec.Form == ExpertForm.Glu ? (long)rows.Count * f : 0, nameof(gate));
        Length(up.Length, (long)rows.Count * f, nameof(up));
        var inner = new GroupedRows(rows.Offsets, rows.Inputs);
        if (spec.Form == ExpertForm.Glu) GroupedGemm.Forward(x, inner, new GroupedWeights(weights.Gate, groups, f, width), gate, workspace);
        GroupedGemm.Forward(x, inner, new GroupedWeights(weights.Up, groups, f, width), up, workspace);
        var hidden = workspace.Training((long)rows.Count * f);
        workspace.Activation.Forward(spec, rows.Offsets, weights, gate, up, hidden, workspace.Team);
        var outer = new GroupedRows(rows.Offsets, default, rows.Outputs, rows.Scales);
        GroupedGemm.Forward(hidden, outer, new GroupedWeights(weights.Down, groups, width, f), y, workspace);
        workspace.Activation.AddBias(rows, weights.DownBias, y, width);
    }

    /// <summary>The backward pass.</summary>
    /// <param name="spec">Form, activation and F.</param>
    /// <param name="x">[.., D], as in the forward pass.</param>
    /// <param name="dy">[.., D]: the gradient of the output.</param>
    /// <param name="rows">Rows by expert, as in the forward pass.</param>
    /// <param name="weights">The experts' weights, as in the forward pass.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="gate">[R, F], as the forward pass left it.</param>
    /// <param name="up">[R, F], as the forward pass left it.</param>
    /// <param name="gradients">Where they go.</param>
    /// <param name="workspace">The caller's own.</param>
    /// <exception cref="ArgumentException">A length is wrong or an index out of range.</exception>
    public static void Backward(ExpertSpec spec, ReadOnlySpan<float> x, ReadOnlySpan<float> dy, GroupedRows rows, in ExpertTensors weights, int width, ReadOnlySpan<float> gate, ReadOnlySpan<float> up, in ExpertGradients gradients, MoEWorkspace workspace)
    {
        Check(spec, rows, weights, width);
        ArgumentNullException.ThrowIfNull(workspace);
        bool glu = spec.Form == ExpertForm.Glu;
        int f = spec.Width, groups = rows.Groups, size = checked(rows.Count * f);
        Length(gate.Length, glu ? size : 0, nameof(gate));
        Length(up.Length, size, nameof(up));
        if (!gradients.Scales.IsEmpty) Length(gradients.Scales.Length, rows.Count, nameof(gradients));
        Length(gradients.GateBias.Length, gradients.GateBias.IsEmpty || !glu ? 0 : (long)groups * f, nameof(gradients));
        Length(gradients.UpBias.Length, gradients.UpBias.IsEmpty ? 0 : (long)groups * f, nameof(gradients));
        Length(gradients.DownBias.Length, gradients.DownBias.IsEmpty ? 0 : (long)groups * width, nameof(gradients));
        var memory = workspace.Training(3L * size);
        // The gradient of the hidden numbers becomes that of up in place; the hidden numbers themselves come back scaled, for the gradient of down.
        Span<float> dUp = memory[..size], dGate = memory.Slice(size, glu ? size : 0), hidden = memory.Slice(2 * size, size);
        var outer = new GroupedRows(rows.Offsets, default, rows.Outputs);
        GroupedGemm.InputGradient(dy, outer, new GroupedWeights(weights.Down, groups, width, f), dUp, workspace);
        workspace.Activation.Backward(spec, rows, gate, up, dGate, dUp, hidden, gradients.Scales, workspace.Team);
        if (!gradients.Scales.IsEmpty) workspace.Activation.AddBiasScales(rows, weights.DownBias, dy, gradients.Scales, width);
        if (!gradients.Down.IsEmpty) GroupedGemm.WeightGradient(hidden, dy, outer, width, f, gradients.Down, workspace);
        if (!gradients.DownBias.IsEmpty) workspace.Activation.BiasGradient(rows, dy, rows.Outputs, rows.Scales, width, gradients.DownBias);
        var inner = new GroupedRows(rows.Offsets, rows.Inputs);
        if (!gradients.Up.IsEmpty) GroupedGemm.WeightGradient(x, dUp, inner, f, width, gradients.Up, workspace);
        if (!gradients.UpBias.IsEmpty) workspace.Activation.BiasGradient(rows, dUp, default, default, f, gradients.UpBias);
        if (glu && !gradients.Gate.IsEmpty) GroupedGemm.WeightGradient(x, dGate, inner, f, width, gradients.Gate, workspace);
        if (glu && !gradients.GateBias.IsEmpty) workspace.Activation.BiasGradient(rows, dGate, default, default, f, gradients.GateBias);
        if (gradients.Input.IsEmpty) return;
        GroupedGemm.InputGradient(dUp, inner, new GroupedWeights(weights.Up, groups, f, width), gradients.Input, workspace);
        if (glu) GroupedGemm.InputGradient(dGate, inner, new GroupedWeights(weights.Gate, groups, f, width), gradients.Input, workspace, add: true);
    }

    private static void Check(ExpertSpec spec, GroupedRows rows, in ExpertTensors weights, int width)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(spec.Width, nameof(spec));
        if (rows.Offsets.IsEmpty || rows.Groups == 0) throw new ArgumentException("rows has no segments; must have one per expert", nameof(rows));
        long matrix = (long)rows.Groups * spec.Width * width, inner = (long)rows.Groups * spec.Width;
        bool glu = spec.Form == ExpertForm.Glu;
        Length(weights.Gate.Length, glu ? matrix : 0, "weights.Gate");
        Length(weights.Up.Length, matrix, "weights.Up");
        Length(weights.Down.Length, matrix, "weights.Down");
        if (!weights.GateBias.IsEmpty) Length(weights.GateBias.Length, glu ? inner : 0, "weights.GateBias");
        if (!weights.UpBias.IsEmpty) Length(weights.UpBias.Length, inner, "weights.UpBias");
        if (!weights.DownBias.IsEmpty) Length(weights.DownBias.Length, (long)rows.Groups * width, "weights.DownBias");
    }

    private static void Length(long length, long expected, string name)
    {
        if (length != expected) throw new ArgumentException($"{name} has {length} values; must have {expected}", name);
    }
}
