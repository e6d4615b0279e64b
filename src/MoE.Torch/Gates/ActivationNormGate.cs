using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>The gate of <see cref="AutonomousExperts"/>: the logit of an expert is the length of its own first activation, l_e = |L_e x|. It reads their parameters and owns none, so that an optimiser sees each once.</summary>
public sealed class ActivationNormGate : SpecGate
{
    // Not a module of this gate: only named components are registered, and this one is the layer's.
    private readonly Func<AutonomousExperts> _experts;

    internal ActivationNormGate(RouterSpec spec, AutonomousExperts experts)
        : base(nameof(ActivationNormGate), spec, experts.Low.device)
    {
        if (spec.Experts != experts.Experts) throw new ArgumentException($"spec has {spec.Experts} experts; must have {experts.Experts}, as many as there are", nameof(spec));
        _experts = () => experts;
        RegisterComponents();
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The width or type is not that of the experts.</exception>
    public override Tensor logits(Tensor tokens, GateContext context)
    {
        var low = _experts().Low;
        var x_TD = TensorGuard.Seen(tokens, context, low.shape[2], low);
        using var scope = NewDisposeScope();
        var activations_TER = nn.functional.linear(x_TD, low.flatten(0, 1)).view(x_TD.shape[0], low.shape[0], low.shape[1]);
        // A token of zeros has length zero for every expert, where a root has no gradient; the norm's is taken as zero there.
        var squares_TE = activations_TER.square().sum(-1);
        return squares_TE.masked_fill(squares_TE.eq(0), 1).sqrt().masked_fill(squares_TE.eq(0), 0).MoveToOuterDisposeScope();
    }
}
