using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>A gate whose rule is a <see cref="RouterSpec"/>; derived classes say where the logits come from.</summary>
public abstract class SpecGate : TorchGate
{
    /// <summary>The bias of the selection, [E], where the spec uses one: a buffer, moved by balance controllers and never by the gradient.</summary>
    protected Tensor? selection_bias;

    /// <summary>Starts a gate.</summary>
    /// <param name="name">Name, for logs and refusals.</param>
    /// <param name="spec">The router.</param>
    /// <param name="device">Device of the selection bias.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    protected SpecGate(string name, RouterSpec spec, Device? device = null)
        : base(name, Checked(spec).Experts)
    {
        Spec = spec;
        if (spec.UsesSelectionBias) selection_bias = zeros(spec.Experts, dtype: ScalarType.Float32, device: device);
    }

    /// <summary>The router.</summary>
    public RouterSpec Spec { get; private set; }

    /// <summary>The selection bias, or null.</summary>
    public Tensor? SelectionBias => selection_bias;

    /// <inheritdoc/>
    /// <exception cref="SpecException">The new k does not fit the spec.</exception>
    public override int? top_k
    {
        get => Spec.TopK;
        set => Spec = Spec.WithTopK(value ?? throw new ArgumentNullException(nameof(value)));
    }

    /// <summary>The logits, [T, E].</summary>
    /// <param name="tokens">[T, D].</param>
    /// <param name="context">What else the scorer may see.</param>
    public abstract Tensor logits(Tensor tokens, GateContext context);

    /// <inheritdoc/>
    public override RoutingTensors forward(Tensor tokens, GateContext context)
    {
        using var scope = NewDisposeScope();
        return SpecRouting.route(logits(tokens, context), Spec, selection_bias, context, training).MoveToOuterDisposeScope();
    }

    private static RouterSpec Checked(RouterSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return spec.Checked();
    }
}
