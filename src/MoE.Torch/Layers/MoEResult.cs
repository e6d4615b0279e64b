using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>What a layer returns beside its output. Disposing it disposes everything in it.</summary>
public sealed class MoEResult : IDisposable
{
    internal MoEResult(Tensor output, RoutingTensors routing, IReadOnlyDictionary<string, Tensor> losses)
    {
        Output = output;
        Routing = routing;
        Losses = losses;
    }

    /// <summary>The layer's output, in the shape of its input.</summary>
    public Tensor Output { get; }

    /// <summary>Which experts saw which token.</summary>
    public RoutingTensors Routing { get; }

    /// <summary>Scalars by name, each already multiplied by its coefficient.</summary>
    public IReadOnlyDictionary<string, Tensor> Losses { get; }

    /// <summary>The sum of the losses: a scalar, zero without losses.</summary>
    public Tensor TotalLoss()
    {
        using var scope = NewDisposeScope();
        var total = zeros([], dtype: Routing.Weights.dtype, device: Routing.Weights.device);
        foreach (var loss in Losses.Values) total = total + loss;
        return total.MoveToOuterDisposeScope();
    }

    internal MoEResult MoveToOuterDisposeScope()
    {
        Output.MoveToOuterDisposeScope();
        Routing.MoveToOuterDisposeScope();
        foreach (var loss in Losses.Values) loss.MoveToOuterDisposeScope();
        return this;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Output.Dispose();
        Routing.Dispose();
        foreach (var loss in Losses.Values) loss.Dispose();
    }
}
