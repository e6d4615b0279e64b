using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Gathers the losses of every <see cref="MoELayer"/> inside a model, so that a model which calls its layers as plain modules can still be trained with them.
/// Nothing global: it listens to the layers found at construction until it is disposed.
/// </summary>
/// <example><code>
/// using var losses = new RouterLossCollector(model);
/// var loss = criterion.call(model.call(x), y) + losses.Take();
/// </code></example>
public sealed class RouterLossCollector : IDisposable
{
    private readonly MoELayer[] _layers;
    private readonly List<Tensor> _pending = [];

    /// <summary>Starts listening.</summary>
    /// <param name="model">A model that holds at least one <see cref="MoELayer"/>.</param>
    /// <exception cref="ArgumentException">The model has none.</exception>
    public RouterLossCollector(nn.Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        _layers = [.. model.modules().Prepend(model).OfType<MoELayer>().Distinct()];
        if (_layers.Length == 0) throw new ArgumentException($"model = {model.GetName()}: holds no {nameof(MoELayer)}", nameof(model));
        foreach (var layer in _layers) layer.Routed += Listen;
    }

    /// <summary>The layers found.</summary>
    public IReadOnlyList<MoELayer> Layers => _layers;

    /// <summary>The sum of all losses since the last call: a scalar, zero if there were none.</summary>
    public Tensor Take()
    {
        using var scope = NewDisposeScope();
        var total = _pending.Count == 0 ? zeros([]) : _pending[0].alias();
        foreach (var loss in _pending.Skip(1)) total = total + loss.to(total.device);
        Forget();
        return total.MoveToOuterDisposeScope();
    }

    /// <summary>Stops listening.</summary>
    public void Dispose()
    {
        foreach (var layer in _layers) layer.Routed -= Listen;
        Forget();
    }

    // Aliases outside every scope: the layer's own tensors end with its call.
    private void Listen(MoELayer layer, MoEResult result) =>
        _pending.AddRange(result.Losses.Values.Select(static loss => loss.alias().DetachFromDisposeScope()));

    private void Forget()
    {
        foreach (var loss in _pending) loss.Dispose();
        _pending.Clear();
    }
}
