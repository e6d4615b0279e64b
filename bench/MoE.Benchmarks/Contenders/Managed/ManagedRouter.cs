namespace MoE.Benchmarks;

/// <summary>The library's managed router on host memory.</summary>
internal sealed class ManagedRouter : IContender
{
    private readonly RouterModel _model;
    private readonly RouterSpec _spec;
    private int _tokens;
    private readonly RoutingBuffer _last = new();

    public ManagedRouter(RouterModel model)
    {
        _model = model;
        _spec = model.Config.ToRouterSpec();
    }

    /// <inheritdoc/>
    public string Name => ContenderNames.Ours;

    /// <inheritdoc/>
    public void Prepare(int tokens) => _tokens = tokens;

    /// <inheritdoc/>
    public void Run(int input) => RouterKernel.Route(_model.Host(_tokens, input), _spec, [], _last);

    /// <inheritdoc/>
    public Answer Read() => RouterAnswer.Of(
        _last.ExpertIds.ToArray().Select(static e => (long)e),
        _last.Weights.ToArray(),
        _last.Permutation.ToArray().Select(static r => (long)r),
        Enumerable.Range(0, _last.ExpertCount).Select(e => (long)_last.Load(e)));

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
