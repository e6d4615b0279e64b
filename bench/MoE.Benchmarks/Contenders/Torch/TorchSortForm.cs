using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>Routes sorted by expert, rows gathered once, one product per expert for gate and up together, results concatenated and added back once.</summary>
internal sealed class TorchSortForm : ITorchForm
{
    private readonly ScalarType _type;
    private readonly int _experts;
    private readonly int _choices;
    private readonly int _width;
    private readonly Tensor _router;
    private readonly ExpertLeaves _gateUp;
    private readonly ExpertLeaves _down;

    /// <param name="model">The model.</param>
    /// <param name="training">With gradients.</param>
    /// <param name="type">Type of the experts' weights and products; the router stays in single precision.</param>
    public TorchSortForm(LayerModel model, bool training, ScalarType type = ScalarType.Float32)
    {
        _type = type;
        _experts = model.Config.Experts;
        _choices = model.Config.Choices;
        _width = model.Config.ExpertWidth;
        _router = model.Router.detach().requires_grad_(training);
        _gateUp = new ExpertLeaves(model.GateUp, training, type);
        _down = new ExpertLeaves(model.Down, training, type);
    }

    /// <inheritdoc/>
    public IEnumerable<Tensor> Leaves => [_router, .. _gateUp.All, .. _down.All];

    /// <inheritdoc/>
    public Tensor Forward(Tensor x_TD)
    {
        using var scope = NewDisposeScope();
        var scores_TE = nn.functional.linear(x_TD, _router).softmax(-1);
        var (weights_TK, experts_TK) = scores_TE.topk(_choices);
        weights_TK = weights_TK / weights_TK.sum(-1, keepdim: true);
        var experts_N = experts_TK.flatten();
        var (_, order_N) = experts_N.sort(0, descending: false, stable: true);
        var tokens_N = order_N.div(_choices, RoundingMode.floor);
        var rows_ND = x_TD.index_select(0, tokens_N).to(_type);
        var parts = new List<Tensor>();
        long first = 0;
        long[] counts = experts_N.bincount(null, _experts).data<long>().ToArray();
        for (int e = 0; e < _experts; e++)
        {
            long count = counts[e];
            if (count == 0) continue;
            var h = rows_ND.narrow(0, first, count).mm(_gateUp[e].t());
            parts.Add(nn.functional.silu(h.narrow(1, 0, _width)).mul(h.narrow(1, _width, _width)).mm(_down[e].t()));
            first += count;
        }

        var out_ND = cat(parts, 0).to(ScalarType.Float32).mul(weights_TK.flatten().index_select(0, order_N).unsqueeze(1));
        return zeros_like(x_TD).index_add_(0, tokens_N, out_ND, 1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Answer Read(Tensor y, Tensor x)
    {
        float[] gateUp = _gateUp.All.Gradients();
        int half = gateUp.Length / _experts / 2;
        return TrainAnswer.Of(y, new[] { x }.Gradients(), new[] { _router }.Gradients(), Halves(0), Halves(1), _down.All.Gradients());

        float[] Halves(int which)
        {
            var values = new float[gateUp.Length / 2];
            for (int e = 0; e < _experts; e++) gateUp.AsSpan((2 * e + which) * half, half).CopyTo(values.AsSpan(e * half));
            return values;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _router.Dispose();
        _gateUp.Dispose();
        _down.Dispose();
    }
}
