using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>Rows with adapters of their own, adapter by adapter: low-rank products beside the base product (PEFT's mixed batches), or full products with weights that were merged beforehand.</summary>
internal sealed class TorchAdapters : IContender
{
    private readonly AdapterModel _model;
    private readonly int _threads;
    private readonly Tensor[] _a;
    private readonly Tensor[] _b;
    private readonly Tensor[] _merged = [];
    private int _tokens;
    private Tensor? _last;

    public TorchAdapters(string name, AdapterModel model, int threads, bool merged)
    {
        Name = name;
        _model = model;
        _threads = threads;
        using var guard = no_grad();
        _a = [.. Enumerable.Range(0, model.Config.Experts).Select(i => model.A[i].t())];
        _b = [.. Enumerable.Range(0, model.Config.Experts).Select(i => model.B[i].t())];
        if (merged) _merged = [.. Enumerable.Range(0, model.Config.Experts).Select(Merge)];
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public void Prepare(int tokens)
    {
        set_num_threads(_threads);
        _tokens = tokens;
    }

    /// <inheritdoc/>
    public void Run(int input)
    {
        _last?.Dispose();
        using var mode = inference_mode();
        using var scope = NewDisposeScope();
        var x = _model.Input(_tokens, input);
        var which = _model.WhichTensor(_tokens, input);
        var y = _merged.Length > 0 ? empty(_tokens, _model.Config.ExpertWidth) : x.mm(_model.Weight.t());
        // One sort finds everybody's rows.
        var (_, order) = which.sort(0, descending: false, stable: true);
        long[] counts = which.bincount(null, _model.Config.Experts).data<long>().ToArray();
        long at = 0;
        for (int i = 0; i < counts.Length; i++)
        {
            if (counts[i] == 0) continue;
            var rows = order.narrow(0, at, counts[i]);
            at += counts[i];
            var own = x.index_select(0, rows);
            if (_merged.Length > 0) y.index_copy_(0, rows, own.mm(_merged[i]));
            else y.index_add_(0, rows, own.mm(_a[i]).mm(_b[i]), _model.Spec.Scale);
        }

        _last = y.DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public Answer Read() => new(new AnswerPart("output", _last!.ToSingles()));

    /// <inheritdoc/>
    public void Dispose()
    {
        _last?.Dispose();
        foreach (var tensor in _a.Concat(_b).Concat(_merged)) tensor.Dispose();
    }

    private Tensor Merge(int adapter)
    {
        using var scope = NewDisposeScope();
        return (_model.Weight + _model.B[adapter].mm(_model.A[adapter]) * _model.Spec.Scale).t().DetachFromDisposeScope();
    }
}
