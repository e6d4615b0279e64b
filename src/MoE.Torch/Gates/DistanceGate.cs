using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A router of places: every expert has a centre, and the nearer a token, the larger the logit. Unlike a linear scorer's, logits do not grow with the token's length in any direction, so that a token far from everything is
/// torn between experts under <see cref="DistanceForm.Laplace"/>. Parameters: <c>centres</c> [E, D]; localised also <c>log_widths</c> and <c>log_priors</c> [E], zero at first.
/// </summary>
/// <example><code>var gate = new DistanceGate(RouterProfiles.Mixtral(experts: 8), width: 64);</code></example>
public sealed class DistanceGate : SpecGate
{
    private readonly Parameter centres;
    private readonly Parameter? log_widths;
    private readonly Parameter? log_priors;

    /// <summary>Makes a gate; centres are drawn from U(-1/sqrt(D), 1/sqrt(D)). Better ones are means of what the experts are to see: see <see cref="Centres"/>.</summary>
    /// <param name="spec">The router.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="form">How a distance becomes a logit.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial centres; the global one by default.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <remarks>Distances are taken directly, not by |x|^2 - 2 x c + |c|^2, which loses the near ones; in half precision they are computed in single.</remarks>
    public DistanceGate(RouterSpec spec, int width, DistanceForm form = DistanceForm.Laplace, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(DistanceGate), spec, device)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (!Enum.IsDefined(form)) throw new ArgumentOutOfRangeException(nameof(form), form, "must be a defined form");
        Form = form;
        centres = Initial.Linear([spec.Experts, width], width, dtype, device, generator);
        if (form == DistanceForm.Localised)
        {
            log_widths = Initial.Zeros([spec.Experts], dtype, device);
            log_priors = Initial.Zeros([spec.Experts], dtype, device);
        }

        RegisterComponents();
    }

    /// <summary>How a distance becomes a logit.</summary>
    public DistanceForm Form { get; }

    /// <summary>The place of each expert, [E, D].</summary>
    public Parameter Centres => centres;

    /// <summary>ln s of each expert, [E], or null where the form has none.</summary>
    public Parameter? LogWidths => log_widths;

    /// <summary>ln a of each expert up to a constant, [E], or null where the form has none.</summary>
    public Parameter? LogPriors => log_priors;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The width or type is not that of the centres.</exception>
    public override Tensor logits(Tensor tokens, GateContext context)
    {
        var x_TD = TensorGuard.Seen(tokens, context, centres.shape[1], centres);
        using var scope = NewDisposeScope();
        var wide = x_TD.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
        var distances_TE = cdist(x_TD.to(wide), centres.to(wide), 2, compute_mode.donot_use_mm_for_euclid_dist);
        var logits_TE = Form switch
        {
            DistanceForm.Laplace => distances_TE.neg(),
            DistanceForm.Gaussian => distances_TE.square().neg(),
            _ => distances_TE.div(log_widths!.to(wide).exp()).square().div(-2).sub(log_widths.to(wide).mul(centres.shape[1])).add(log_priors!.to(wide)),
        };
        return (Spec.Logits == LogitPrecision.Input ? logits_TE.to(x_TD.dtype) : logits_TE).MoveToOuterDisposeScope();
    }
}
