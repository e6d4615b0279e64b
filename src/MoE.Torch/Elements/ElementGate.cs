using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A gate on elements: any scorer module and a squashing function. It gives the gate's values; <see cref="ElementBlends"/> applies them. The scorer may see something else than what is gated
/// (a condition, a task id's embedding, a shifted token).
/// </summary>
public sealed class ElementGate : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> scorer;

    /// <summary>Makes a gate.</summary>
    /// <param name="scorer">Gives the gate's logits; owned by the gate from now on.</param>
    /// <param name="squash">What makes gate values of them.</param>
    public ElementGate(nn.Module<Tensor, Tensor> scorer, Squash squash = Squash.Sigmoid)
        : base(nameof(ElementGate))
    {
        ArgumentNullException.ThrowIfNull(scorer);
        if (!Enum.IsDefined(squash)) throw new ArgumentOutOfRangeException(nameof(squash), squash, $"must be one of {string.Join(", ", Enum.GetNames<Squash>())}");
        this.scorer = scorer;
        Squash = squash;
        RegisterComponents();
    }

    /// <summary>What makes gate values of the scorer's output.</summary>
    public Squash Squash { get; }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        return ElementBlends.squash(scorer.call(input), Squash).MoveToOuterDisposeScope();
    }
}
