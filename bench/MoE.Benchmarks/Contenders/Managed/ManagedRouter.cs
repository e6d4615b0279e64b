namespace MoE.Benchmarks;

/// <summary>The library's managed router on host memory.</summary>
internal sealed class ManagedRouter : IContender
{
    private readonly RouterModel _model;
    private readonly RouterSpec _spec;
    private int _tokens;
    private TopKRouting? _last;

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
    public void Run(int input) => _last = ReferenceRouter.Route(_model.Host(_tokens, input), _spec);

    /// <inheritdoc/>
    public Answer Read() => RouterAnswer.Of(
        _last!.ExpertIds.ToArray().Select(static e => (long)e),
        _last.Weights.ToArray(),
        _last.Plan.Permutation.ToArray().Select(static r => (long)r),
        _last.Load().Select(static c => (long)c));

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
