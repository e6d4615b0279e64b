using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>ST-MoE's expert: a linear layer, GEGLU with a multiplicative bias, a linear layer (Zoph et al. 2022, section on multiplicative interactions; lucidrains/st-moe-pytorch <c>Expert</c>).</summary>
public sealed class ScaledGeglu : nn.Module<Tensor, Tensor>
{
    private readonly Linear up;
    private readonly Parameter scale;
    private readonly Linear down;

    /// <summary>Makes an expert.</summary>
    /// <param name="width">D, positive.</param>
    /// <param name="hidden">F, positive; the peer: floor(2/3 mult D).</param>
    /// <param name="scaled">The multiplicative bias, which starts at one; otherwise it stays one and is no parameter to train.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    public ScaledGeglu(int width, int hidden, bool scaled = true, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(ScaledGeglu))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(hidden);
        up = Linear(width, 2 * hidden, dtype, device, generator);
        scale = new Parameter(ones(hidden, dtype: dtype ?? ScalarType.Float32, device: device).DetachFromDisposeScope(), requires_grad: scaled);
        down = Linear(hidden, width, dtype, device, generator);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var both = up.call(x).chunk(2, -1);
        return down.call(nn.functional.gelu(both[1]).mul(both[0]).mul(scale)).MoveToOuterDisposeScope();
    }

    private static Linear Linear(int width, int outputs, ScalarType? dtype, Device? device, Generator? generator)
    {
        var linear = nn.Linear(width, outputs, hasBias: true, device: device, dtype: dtype);
        linear.weight = Initial.Linear([outputs, width], width, dtype, device, generator);
        linear.bias = Initial.Linear([outputs], width, dtype, device, generator);
        return linear;
    }
}
