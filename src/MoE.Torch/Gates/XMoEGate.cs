using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// X-MoE's router (Chi et al. 2022): tokens are projected to few dimensions and compared with expert embeddings of length one. The embeddings are rescaled to norm 1.5 in place at every call, as the peer does, so that
/// the optimiser sees parameters of constant length.
/// </summary>
public sealed class XMoEGate : SpecGate
{
    private readonly Linear reduction;
    private readonly Parameter experts;
    private readonly double _norm;

    /// <summary>Makes a gate.</summary>
    /// <param name="spec">The router; <see cref="RouterProfiles.TorchscaleTop1"/> is the peer's.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="projected">Width of the embeddings, positive. The peer: 16.</param>
    /// <param name="norm">Length that the stored embeddings are rescaled to, positive. The peer: 1.5.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <remarks>torchscale <c>torchscale/component/xmoe/routing.py</c> Top1Gate, 4d1e0e8. The token's projection is not normalised.</remarks>
    public XMoEGate(RouterSpec spec, int width, int projected = 16, double norm = 1.5, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(XMoEGate), spec, device)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(projected);
        if (!(norm > 0 && double.IsFinite(norm))) throw new ArgumentOutOfRangeException(nameof(norm), norm, "must be positive and finite");
        _norm = norm;
        reduction = nn.Linear(width, projected, hasBias: false, device: device, dtype: dtype);
        reduction.weight = Initial.Linear([projected, width], width, dtype, device, generator);
        experts = Initial.Linear([spec.Experts, projected], projected, dtype, device, generator);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor logits(Tensor tokens, GateContext context)
    {
        var x_TD = TensorGuard.Seen(tokens, context, reduction.weight!.shape[1], experts);
        using var scope = NewDisposeScope();
        using (no_grad())
        {
            var length_E1 = experts.square().sum(1, true).sqrt();
            experts.mul_(length_E1.reciprocal().mul(_norm).masked_fill(length_E1.eq(0), 1));
        }

        var wide_EP = experts.dtype == ScalarType.Float64 ? experts : experts.to(ScalarType.Float32);
        var directions_EP = nn.functional.normalize(wide_EP, p: 2, dim: 1, eps: 1e-4);
        return reduction.call(x_TD).to(wide_EP.dtype).mm(directions_EP.t()).to(x_TD.dtype).MoveToOuterDisposeScope();
    }
}
