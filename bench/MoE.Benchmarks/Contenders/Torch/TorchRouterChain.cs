using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>The routing chain that torch models write: softmax, top-k, division by the sum, stable sort by expert, counts.</summary>
internal sealed class TorchRouterChain : IContender
{
    private readonly RouterModel _model;
    private readonly int _threads;
    private IReadOnlyList<Tensor> _inputs = [];
    private Tensor[] _last = [];

    public TorchRouterChain(RouterModel model, int threads)
    {
        _model = model;
        _threads = threads;
    }

    /// <inheritdoc/>
    public string Name => ContenderNames.TorchRouter;

    /// <inheritdoc/>
    public void Prepare(int tokens)
    {
        set_num_threads(_threads);
        _inputs = _model.Logits.Inputs(tokens);
    }

    /// <inheritdoc/>
    public void Run(int input)
    {
        foreach (var tensor in _last) tensor.Dispose();
        using var mode = inference_mode();
        using var scope = NewDisposeScope();
        var scores_TE = _inputs[input].softmax(-1);
        var (weights_TK, experts_TK) = scores_TE.topk(_model.Config.Choices);
        weights_TK = weights_TK / weights_TK.sum(-1, keepdim: true);
        var experts_N = experts_TK.flatten();
        var (_, order_N) = experts_N.sort(0, descending: false, stable: true);
        var counts_E = experts_N.bincount(null, _model.Config.Experts);
        _last = [experts_TK.MoveToOuterDisposeScope(), weights_TK.MoveToOuterDisposeScope(), order_N.MoveToOuterDisposeScope(), counts_E.MoveToOuterDisposeScope()];
    }

    /// <inheritdoc/>
    public Answer Read() => RouterAnswer.Of(_last[0].flatten().data<long>(), _last[1].ToSingles(), _last[2].data<long>(), _last[3].data<long>());

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in _last) tensor.Dispose();
    }
}
