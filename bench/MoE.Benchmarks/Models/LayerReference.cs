using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>The layer in double precision, written as its definition: for each expert, the tokens that chose it.</summary>
internal sealed class LayerReference
{
    // Enough for a mistake to show, and few enough for slow contenders.
    private const int CheckedRows = 64;

    // One pass over the weights serves the checks of every T up to this.
    private const int ReferenceRows = 512;

    private readonly LayerModel _model;
    private float[] _outputs = [];
    private int _rows;

    public LayerReference(LayerModel model) => _model = model;

    /// <summary>The answers to the first inputs, one at least.</summary>
    public IEnumerable<(int Input, Answer Answer)> Infer(int tokens)
    {
        int inputs = Math.Clamp(CheckedRows / tokens, 1, Alternation.Inputs);
        int rows = Math.Max(TokenPool.FirstRow(tokens, inputs - 1) + tokens, ReferenceRows);
        if (rows > _rows)
        {
            _outputs = Forward(_model.Tokens.Rows.narrow(0, 0, rows));
            _rows = rows;
        }

        int width = _model.Config.Width;
        for (int i = 0; i < inputs; i++)
            yield return (i, new Answer(new AnswerPart("y", _outputs.AsSpan(TokenPool.FirstRow(tokens, i) * width, tokens * width).ToArray())));
    }

    /// <summary>Output and gradients for the first input.</summary>
    public Answer Train(int tokens)
    {
        using var scope = NewDisposeScope();
        var x = Double(_model.Tokens.Inputs(tokens)[0]).requires_grad_();
        var router = Double(_model.Router).requires_grad_();
        var weights = new[] { _model.Gate, _model.Up, _model.Down }.Select(w => w.detach().unbind().Select(e => Double(e).requires_grad_()).ToArray()).ToArray();
        var y = Forward(x, router, e => (weights[0][e], weights[1][e], weights[2][e]));
        y.backward([Double(_model.Cotangent(tokens))]);
        return TrainAnswer.Of(y, new[] { x }.Gradients(), new[] { router }.Gradients(), weights[0].Gradients(), weights[1].Gradients(), weights[2].Gradients());
    }

    private float[] Forward(Tensor rows)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return Forward(Double(rows), Double(_model.Router), e => (Double(_model.Gate[e]), Double(_model.Up[e]), Double(_model.Down[e]))).ToSingles();
    }

    private Tensor Forward(Tensor x_TD, Tensor router_ED, Func<int, (Tensor Gate, Tensor Up, Tensor Down)> expert)
    {
        var scores_TE = x_TD.mm(router_ED.t()).softmax(-1);
        var (weights_TK, experts_TK) = scores_TE.topk(_model.Config.Choices);
        weights_TK = weights_TK / weights_TK.sum(-1, keepdim: true);
        var y_TD = zeros_like(x_TD);
        for (int e = 0; e < _model.Config.Experts; e++)
        {
            using var scope = NewDisposeScope();
            var at = where(experts_TK.eq(e));
            if (at[0].numel() == 0) continue;
            var (gate, up, down) = expert(e);
            var x = x_TD.index_select(0, at[0]);
            var h = nn.functional.silu(x.mm(gate.t())).mul(x.mm(up.t()));
            var out_RD = h.mm(down.t()).mul(weights_TK[at[0], at[1]].unsqueeze(1));
            y_TD = y_TD.index_add(0, at[0], out_RD, 1).MoveToOuterDisposeScope();
        }

        return y_TD;
    }

    private static Tensor Double(Tensor t) => t.detach().to(ScalarType.Float64);
}
