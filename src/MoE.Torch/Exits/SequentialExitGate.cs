using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>A learned exit gate on the statistics of one exit's answer: sigmoid(w . statistics + b), five parameters (JEI-DNN). Module <c>linear</c>.</summary>
public sealed class SequentialExitGate : nn.Module<Tensor, Tensor>
{
    private readonly Linear linear;

    /// <summary>Makes a gate.</summary>
    public SequentialExitGate()
        : base(nameof(SequentialExitGate))
    {
        linear = nn.Linear(4, 1);
        RegisterComponents();
    }

    /// <summary>How willing the gate is to stop here.</summary>
    /// <param name="logits">The exit's answer, [B, classes]; gets no gradient.</param>
    /// <returns>[B], in 0..1.</returns>
    public override Tensor forward(Tensor logits)
    {
        using var scope = NewDisposeScope();
        return linear.call(Exits.statistics(logits)).squeeze(-1).sigmoid().MoveToOuterDisposeScope();
    }
}
