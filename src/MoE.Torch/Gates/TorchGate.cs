using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A differentiable gate: tokens [T, D] and a context in, a routing out. Derive from it to bring a rule of your own; register parameters as fields and call
/// <c>RegisterComponents()</c> last in the constructor.
/// </summary>
public abstract class TorchGate : nn.Module<Tensor, GateContext, RoutingTensors>
{
    /// <summary>Starts a gate.</summary>
    /// <param name="name">Name, for logs and refusals.</param>
    /// <param name="experts">E, positive.</param>
    protected TorchGate(string name, int experts)
        : base(name)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        Experts = experts;
    }

    /// <summary>E.</summary>
    public int Experts { get; }

    /// <summary>Choices per token where that can be changed at run time; otherwise reading gives null and writing refuses.</summary>
    public virtual int? top_k
    {
        get => null;
        set => throw new NotSupportedException($"{GetName()} has no number of choices to change");
    }
}
