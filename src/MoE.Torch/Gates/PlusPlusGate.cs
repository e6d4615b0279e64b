using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// MoE++'s scorer (Jin et al. 2024): a linear layer or a two-layer network with tanh, plus a linear map of the logits of the MoE layer before (<see cref="GateContext.PreviousLogits"/>), optionally brought to a given standard
/// deviation per token.
/// </summary>
public sealed class PlusPlusGate : SpecGate
{
    private readonly nn.Module<Tensor, Tensor> scorer;
    private readonly Parameter residual;
    private readonly double? _std;

    /// <summary>Makes a gate.</summary>
    /// <param name="spec">The router; <see cref="RouterProfiles.MoEPlusPlus"/> is the peer's.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="deep">Two layers, D to 8 E to E, with tanh between; otherwise one.</param>
    /// <param name="standardDeviation">Logits are divided by their (unbiased) standard deviation over the experts and multiplied by this, positive; null: left as they are.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public PlusPlusGate(RouterSpec spec, int width, bool deep = false, double? standardDeviation = null, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(PlusPlusGate), spec, device)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (standardDeviation is { } std && !(std > 0 && double.IsFinite(std))) throw new ArgumentOutOfRangeException(nameof(standardDeviation), std, "must be positive and finite");
        if (standardDeviation is not null && spec.Experts < 2) throw new ArgumentException("one expert has no standard deviation", nameof(standardDeviation));
        _std = standardDeviation;
        int e = spec.Experts;
        scorer = deep
            ? nn.Sequential(Layer(width, 8 * e, dtype, device, generator), nn.Tanh(), Layer(8 * e, e, dtype, device, generator))
            : Layer(width, e, dtype, device, generator);
        residual = Initial.Linear([e, e], e, dtype, device, generator);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor logits(Tensor tokens, GateContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        using var scope = NewDisposeScope();
        var logits_TE = scorer.call(context.Selector ?? tokens);
        if (context.PreviousLogits is { } previous)
        {
            TensorGuard.Matrix(previous, residual.shape[1], "previousLogits");
            logits_TE = logits_TE.add(nn.functional.linear(previous.to(residual.dtype), residual));
        }

        return logits_TE.MoveToOuterDisposeScope();
    }

    /// <summary>The routing's logits are those before the division: they are what the next layer's gate sees.</summary>
    /// <inheritdoc/>
    public override RoutingTensors forward(Tensor tokens, GateContext context)
    {
        using var scope = NewDisposeScope();
        var logits_TE = logits(tokens, context);
        var routed_TE = logits_TE;
        if (_std is { } std)
        {
            var centred_TE = logits_TE.sub(logits_TE.mean([1], keepdim: true));
            // Equal logits stay as they are; the root is kept off zero, where its gradient is infinite.
            var variance_T1 = centred_TE.square().sum(1, keepdim: true).div(Spec.Experts - 1);
            var deviation_T1 = variance_T1.masked_fill(variance_T1.eq(0), std * std).sqrt();
            routed_TE = logits_TE.div(deviation_T1.div(std));
        }

        return SpecRouting.route(routed_TE, Spec, selection_bias, context, training).WithLogits(logits_TE.alias()).MoveToOuterDisposeScope();
    }

    private static Linear Layer(int width, int outputs, ScalarType? dtype, Device? device, Generator? generator)
    {
        var linear = nn.Linear(width, outputs, hasBias: false, device: device, dtype: dtype);
        linear.weight = Initial.Linear([outputs, width], width, dtype, device, generator);
        return linear;
    }
}
