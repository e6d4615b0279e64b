namespace MoE;

/// <summary>
/// A layer on the managed kernels: linear scorer, router, experts. No native code. Thread-safe; concurrent callers wait for each other, as the workspace is one: for more at once, give each an engine over the same weights, or
/// use <see cref="MoEFeedForward"/> with a workspace per caller.
/// </summary>
public sealed unsafe class ManagedMoEEngine : IMoEEngine
{
    private readonly Lock _lock = new();
    private readonly MoEFeedForward _experts;
    private readonly PackedMatrix _scorer;
    private readonly MoEWorkspace _workspace;
    private readonly float[]? _bias;
    private readonly float[] _selectionBias;
    private readonly RoutingBuffer _routing = new();

    /// <summary>Packs a layer.</summary>
    /// <param name="spec">The layer; its router without schedules (<see cref="RouterSpec.At"/>).</param>
    /// <param name="weights">All tensors of <see cref="WeightNames.Of"/>; they are copied.</param>
    /// <param name="threads">Threads that work on a call, the caller's included; positive.</param>
    /// <param name="precision">How the experts' weights are held and multiplied; null: single precision.</param>
    /// <exception cref="SpecException">The spec has problems, or something that the kernels do not run; all are named.</exception>
    /// <exception cref="ArgumentException">Tensors are missing or have the wrong shape; all of them are named.</exception>
    public ManagedMoEEngine(MoELayerSpec spec, IWeightSource weights, int threads = 1, ExpertPrecision? precision = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        MoEFeedForward.Supported(spec);
        if (spec.Router.Schedules is not null) throw new SpecException([RouterSpec.OneStep("router.")]);
        var tensors = LayerWeights.Load(spec, weights);
        _experts = new MoEFeedForward(spec, tensors, MoEFeedForward.DefaultPath, precision);
        _scorer = PackedMatrix.Of(tensors.Get(WeightNames.Router)!, spec.Width);
        _bias = tensors.Get(WeightNames.RouterBias);
        _selectionBias = tensors.Get(WeightNames.SelectionBias) ?? [];
        _workspace = new MoEWorkspace(threads);
    }

    /// <inheritdoc/>
    public string Name => "managed";

    /// <inheritdoc/>
    public MoELayerSpec Spec => _experts.Spec;

    /// <summary>The vectors it uses.</summary>
    public KernelPath Path => _experts.Path;

    /// <summary>Threads that work on a call.</summary>
    public int Threads => _workspace.Threads;

    /// <inheritdoc/>
    public Routing Route(ReadOnlySpan<float> tokens)
    {
        lock (_lock) return ReferenceRouter.Route(Logits(tokens), Spec.Router, new RouteOptions { SelectionBias = _selectionBias });
    }

    /// <inheritdoc/>
    public void Forward(ReadOnlySpan<float> tokens, Span<float> output)
    {
        lock (_lock)
        {
            var logits = Logits(tokens);
            if (Spec.Router.Dispatch.Capacity is not null)
            {
                _experts.Forward(tokens, ReferenceRouter.Route(logits, Spec.Router, new RouteOptions { SelectionBias = _selectionBias }), output, _workspace);
                return;
            }

            RouterKernel.Route(logits, Spec.Router, _selectionBias, _routing);
            _experts.Forward(tokens, _routing, output, _workspace);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _workspace.Dispose();
            _experts.Dispose();
            _scorer.Dispose();
        }
    }

    private Span<float> Logits(ReadOnlySpan<float> tokens)
    {
        int d = Spec.Width, e = Spec.Router.Experts;
        if (tokens.Length % d != 0) throw new ArgumentException($"tokens has {tokens.Length} values; must be a multiple of the width ({d})", nameof(tokens));
        int count = tokens.Length / d;
        float* logits = _workspace.Logits((long)count * e);
        fixed (float* x = tokens) _workspace.Linear.Compute(_scorer, e, Path, x, count, logits, _workspace);
        var span = new Span<float>(logits, count * e);
        for (int i = 0; i < span.Length && _bias is not null; i++) span[i] += _bias[i % e];
        return span;
    }
}
