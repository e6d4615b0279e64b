using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A one-shot exit gate: from features it says once how deep to go (ECO-M2F). Logits over L depths; the depth is their argmax. It is trained by cross-entropy on the depth of best utility,
/// <see cref="ExitRules.BestUtility"/>, so that another budget only needs new targets.
/// </summary>
public sealed class DepthPredictorGate : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> scorer;

    /// <summary>Makes a gate.</summary>
    /// <param name="scorer">Gives [B, L] from features; owned by the gate from now on.</param>
    public DepthPredictorGate(nn.Module<Tensor, Tensor> scorer)
        : base(nameof(DepthPredictorGate))
    {
        ArgumentNullException.ThrowIfNull(scorer);
        this.scorer = scorer;
        RegisterComponents();
    }

    /// <summary>Logits over depths, [B, L].</summary>
    /// <param name="features">What the scorer takes.</param>
    public override Tensor forward(Tensor features) => scorer.call(features);

    /// <summary>The depth of each sample, [B] int64 from 0.</summary>
    /// <param name="features">What the scorer takes.</param>
    public Tensor depth(Tensor features)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return scorer.call(features).argmax(-1).MoveToOuterDisposeScope();
    }
}
