using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Routings as mixes of adapters.</summary>
public static class LoraRouting
{
    /// <summary>The weights of a routing as scalings, differentiable: what <see cref="ScaledLoraMix"/> and, for a routing of rows, <see cref="CombinedLoraMix"/> take.</summary>
    /// <param name="routing">Of any gate.</param>
    /// <returns>[T, n]; zero where no route was kept.</returns>
    public static Tensor scalings(RoutingTensors routing)
    {
        ArgumentNullException.ThrowIfNull(routing);
        using var scope = NewDisposeScope();
        // One column more, for routes to nobody.
        var wide = zeros(routing.TokenCount, routing.ExpertCount + 1, dtype: routing.Weights.dtype, device: routing.Weights.device);
        var to = routing.ExpertIds.masked_fill(routing.ExpertIds.lt(0), routing.ExpertCount);
        return wide.scatter_add(1, to, routing.Weights).narrow(1, 0, routing.ExpertCount).MoveToOuterDisposeScope();
    }
}
