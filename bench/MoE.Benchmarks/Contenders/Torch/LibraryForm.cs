using MoE.Torch;
using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>The library's own torch layer, called as a module. The model owns it.</summary>
internal sealed class LibraryForm : ITorchForm
{
    private readonly LayerModel _model;

    public LibraryForm(LayerModel model) => _model = model;

    /// <inheritdoc/>
    public IEnumerable<Tensor> Leaves => _model.Layer.parameters();

    /// <inheritdoc/>
    public Tensor Forward(Tensor x_TD) => _model.Layer.call(x_TD);

    /// <inheritdoc/>
    public Answer Read(Tensor y, Tensor x) => TrainAnswer.Of(
        y,
        new[] { x }.Gradients(),
        new[] { _model.Router }.Gradients(),
        new[] { _model.Gate }.Gradients(),
        new[] { _model.Up }.Gradients(),
        new[] { _model.Down }.Gradients());

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
