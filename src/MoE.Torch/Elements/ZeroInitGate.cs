using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// x + tanh(g) * z with a learned g that starts at zero: at the first step the layer is exactly the frozen one, the gate learns at once, and the branch only after the gate has moved
/// (LLaMA-Adapter, ImageBind-LLM). Parameter <c>gate</c>.
/// </summary>
public sealed class ZeroInitGate : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly Parameter gate;

    /// <summary>Makes a gate.</summary>
    /// <param name="shape">Of the parameter; broadcasts against the gated tensors. [1]: one scalar; [H, 1, 1]: one per head.</param>
    /// <param name="dtype">Type of the parameter; single precision by default.</param>
    /// <param name="device">Device of the parameter.</param>
    public ZeroInitGate(long[] shape, ScalarType? dtype = null, Device? device = null)
        : base(nameof(ZeroInitGate))
    {
        ArgumentNullException.ThrowIfNull(shape);
        gate = Initial.Zeros(shape, dtype, device);
        RegisterComponents();
    }

    /// <summary>The parameter before tanh.</summary>
    public Parameter Gate => gate;

    /// <summary>x + tanh(g) * z.</summary>
    /// <param name="values">x.</param>
    /// <param name="branch">z.</param>
    public override Tensor forward(Tensor values, Tensor branch)
    {
        using var scope = NewDisposeScope();
        return ElementBlends.residual(values, gate.tanh(), branch).MoveToOuterDisposeScope();
    }
}
