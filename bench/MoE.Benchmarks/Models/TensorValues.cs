using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Benchmarks;

/// <summary>Tensors as flat arrays.</summary>
internal static class TensorValues
{
    /// <summary>The values in single precision.</summary>
    public static float[] ToSingles(this Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.detach().to(ScalarType.Float32).contiguous().data<float>().ToArray();
    }

    /// <summary>The gradients of stacked leaves, one after the other; zeros where a leaf took no part.</summary>
    public static float[] Gradients(this IReadOnlyList<Tensor> leaves)
    {
        long count = leaves.Sum(static l => l.numel());
        var all = new float[count];
        int at = 0;
        foreach (var leaf in leaves)
        {
            using var gradient = leaf.grad;
            gradient?.ToSingles().CopyTo(all, at);
            at += (int)leaf.numel();
        }

        return all;
    }
}
