using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>
/// The inputs of a model: sixteen batches of any size up to a largest one, cut from one pool of rows. A row whose routing is a near tie is drawn again:
/// there, two correct implementations may choose different experts.
/// </summary>
internal sealed class TokenPool : IDisposable
{
    // Larger batches overlap, which keeps the pool small; they still differ in most rows' places.
    private const int MaxStride = 512;
    private const double LeastMargin = 1e-4;

    private readonly Tensor _rows;
    private readonly int[] _experts;
    private readonly int _choices;
    private readonly Dictionary<int, Tensor[]> _inputs = [];

    /// <param name="draw">Draws a number of rows [n, width], single precision.</param>
    /// <param name="logits">The logits [n, E] of rows, in double precision.</param>
    /// <param name="choices">K.</param>
    /// <param name="maxTokens">The largest T.</param>
    public TokenPool(Func<long, Tensor> draw, Func<Tensor, Tensor> logits, int choices, int maxTokens)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        long count = (Alternation.Inputs - 1) * Math.Min(maxTokens, MaxStride) + Math.Max(maxTokens, MaxStride);
        var rows = draw(count);
        var fresh = arange(count);
        while (fresh.numel() > 0)
        {
            var tied = Margin(logits(rows.index_select(0, fresh)), choices).lt(LeastMargin);
            fresh = fresh.masked_select(tied);
            if (fresh.numel() > 0) rows.index_copy_(0, fresh, draw(fresh.numel()));
        }

        var (_, experts) = logits(rows).topk(choices);
        _experts = Array.ConvertAll(experts.flatten().data<long>().ToArray(), static e => (int)e);
        _choices = choices;
        _rows = rows.DetachFromDisposeScope();
    }

    /// <summary>All rows.</summary>
    public Tensor Rows => _rows;

    /// <summary>The first row of an input.</summary>
    public static int FirstRow(int tokens, int input) => input * Math.Min(tokens, MaxStride);

    /// <summary>The inputs of one size, [T, width] each. They stay the pool's.</summary>
    public IReadOnlyList<Tensor> Inputs(int tokens)
    {
        if (_inputs.TryGetValue(tokens, out var inputs)) return inputs;
        return _inputs[tokens] = [.. Enumerable.Range(0, Alternation.Inputs).Select(i => _rows.narrow(0, FirstRow(tokens, i), tokens).DetachFromDisposeScope())];
    }

    /// <summary>How many experts an input of one size chooses, the mean over the inputs.</summary>
    public double MeanExperts(int tokens) => Enumerable.Range(0, Alternation.Inputs).Average(i =>
        _experts.AsSpan(FirstRow(tokens, i) * _choices, tokens * _choices).ToArray().Distinct().Count());

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var input in _inputs.Values.SelectMany(static i => i)) input.Dispose();
        _rows.Dispose();
    }

    // The least gap between neighbouring ranks down to the first that is not chosen: order and choice are both certain above it.
    private static Tensor Margin(Tensor logits_TE, int choices)
    {
        long ranks = Math.Min(choices + 1, logits_TE.shape[1]);
        var (top, _) = logits_TE.topk((int)ranks);
        return ranks == 1 ? ones(top.shape[0], dtype: ScalarType.Float64) : (top.narrow(1, 0, ranks - 1) - top.narrow(1, 1, ranks - 1)).amin([1]);
    }
}
