using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>A router that attends over one key per expert: logits = (W x) . k_e / sqrt(d). Keys are learned, or set from what is known of the experts (task descriptions, centroids of their data).</summary>
public sealed class KeyAttentionGate : SpecGate
{
    private readonly Parameter query;
    private readonly Parameter keys;

    /// <summary>Makes a gate.</summary>
    /// <param name="spec">The router.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="keyWidth">d, positive.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public KeyAttentionGate(RouterSpec spec, int width, int keyWidth, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(KeyAttentionGate), spec, device)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(keyWidth);
        query = Initial.Linear([keyWidth, width], width, dtype, device, generator);
        keys = Initial.Linear([spec.Experts, keyWidth], keyWidth, dtype, device, generator);
        RegisterComponents();
    }

    /// <summary>One key per expert, [E, d].</summary>
    public Parameter Keys => keys;

    /// <inheritdoc/>
    public override Tensor logits(Tensor tokens, GateContext context)
    {
        var x_TD = TensorGuard.Seen(tokens, context, query.shape[1], query);
        using var scope = NewDisposeScope();
        return nn.functional.linear(x_TD, query).mm(keys.t()).div(Math.Sqrt(keys.shape[1])).MoveToOuterDisposeScope();
    }
}
