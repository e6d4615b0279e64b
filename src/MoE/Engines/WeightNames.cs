namespace MoE;

/// <summary>The neutral names and shapes of a layer's weights. Every product is x W^T. Importers map each family's names onto these.</summary>
public static class WeightNames
{
    /// <summary>Scorer, [E, D].</summary>
    public const string Router = "router.weight";

    /// <summary>Scorer bias, [E].</summary>
    public const string RouterBias = "router.bias";

    /// <summary>Bias of the selection only, [E].</summary>
    public const string SelectionBias = "router.selection_bias";

    /// <summary>GLU gate projections, [E, F, D].</summary>
    public const string ExpertGate = "experts.gate";

    /// <summary>Up projections, [E, F, D].</summary>
    public const string ExpertUp = "experts.up";

    /// <summary>Down projections, [E, D, F].</summary>
    public const string ExpertDown = "experts.down";

    /// <summary>Biases of the gate projections, [E, F].</summary>
    public const string ExpertGateBias = "experts.gate_bias";

    /// <summary>Biases of the up projections, [E, F].</summary>
    public const string ExpertUpBias = "experts.up_bias";

    /// <summary>Biases of the down projections, [E, D].</summary>
    public const string ExpertDownBias = "experts.down_bias";

    /// <summary>Values v of the constant experts, [C, D].</summary>
    public const string ConstantValue = "experts.constant_value";

    /// <summary>Mixing matrices W of the constant experts, [C, 2, D].</summary>
    public const string ConstantMix = "experts.constant_mix";

    /// <summary>The bias of the routed output, [D].</summary>
    public const string OutputBias = "output_bias";

    /// <summary>Shared expert's gate projection, [Fs, D].</summary>
    public const string SharedGate = "shared.gate";

    /// <summary>Shared expert's up projection, [Fs, D].</summary>
    public const string SharedUp = "shared.up";

    /// <summary>Shared expert's down projection, [D, Fs].</summary>
    public const string SharedDown = "shared.down";

    /// <summary>Bias of the shared gate projection, [Fs].</summary>
    public const string SharedGateBias = "shared.gate_bias";

    /// <summary>Bias of the shared up projection, [Fs].</summary>
    public const string SharedUpBias = "shared.up_bias";

    /// <summary>Bias of the shared down projection, [D].</summary>
    public const string SharedDownBias = "shared.down_bias";

    /// <summary>The scalar sigmoid gate of the shared expert, [1, D].</summary>
    public const string SharedScalarGate = "shared_gate.weight";

    /// <summary>Gate projection of a dense block that is to be upcycled, [F, D].</summary>
    public const string DenseGate = "dense.gate";

    /// <summary>Up projection of a dense block, [F, D].</summary>
    public const string DenseUp = "dense.up";

    /// <summary>Down projection of a dense block, [D, F].</summary>
    public const string DenseDown = "dense.down";

    /// <summary>Bias of a dense gate projection, [F].</summary>
    public const string DenseGateBias = "dense.gate_bias";

    /// <summary>Bias of a dense up projection, [F].</summary>
    public const string DenseUpBias = "dense.up_bias";

    /// <summary>Bias of a dense down projection, [D].</summary>
    public const string DenseDownBias = "dense.down_bias";

    /// <summary>The names and shapes of a dense feed-forward block, in a fixed order.</summary>
    /// <param name="block">Form and inner width F.</param>
    /// <param name="width">D, positive.</param>
    /// <exception cref="SpecException">The block has problems.</exception>
    public static IReadOnlyList<(string Name, int[] Shape)> OfDense(ExpertSpec block, int width)
    {
        ArgumentNullException.ThrowIfNull(block);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        var problems = new SpecProblems();
        block.Check(problems, "block");
        SpecException.ThrowIfAny(problems.Found);
        int f = block.Width;
        bool glu = block.Form == ExpertForm.Glu;
        var names = new List<(string, int[])>();
        if (glu) names.Add((DenseGate, [f, width]));
        names.Add((DenseUp, [f, width]));
        names.Add((DenseDown, [width, f]));
        if (!block.Biases) return names;
        if (glu) names.Add((DenseGateBias, [f]));
        names.Add((DenseUpBias, [f]));
        names.Add((DenseDownBias, [width]));
        return names;
    }

    /// <summary>The first dimension is that of the feed-forward experts.</summary>
    internal static bool IsStacked(string name) => name is ExpertGate or ExpertUp or ExpertDown or ExpertGateBias or ExpertUpBias or ExpertDownBias;

    /// <summary>The names and shapes that a layer needs, in a fixed order.</summary>
    /// <param name="spec">A valid layer spec.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public static IReadOnlyList<(string Name, int[] Shape)> Of(MoELayerSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        spec.Checked();
        int all = spec.Router.Experts, e = spec.FeedForwardExperts, d = spec.Width, f = spec.Expert.Width;
        bool glu = spec.Expert.Form == ExpertForm.Glu, biases = spec.Expert.Biases;
        var names = new List<(string, int[])> { (Router, [all, d]) };
        if (spec.RouterBias) names.Add((RouterBias, [all]));
        if (spec.Router.UsesSelectionBias) names.Add((SelectionBias, [all]));
        if (glu) names.Add((ExpertGate, [e, f, d]));
        names.Add((ExpertUp, [e, f, d]));
        names.Add((ExpertDown, [e, d, f]));
        if (biases)
        {
            if (glu) names.Add((ExpertGateBias, [e, f]));
            names.Add((ExpertUpBias, [e, f]));
            names.Add((ExpertDownBias, [e, d]));
        }

        if (spec.Special is { Constant: > 0 } special)
        {
            names.Add((ConstantValue, [special.Constant, d]));
            names.Add((ConstantMix, [special.Constant, 2, d]));
        }

        if (spec.OutputBias) names.Add((OutputBias, [d]));
        if (spec.Shared is not { } shared) return names;
        int s = shared.Width;
        if (glu) names.Add((SharedGate, [s, d]));
        names.Add((SharedUp, [s, d]));
        names.Add((SharedDown, [d, s]));
        if (biases)
        {
            if (glu) names.Add((SharedGateBias, [s]));
            names.Add((SharedUpBias, [s]));
            names.Add((SharedDownBias, [d]));
        }

        if (shared.SigmoidGate) names.Add((SharedScalarGate, [1, d]));
        return names;
    }
}
