using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>
/// The loop over experts of Hugging Face transformers (MixtralSparseMoeBlock, v4): one-hot mask, the experts that were hit, for each of them <c>where</c>, three linear layers and <c>index_add_</c>.
/// </summary>
internal sealed class TorchLoopForm : ITorchForm
{
    private readonly ScalarType _type;
    private readonly int _experts;
    private readonly int _choices;
    private readonly Tensor _router;
    private readonly ExpertLeaves _gate;
    private readonly ExpertLeaves _up;
    private readonly ExpertLeaves _down;

    /// <param name="model">The model.</param>
    /// <param name="training">With gradients.</param>
    /// <param name="type">Type of the experts' weights and products; the router stays in single precision.</param>
    public TorchLoopForm(LayerModel model, bool training, ScalarType type = ScalarType.Float32)
    {
        _type = type;
        _experts = model.Config.Experts;
        _choices = model.Config.Choices;
        _router = model.Router.detach().requires_grad_(training);
        _gate = new ExpertLeaves(model.Gate, training, type);
        _up = new ExpertLeaves(model.Up, training, type);
        _down = new ExpertLeaves(model.Down, training, type);
    }

    /// <inheritdoc/>
    public IEnumerable<Tensor> Leaves => [_router, .. _gate.All, .. _up.All, .. _down.All];

    /// <inheritdoc/>
    public Tensor Forward(Tensor x_TD)
    {
        using var scope = NewDisposeScope();
        var scores_TE = nn.functional.linear(x_TD, _router).softmax(-1);
        var (weights_TK, experts_TK) = scores_TE.topk(_choices);
        weights_TK = weights_TK / weights_TK.sum(-1, keepdim: true);
        var y_TD = zeros_like(x_TD);
        var mask_EKT = nn.functional.one_hot(experts_TK, _experts).to(ScalarType.Bool).permute(2, 1, 0);
        foreach (long e in mask_EKT.sum([-1, -2]).nonzero().data<long>().ToArray())
        {
            var at = where(mask_EKT[e]);
            var x = x_TD.index_select(0, at[1]).to(_type);
            var h = nn.functional.silu(nn.functional.linear(x, _gate[(int)e])).mul(nn.functional.linear(x, _up[(int)e]));
            var out_RD = nn.functional.linear(h, _down[(int)e]).to(ScalarType.Float32).mul(weights_TK[at[1], at[0]].unsqueeze(1));
            y_TD.index_add_(0, at[1], out_RD, 1);
        }

        return y_TD.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Answer Read(Tensor y, Tensor x) =>
        TrainAnswer.Of(y, new[] { x }.Gradients(), new[] { _router }.Gradients(), _gate.All.Gradients(), _up.All.Gradients(), _down.All.Gradients());

    /// <inheritdoc/>
    public void Dispose()
    {
        _router.Dispose();
        _gate.Dispose();
        _up.Dispose();
        _down.Dispose();
    }
}
