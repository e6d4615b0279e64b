using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>A token-choice gate whose logits come from any module [T, D] -> [T, E] (an MLP, a cosine scorer, a frozen encoder).</summary>
public sealed class ScorerGate : SpecGate
{
    private readonly nn.Module<Tensor, Tensor> scorer;

    /// <summary>Makes a gate.</summary>
    /// <param name="spec">The router.</param>
    /// <param name="scorer">Gives [T, E]; owned by the gate from now on.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public ScorerGate(RouterSpec spec, nn.Module<Tensor, Tensor> scorer)
        : base(nameof(ScorerGate), spec)
    {
        ArgumentNullException.ThrowIfNull(scorer);
        this.scorer = scorer;
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor logits(Tensor tokens, GateContext context) => scorer.call(context.Selector ?? tokens);
}
