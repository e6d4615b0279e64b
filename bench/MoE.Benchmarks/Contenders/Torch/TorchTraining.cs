using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>A torch form in training: forward, then backward from a given gradient; gradients begin as none, as after <c>zero_grad</c>.</summary>
internal sealed class TorchTraining : IContender
{
    private readonly LayerModel _model;
    private readonly ITorchForm _form;
    private readonly Tensor[] _leaves;
    private readonly int _threads;
    private int _tokens;
    private Tensor? _x;
    private Tensor? _y;

    public TorchTraining(string name, LayerModel model, ITorchForm form, int threads)
    {
        Name = name;
        _model = model;
        _form = form;
        _leaves = [.. form.Leaves];
        _threads = threads;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public void Prepare(int tokens)
    {
        set_num_threads(_threads);
        _model.Layer.train();
        _tokens = tokens;
    }

    /// <inheritdoc/>
    public void Run(int input)
    {
        Forget();
        _x = _model.Tokens.Inputs(_tokens)[input].detach().requires_grad_();
        _y = _form.Forward(_x);
        _y.backward([_model.Cotangent(_tokens)]);
    }

    /// <inheritdoc/>
    public Answer Read() => _form.Read(_y!, _x!);

    /// <inheritdoc/>
    public void Dispose()
    {
        Forget();
        _form.Dispose();
    }

    private void Forget()
    {
        _y?.Dispose();
        _x?.Dispose();
        foreach (var leaf in _leaves) leaf.grad = null;
    }
}
