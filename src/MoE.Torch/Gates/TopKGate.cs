using MoE.Checkpoints;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// The token-choice gate with a linear scorer, <c>logits = x W^T + b</c>, and the rule of a <see cref="RouterSpec"/>: softmax or sigmoid, before or after the choice, groups, bias, capacity.
/// Parameters: <c>weight</c> [E, D], <c>bias</c> [E] or none; buffer <c>selection_bias</c> [E] or none.
/// </summary>
/// <example><code>var gate = new TopKGate(RouterProfiles.Mixtral(experts: 8), width: 64);</code></example>
public sealed class TopKGate : SpecGate
{
    private readonly Parameter weight;
    private readonly Parameter? bias;

    /// <summary>Makes a gate; the weight is drawn from U(-1/sqrt(D), 1/sqrt(D)), as a linear layer's.</summary>
    /// <param name="spec">The router.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="hasBias">The scorer has a bias, zero at first.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public TopKGate(RouterSpec spec, int width, bool hasBias = false, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(TopKGate), spec, device)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        weight = Initial.Linear([spec.Experts, width], width, dtype, device, generator);
        if (hasBias) bias = Initial.Zeros([spec.Experts], dtype, device);
        RegisterComponents();
    }

    /// <summary>The router of a published model's layer, from a folder as <see cref="HuggingFaceCheckpoint"/> opens it; the experts need not be there.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="layer">The number of a mixture-of-experts layer.</param>
    /// <param name="dtype">Type of the parameters; null: that of the published weights.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <exception cref="InvalidDataException">A file is damaged, or weights and configuration do not agree: all tensors in question are named.</exception>
    /// <exception cref="IOException">A file is missing or cannot be read.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The model has no such layer, or it is dense.</exception>
    public static TopKGate FromPretrained(string folder, int layer, ScalarType? dtype = null, Device? device = null)
    {
        using var model = HuggingFaceCheckpoint.Open(folder);
        var weights = model.RouterWeights(layer);
        var (router, width) = (weights.Spec.Router, weights.Spec.Width);
        var gate = new TopKGate(router, width, weights.Spec.RouterBias, dtype ?? PretrainedType.Of(model.Config), device);
        try
        {
            using var guard = no_grad();
            using var scope = NewDisposeScope();
            foreach (var (name, parameter) in gate.state_dict())
            {
                var values = new float[router.Experts * (name == "weight" ? width : 1)];
                weights.Read("router." + name, 0, values);
                parameter.copy_(torch.tensor(values, parameter.shape));
            }

            return gate;
        }
        catch
        {
            gate.Dispose();
            throw;
        }
    }

    /// <summary>The scorer's weight, [E, D].</summary>
    public Parameter Weight => weight;

    /// <summary>The scorer's bias, [E], or null.</summary>
    public Parameter? Bias => bias;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The width or type is not that of the weight.</exception>
    /// <exception cref="InvalidOperationException">The spec draws jitter, and the context has no noise source.</exception>
    public override Tensor logits(Tensor tokens, GateContext context)
    {
        var x_TD = context.Selector ?? tokens;
        TensorGuard.Matrix(x_TD, weight.shape[1], nameof(tokens));
        using var scope = NewDisposeScope();
        if (training && Spec.At(context.Step).InputJitter is > 0 and var jitter)
            x_TD = x_TD.mul(NoiseDraw.Of(context, NoiseNames.InputJitter, NoiseKind.Uniform, x_TD.shape, x_TD).mul(2 * jitter).add(1 - jitter));
        if (Spec.Logits == LogitPrecision.Input || x_TD.dtype is ScalarType.Float32 or ScalarType.Float64)
        {
            TensorGuard.SameType(x_TD, weight, nameof(tokens));
            return nn.functional.linear(x_TD, weight, bias).MoveToOuterDisposeScope();
        }

        return nn.functional.linear(x_TD.to(ScalarType.Float32), weight.to(ScalarType.Float32), bias?.to(ScalarType.Float32)).MoveToOuterDisposeScope();
    }
}
