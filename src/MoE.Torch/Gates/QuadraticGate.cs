using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A router of second degree: l_e = x^T A_e x + w_e . x + b_e, the linear term only if asked for (Akbarian et al. 2024, "Quadratic gating functions in mixture of experts", arXiv 2410.11222: monomial without, polynomial with).
/// Parameters: <c>quadratic</c> [E, D, D], <c>bias</c> [E], zero at first, and <c>linear</c> [E, D] or none.
/// </summary>
public sealed class QuadraticGate : SpecGate
{
    private readonly Parameter quadratic;
    private readonly Parameter? linear;
    private readonly Parameter bias;

    /// <summary>Makes a gate of E D^2 numbers: for small D, or behind a projection.</summary>
    /// <param name="spec">The router.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="hasLinear">With the linear term.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public QuadraticGate(RouterSpec spec, int width, bool hasLinear = false, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(QuadraticGate), spec, device)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        // A sum of D^2 products keeps the size of a linear layer's sum of D.
        quadratic = Initial.Linear([spec.Experts, width, width], (long)width * width, dtype, device, generator);
        if (hasLinear) linear = Initial.Linear([spec.Experts, width], width, dtype, device, generator);
        bias = Initial.Zeros([spec.Experts], dtype, device);
        RegisterComponents();
    }

    /// <summary>A, [E, D, D]; only its symmetric part matters.</summary>
    public Parameter Quadratic => quadratic;

    /// <summary>w, [E, D], or null.</summary>
    public Parameter? Linear => linear;

    /// <summary>b, [E].</summary>
    public Parameter Bias => bias;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The width or type is not that of the parameters.</exception>
    public override Tensor logits(Tensor tokens, GateContext context)
    {
        var x_TD = TensorGuard.Seen(tokens, context, quadratic.shape[2], quadratic);
        using var scope = NewDisposeScope();
        var rows_TED = nn.functional.linear(x_TD, quadratic.flatten(0, 1)).view(x_TD.shape[0], quadratic.shape[0], quadratic.shape[1]);
        var logits_TE = rows_TED.mul(x_TD.unsqueeze(1)).sum(-1).add(bias);
        return (linear is null ? logits_TE : logits_TE.add(nn.functional.linear(x_TD, linear))).MoveToOuterDisposeScope();
    }
}
