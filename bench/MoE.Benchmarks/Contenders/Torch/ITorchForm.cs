using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>One way to write the layer in TorchSharp. The same form serves inference and training.</summary>
internal interface ITorchForm : IDisposable
{
    /// <summary>The layer's output, [T, D].</summary>
    Tensor Forward(Tensor x_TD);

    /// <summary>The tensors that collect gradients.</summary>
    IEnumerable<Tensor> Leaves { get; }

    /// <summary>The answer of a training step, under the neutral names.</summary>
    /// <param name="y">The output.</param>
    /// <param name="x">The input, with its gradient.</param>
    Answer Read(Tensor y, Tensor x);
}
