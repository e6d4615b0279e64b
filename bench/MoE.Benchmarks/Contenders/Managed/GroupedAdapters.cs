using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>The base product in torch, then the library's grouped low-rank products on its memory.</summary>
internal sealed class GroupedAdapters : IContender
{
    private readonly AdapterModel _model;
    private readonly GroupedLora _lora;
    private readonly MoEWorkspace _workspace;
    private readonly int _threads;
    private int _tokens;
    private Tensor? _last;

    public GroupedAdapters(AdapterModel model, int threads)
    {
        _model = model;
        _threads = threads;
        _workspace = new MoEWorkspace(threads);
        _lora = new GroupedLora(model.Config.Width, model.Config.ExpertWidth, [.. Enumerable.Range(0, model.Config.Experts).Select(i => (model.Spec, Values(model.A, i), Values(model.B, i)))]);
    }

    /// <inheritdoc/>
    public string Name => ContenderNames.Ours;

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
        var y = x.mm(_model.Weight.t());
        _lora.Add(MemoryMarshal.Cast<byte, float>(x.bytes), _model.Which(_tokens, input), MemoryMarshal.Cast<byte, float>(y.bytes), _workspace);
        _last = y.DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public Answer Read() => new(new AnswerPart("output", _last!.ToSingles()));

    /// <inheritdoc/>
    public void Dispose()
    {
        _last?.Dispose();
        _workspace.Dispose();
    }

    private static ReadOnlyMemory<float> Values(Tensor stacked, int adapter)
    {
        using var one = stacked[adapter];
        return one.ToSingles();
    }
}
