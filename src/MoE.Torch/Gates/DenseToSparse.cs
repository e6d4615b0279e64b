using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Settings of <see cref="DenseToSparse"/>.</summary>
public sealed record DenseToSparseOptions
{
    /// <summary>Temperature of the Gumbel softmax, not negative; 0: no noise and no choice, a dense softmax over all experts.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Experts whose probability is above it are chosen, where <see cref="Soft"/>; in 0..1.</summary>
    public double Threshold { get; init; } = 0.001;

    /// <summary>Every expert above the threshold is chosen; otherwise the best one only.</summary>
    public bool Soft { get; init; } = true;

    /// <summary>Chosen experts weigh by the Gumbel softmax; otherwise by the softmax of the logits, without noise and temperature.</summary>
    public bool WeighsByGumbel { get; init; } = true;

    internal DenseToSparseOptions Checked()
    {
        if (!(Temperature >= 0 && double.IsFinite(Temperature))) throw new ArgumentOutOfRangeException(nameof(Temperature), Temperature, "must be finite and not negative");
        if (!(Threshold >= 0 && Threshold <= 1)) throw new ArgumentOutOfRangeException(nameof(Threshold), Threshold, "must be in 0..1");
        return this;
    }
}

/// <summary>The dense-to-sparse gate (Nie et al. 2021, EvoMoE) in all modes of the authors' code; <see cref="RouterProfiles.DenseToSparse"/> is its usual one as a spec.</summary>
public static class DenseToSparse
{
    /// <summary>softmax((l + Gumbel noise) / temperature); the draw is <see cref="NoiseNames.Logits"/>.</summary>
    /// <param name="logits">[T, E].</param>
    /// <param name="temperature">Positive.</param>
    /// <param name="context">The noise source.</param>
    /// <param name="hard">One-hot in the forward pass, with the soft gradient (straight-through).</param>
    /// <exception cref="ArgumentException">A shape or value is wrong.</exception>
    /// <exception cref="InvalidOperationException">The context has no noise source.</exception>
    public static Tensor gumbel_softmax(Tensor logits, double temperature, GateContext context, bool hard = false)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(context);
        TensorGuard.Matrix(logits, logits.shape[^1], nameof(logits));
        if (!(temperature > 0 && double.IsFinite(temperature))) throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "must be positive and finite");
        using var scope = NewDisposeScope();
        var wide_TE = logits.dtype == ScalarType.Float64 ? logits : logits.to(ScalarType.Float32);
        var soft_TE = wide_TE.add(NoiseDraw.Of(context, NoiseNames.Logits, NoiseKind.Gumbel, logits.shape, wide_TE)).div(temperature).softmax(-1);
        return (hard ? OneHot(soft_TE).to(soft_TE.dtype).add(soft_TE).sub(soft_TE.detach()) : soft_TE).MoveToOuterDisposeScope();
    }

    /// <summary>Routes logits.</summary>
    /// <param name="logits">[T, E].</param>
    /// <param name="options">The mode.</param>
    /// <param name="context">Noise source and padding; null: none, as at temperature zero.</param>
    /// <returns>The routing; its scores are what weighs, before the choice, so that E sum_e P_e c_e / T^2 over them is the authors' load-balancing loss.</returns>
    /// <exception cref="ArgumentException">A shape or option is wrong.</exception>
    /// <exception cref="InvalidOperationException">The temperature is positive, and the context has no noise source.</exception>
    public static RoutingTensors route(Tensor logits, DenseToSparseOptions options, GateContext? context = null)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(options);
        TensorGuard.Matrix(logits, logits.shape[^1], nameof(logits));
        options.Checked();
        context ??= GateContext.Empty;
        LogitCheck.Throw(logits, context);
        using var scope = NewDisposeScope();
        var wide_TE = logits.dtype == ScalarType.Float64 ? logits : logits.to(ScalarType.Float32);
        if (options.Temperature == 0)
        {
            var p_TE = wide_TE.softmax(-1);
            return Padded(RoutingTensors.OfMap(ones_like(p_TE, dtype: ScalarType.Bool), p_TE, logits, p_TE), context).MoveToOuterDisposeScope();
        }

        var gumbel_TE = gumbel_softmax(logits, options.Temperature, context);
        var weights_TE = options.WeighsByGumbel ? gumbel_TE : wide_TE.softmax(-1);
        Tensor map_TE;
        using (no_grad()) map_TE = options.Soft ? gumbel_TE.gt(options.Threshold) : OneHot(gumbel_TE);
        return Padded(RoutingTensors.OfMap(map_TE, weights_TE, logits, weights_TE), context).MoveToOuterDisposeScope();
    }

    private static RoutingTensors Padded(RoutingTensors routing, GateContext context) => context.Padding is { } padding ? routing.WithoutPadding(padding) : routing;

    private static Tensor OneHot(Tensor scores_TE)
    {
        var best_T1 = Selection.TopK(scores_TE.detach(), 1, TieRule.LowestIndex).Indices;
        return zeros_like(scores_TE, dtype: ScalarType.Bool).scatter(1, best_T1, ones_like(best_T1, dtype: ScalarType.Bool));
    }
}
