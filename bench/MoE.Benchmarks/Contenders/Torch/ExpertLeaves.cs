using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>A stacked weight as one leaf per expert, in the same memory: what a model with one module per expert has. A leaf that were a view of a stacked parameter would get a gradient of the size of all experts.</summary>
internal sealed class ExpertLeaves : IDisposable
{
    private readonly Tensor[] _leaves;

    /// <param name="stacked_E">[E, ...].</param>
    /// <param name="training">Leaves collect gradients.</param>
    /// <param name="type">Type of the leaves; another than the weight's is a copy.</param>
    public ExpertLeaves(Tensor stacked_E, bool training, ScalarType type = ScalarType.Float32)
    {
        using var scope = NewDisposeScope();
        _leaves = [.. stacked_E.detach().unbind().Select(t => t.detach().to(type).requires_grad_(training).DetachFromDisposeScope())];
    }

    public Tensor this[int expert] => _leaves[expert];

    public IReadOnlyList<Tensor> All => _leaves;

    public void Dispose()
    {
        foreach (var leaf in _leaves) leaf.Dispose();
    }
}
