using MoE.Diagnostics;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>A record of a routing log as the experts that a torch gate is given.</summary>
/// <example><code>
/// using var given = RoutingReplay.given_experts(log.Find("layers.3", step), layer.Router, tokens: x.shape[0]);
/// using var result = layer.route(x, new GateContext { Step = step, GivenExperts = given });
/// </code></example>
public static class RoutingReplay
{
    /// <summary>The experts of a record, dropped routes included: the gate's own capacity drops them again, and the weights come from its live scores.</summary>
    /// <param name="record">A top-k or ragged routing.</param>
    /// <param name="gate">The gate that will take them.</param>
    /// <param name="tokens">T of the live batch.</param>
    /// <param name="device">Where the live batch is; the CPU by default.</param>
    /// <returns>[T, K] int64 for <see cref="GateContext.GivenExperts"/>, -1 for none.</returns>
    /// <exception cref="ArgumentException">The record has another T, E or K; both are named.</exception>
    public static Tensor given_experts(RoutingRecord record, TorchGate gate, long tokens, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(record);
        ArgumentNullException.ThrowIfNull(gate);
        int choices = gate is SpecGate follows ? follows.Spec.At(record.Step).TopK : gate.top_k ?? (record.Routing as TopKRouting)?.Choices ?? gate.Experts;
        int[] given = record.GivenExperts(checked((int)tokens), gate.Experts, choices);
        return tensor(Array.ConvertAll(given, static e => (long)e), [tokens, choices], device: device);
    }
}
