namespace MoE;

/// <summary>
/// A layer on the managed kernels: linear scorer, router, experts. No native code. Thread-safe; concurrent callers wait for each other, as the workspace is one: for more at once, give each an engine over the same weights, or
/// use <see cref="MoEFeedForward"/> with a workspace per caller.
/// </summary>
public sealed unsafe class ManagedMoEEngine : IMoEEngine
{
    private readonly Lock _lock = new();
    private readonly MoEFeedForward _experts;
    private readonly PackedRouter _router;
    private readonly MoEWorkspace _workspace;
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
        CheckOneStep(spec);
        var held = (precision ?? ExpertPrecision.Single).Checked();
        var reader = new ExpertReader(spec, weights, finite: held.Weights is not (WeightFormat.Single or WeightFormat.BFloat16));
        _experts = new MoEFeedForward(spec, held, MoEFeedForward.DefaultPath, reader);
        _router = new PackedRouter(spec, reader.Small);
        _workspace = new MoEWorkspace(threads);
    }

    private ManagedMoEEngine(MoEFeedForward experts, PackedRouter router, int threads) => (_experts, _router, _workspace) = (experts, router, new MoEWorkspace(threads));

    /// <summary>Maps a file of <see cref="Save"/> or <see cref="MoEFeedForward.Pack"/>; see <see cref="MoEFeedForward.Open"/>.</summary>
    /// <param name="path">The file; it must not change while the engine lives.</param>
    /// <param name="threads">Threads that work on a call, the caller's included; positive.</param>
    /// <param name="verify">Reads the whole file once and compares its checksums; otherwise only the header's is.</param>
    /// <param name="cancellationToken">Ends the comparison.</param>
    /// <exception cref="InvalidDataException">As of <see cref="MoEFeedForward.Open"/>, or the file holds no router; the message names the file and the rule.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static ManagedMoEEngine Open(string path, int threads = 1, bool verify = false, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        var experts = MoEFeedForward.OpenWith(path, verify, withRouter: true, out var router, cancellationToken);
        try
        {
            CheckOneStep(experts.Spec);
            return new ManagedMoEEngine(experts, router!, threads);
        }
        catch (Exception e)
        {
            experts.Dispose();
            router!.Dispose();
            if (e is SpecException) throw new InvalidDataException($"{path}: {e.Message}", e);
            throw;
        }
    }

    /// <summary>Saves the packed layer, router included, to be mapped by <see cref="Open"/>. The file appears under its name only when complete.</summary>
    /// <param name="path">Overwritten if it exists.</param>
    /// <param name="progress">The share that is written, 0..1.</param>
    /// <param name="cancellationToken">Ends it; nothing is left behind.</param>
    /// <exception cref="IOException">The file cannot be written; nothing is left behind.</exception>
    /// <exception cref="ObjectDisposedException">The engine is disposed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public void Save(string path, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        // Of its own, so that neither callers nor disposal wait for a disk.
        PackedRouter router;
        lock (_lock) router = _router.Copy();
        using (router) _experts.SaveWith(router, path, progress, cancellationToken);
    }

    /// <inheritdoc/>
    public string Name => "managed";

    /// <inheritdoc/>
    public MoELayerSpec Spec => _experts.Spec;

    /// <summary>The vectors it uses.</summary>
    public KernelPath Path => _experts.Path;

    /// <summary>How weights are held and multiplied.</summary>
    public ExpertPrecision Precision => _experts.Precision;

    /// <summary>What packing did to the weights: one per expert, then that of the shared expert if there is one. All zero in single precision.</summary>
    public IReadOnlyList<ExpertError> Errors => _experts.Errors;

    /// <summary>Threads that work on a call.</summary>
    public int Threads => _workspace.Threads;

    /// <inheritdoc/>
    public Routing Route(ReadOnlySpan<float> tokens)
    {
        lock (_lock) return ReferenceRouter.Route(Logits(tokens), Spec.Router, new RouteOptions { SelectionBias = _router.SelectionBias });
    }

    /// <inheritdoc/>
    public void Forward(ReadOnlySpan<float> tokens, Span<float> output)
    {
        lock (_lock)
        {
            var logits = Logits(tokens);
            if (Spec.Router.Dispatch.Capacity is not null)
            {
                _experts.Forward(tokens, ReferenceRouter.Route(logits, Spec.Router, new RouteOptions { SelectionBias = _router.SelectionBias }), output, _workspace);
                return;
            }

            RouterKernel.Route(logits, Spec.Router, _router.SelectionBias, _routing);
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
            _router.Dispose();
        }
    }

    private Span<float> Logits(ReadOnlySpan<float> tokens)
    {
        int d = Spec.Width, e = Spec.Router.Experts;
        if (tokens.Length % d != 0) throw new ArgumentException($"tokens has {tokens.Length} values; must be a multiple of the width ({d})", nameof(tokens));
        int count = tokens.Length / d;
        float* logits = _workspace.Logits((long)count * e);
        fixed (float* x = tokens) _workspace.Linear.Compute(_router.Scorer, e, Path, x, count, logits, _workspace);
        var span = new Span<float>(logits, count * e);
        if (_router.Bias is { } bias) for (int i = 0; i < span.Length; i++) span[i] += bias[i % e];
        return span;
    }

    private static void CheckOneStep(MoELayerSpec spec)
    {
        if (spec.Router.Schedules is not null) throw new SpecException([RouterSpec.OneStep("router.")]);
    }
}
