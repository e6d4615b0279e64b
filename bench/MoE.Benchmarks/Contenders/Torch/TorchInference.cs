using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>A torch form in inference mode.</summary>
internal sealed class TorchInference : IContender
{
    private readonly LayerModel _model;
    private readonly ITorchForm _form;
    private readonly int _threads;
    private IReadOnlyList<Tensor> _inputs = [];
    private Tensor? _output;

    public TorchInference(string name, LayerModel model, ITorchForm form, int threads)
    {
        Name = name;
        _model = model;
        _form = form;
        _threads = threads;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public void Prepare(int tokens)
    {
        set_num_threads(_threads);
        _model.Layer.eval();
        _inputs = _model.Tokens.Inputs(tokens);
    }

    /// <inheritdoc/>
    public void Run(int input)
    {
        using var mode = inference_mode();
        _output?.Dispose();
        _output = _form.Forward(_inputs[input]);
    }

    /// <inheritdoc/>
    public Answer Read() => new(new AnswerPart("y", _output!.ToSingles()));

    /// <inheritdoc/>
    public void Dispose()
    {
        _output?.Dispose();
        _form.Dispose();
    }
}
