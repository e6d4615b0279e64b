using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Runs a torch layer on host memory, in evaluation mode and without gradients. Callers on several threads wait for each other, as TorchSharp's objects are not safe for several at once. The layer stays the caller's.</summary>
public sealed class TorchMoEEngine : IMoEEngine
{
    private readonly MoELayer _layer;
    private readonly Lock _lock = new();

    /// <summary>Wraps a layer made from a spec.</summary>
    /// <param name="layer">The layer.</param>
    /// <exception cref="ArgumentException">The layer was made from parts and has no spec.</exception>
    /// <exception cref="SpecException">The router has schedules; an engine knows no step.</exception>
    public TorchMoEEngine(MoELayer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        Spec = layer.Spec ?? throw new ArgumentException("the layer was made from parts; an engine needs one made from a spec", nameof(layer));
        if (Spec.Router.Schedules is not null)
            throw new SpecException([new SpecProblem("router.schedules", "given", "an engine has no training step; make the layer with RouterSpec.At(step)")]);
        _layer = layer;
    }

    /// <inheritdoc/>
    public string Name => "torch";

    /// <inheritdoc/>
    public MoELayerSpec Spec { get; }

    /// <inheritdoc/>
    public Routing Route(ReadOnlySpan<float> tokens) => Run(tokens, [], routeOnly: true);

    /// <inheritdoc/>
    public void Forward(ReadOnlySpan<float> tokens, Span<float> output)
    {
        if (output.Length != tokens.Length)
            throw new ArgumentException($"output has {output.Length} values; must have {tokens.Length}", nameof(output));
        Run(tokens, output, routeOnly: false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private TopKRouting Run(ReadOnlySpan<float> tokens, Span<float> output, bool routeOnly)
    {
        if (tokens.Length % Spec.Width != 0)
            throw new ArgumentException($"tokens has {tokens.Length} values; must be a multiple of width ({Spec.Width})", nameof(tokens));
        lock (_lock) return InTurn(tokens, output, routeOnly);
    }

    private TopKRouting InTurn(ReadOnlySpan<float> tokens, Span<float> output, bool routeOnly)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        bool training = _layer.training;
        _layer.eval();
        try
        {
            var parameter = _layer.parameters().First();
            var x = tensor(tokens.ToArray(), tokens.Length / Spec.Width, Spec.Width).to(parameter.dtype, parameter.device);
            if (routeOnly) return _layer.Router.call(x, GateContext.Empty).Snapshot();
            var result = _layer.route(x);
            HostReads.Single(result.Output).CopyTo(output);
            return result.Routing.Snapshot();
        }
        finally
        {
            _layer.train(training);
        }
    }
}
