using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A router of cosines: logits = normalize(W x + b) . normalize(expert) * exp(min(temperature, ln 100)), the length of tokens and experts taken out (Li et al. 2022, "Sparse mixture-of-experts are domain generalizable
/// learners"; Tutel's <c>CosineTopKGate</c>).
/// </summary>
public sealed class CosineGate : SpecGate
{
    private readonly Linear projection;
    private readonly Parameter experts;
    private readonly Parameter temperature;
    private readonly double _largest;

    /// <summary>Makes a gate.</summary>
    /// <param name="spec">The router.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="projected">P, the width in which cosines are taken, positive. The peer: min(D / 2, 256).</param>
    /// <param name="initialTemperature">Cosines are divided by it at the start; positive. The peer: 0.5.</param>
    /// <param name="largestScale">Cosines are never multiplied by more than this; positive. The peer: 100.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public CosineGate(RouterSpec spec, int width, int projected, double initialTemperature = 0.5, double largestScale = 100, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(CosineGate), spec, device)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(projected);
        if (!(initialTemperature > 0 && double.IsFinite(initialTemperature))) throw new ArgumentOutOfRangeException(nameof(initialTemperature), initialTemperature, "must be positive and finite");
        if (!(largestScale > 0 && double.IsFinite(largestScale))) throw new ArgumentOutOfRangeException(nameof(largestScale), largestScale, "must be positive and finite");
        _largest = Math.Log(largestScale);
        projection = nn.Linear(width, projected, hasBias: true, device: device, dtype: dtype);
        projection.weight = Initial.Linear([projected, width], width, dtype, device, generator);
        projection.bias = Initial.Zeros([projected], dtype, device);
        experts = Initial.Linear([projected, spec.Experts], projected, dtype, device, generator);
        temperature = new Parameter(full([1], Math.Log(1 / initialTemperature), dtype: dtype ?? ScalarType.Float32, device: device).DetachFromDisposeScope());
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor logits(Tensor tokens, GateContext context)
    {
        var x_TD = TensorGuard.Seen(tokens, context, projection.weight!.shape[1], experts);
        using var scope = NewDisposeScope();
        var directions_TP = nn.functional.normalize(projection.call(x_TD), p: 2, dim: 1);
        var experts_PE = nn.functional.normalize(experts, p: 2, dim: 0);
        return directions_TP.mm(experts_PE).mul(temperature.clamp_max(_largest).exp()).MoveToOuterDisposeScope();
    }
}
