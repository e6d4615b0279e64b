using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// The first SparseMixer (Liu et al. 2023): top-1, sampled in training, with the mid-point method for the gradient, and a learned scale omega per dimension of the output. Version 2 is <see cref="SparseMixerSelection"/>, a
/// router spec.
/// </summary>
public sealed class SparseMixerGate : nn.Module
{
    private readonly Parameter omega;

    /// <summary>Makes a gate.</summary>
    /// <param name="width">Dimensions of the output that omega scales, positive.</param>
    /// <param name="jitter">How far below the best an expert may be, not negative. The peer: 0.1.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    public SparseMixerGate(int width, double jitter = 0.1, ScalarType? dtype = null, Device? device = null)
        : base(nameof(SparseMixerGate))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (!(jitter >= 0 && double.IsFinite(jitter))) throw new ArgumentOutOfRangeException(nameof(jitter), jitter, "must be finite and not negative");
        Jitter = jitter;
        omega = new Parameter(ones(width, dtype: dtype ?? ScalarType.Float32, device: device).DetachFromDisposeScope());
        RegisterComponents();
    }

    /// <summary>How far below the best an expert may be.</summary>
    public double Jitter { get; }

    /// <summary>Chooses.</summary>
    /// <param name="logits">[T, E].</param>
    /// <param name="context">In training, the draws <see cref="NoiseNames.Sample"/>0, [T, E] exponential, and <see cref="NoiseNames.Heun"/>0, [T] uniform.</param>
    /// <returns>The expert of each token [T, 1]; the multiplier of its output [T, D]; and the load-balancing loss, E sum_e f_e mean p_e with f = c / (T + 1e-6).</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    /// <remarks>microsoft/SparseMixer <c>sparsemixer/sparsemixer.py</c>, 1b41d56 (2024-07).</remarks>
    public (Tensor Experts, Tensor Multiplier, Tensor BalanceLoss) route(Tensor logits, GateContext? context = null)
    {
        ArgumentNullException.ThrowIfNull(logits);
        TensorGuard.Matrix(logits, logits.shape[^1], nameof(logits));
        context ??= GateContext.Empty;
        LogitCheck.Throw(logits, context);
        using var scope = NewDisposeScope();
        Tensor far_TE, taken_T1, mid_T1;
        using (no_grad()) far_TE = SparseMixing.Far(logits, logits, Jitter);
        var open_TE = logits.masked_fill(far_TE, double.NegativeInfinity);
        var p_TE = open_TE.softmax(-1);
        using (no_grad())
        {
            var best_T1 = SparseMixing.First(open_TE);
            taken_T1 = training ? SparseMixing.First(open_TE.sub(NoiseDraw.Of(context, $"{NoiseNames.Sample}0", NoiseKind.Exponential, open_TE.shape, open_TE).log())) : best_T1;
            mid_T1 = training
                ? taken_T1.ne(best_T1).logical_and(NoiseDraw.Of(context, $"{NoiseNames.Heun}0", NoiseKind.Uniform, [logits.shape[0], 1], open_TE).le(0.5))
                : zeros_like(taken_T1, dtype: ScalarType.Bool);
        }

        var weight_T1 = p_TE.gather(1, taken_T1);
        if (training)
        {
            var half_T1 = ones_like(weight_T1).masked_fill(mid_T1, 0.5);
            weight_T1 = weight_T1.mul(2).add(weight_T1.mul(half_T1.sub(2)).detach());
        }

        var counts_E = zeros(logits.shape[1], dtype: p_TE.dtype, device: p_TE.device).scatter_add(0, taken_T1.flatten(), ones_like(weight_T1).flatten());
        var loss = (counts_E.div(counts_E.sum().add(1e-6)) * p_TE.mean([0])).sum().mul(logits.shape[1]);
        return (taken_T1.MoveToOuterDisposeScope(), weight_T1.mul(omega).MoveToOuterDisposeScope(), loss.MoveToOuterDisposeScope());
    }
}
