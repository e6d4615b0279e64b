using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>How gate values meet what they gate, with gradients; the same formulas as <see cref="ElementBlend"/>. Shapes broadcast.</summary>
public static class ElementBlends
{
    /// <summary>Gate values of logits.</summary>
    /// <param name="logits">Any shape, a floating type.</param>
    /// <param name="squash">The function.</param>
    public static Tensor squash(Tensor logits, Squash squash)
    {
        ArgumentNullException.ThrowIfNull(logits);
        TensorGuard.Floating(logits, nameof(logits));
        return squash switch
        {
            Squash.None => logits.alias(),
            Squash.Sigmoid => logits.sigmoid(),
            Squash.Tanh => logits.tanh(),
            Squash.Decay => Decay(logits),
            _ => throw new ArgumentOutOfRangeException(nameof(squash), squash, "must be a defined squashing function"),
        };
    }

    /// <summary>g * a + (1 - g) * b: GRU-style blends, PGN (Zhang et al. 2024).</summary>
    /// <param name="gate">g.</param>
    /// <param name="whenOpen">a.</param>
    /// <param name="whenClosed">b.</param>
    public static Tensor convex(Tensor gate, Tensor whenOpen, Tensor whenClosed)
    {
        ArgumentNullException.ThrowIfNull(gate);
        ArgumentNullException.ThrowIfNull(whenOpen);
        ArgumentNullException.ThrowIfNull(whenClosed);
        using var scope = NewDisposeScope();
        return (gate * whenOpen + gate.neg().add(1) * whenClosed).MoveToOuterDisposeScope();
    }

    /// <summary>a * sigmoid(b), a and b the halves of the last dimension (Dauphin et al. 2017).</summary>
    /// <param name="values">[..., 2 D].</param>
    /// <returns>[..., D].</returns>
    /// <exception cref="ArgumentException">The last dimension is odd.</exception>
    public static Tensor glu(Tensor values)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (values.dim() == 0 || values.shape[^1] % 2 != 0)
            throw new ArgumentException($"values has shape {TensorGuard.Shape(values)}; must have an even last dimension", nameof(values));
        using var scope = NewDisposeScope();
        long half = values.shape[^1] / 2;
        return (values.narrow(-1, 0, half) * values.narrow(-1, half, half).sigmoid()).MoveToOuterDisposeScope();
    }

    /// <summary>x + g * z: with g = 0 exactly x, as long as z is finite (LLaMA-Adapter, ImageBind-LLM).</summary>
    /// <param name="values">x.</param>
    /// <param name="gate">g.</param>
    /// <param name="branch">z.</param>
    public static Tensor residual(Tensor values, Tensor gate, Tensor branch)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(gate);
        ArgumentNullException.ThrowIfNull(branch);
        using var scope = NewDisposeScope();
        return (values + gate * branch).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// g * x + (1 - g) * mean + (1 - g) * std * noise: a closed element is replaced by noise with the statistics of its group (CGIB). Mean and standard deviation (over n - 1) are taken over the
    /// first dimension and carry no gradient.
    /// </summary>
    /// <param name="values">x [N, D], N at least 2.</param>
    /// <param name="gate">g [N, 1] or [N, D].</param>
    /// <param name="noise">[N, D]. Standard normal in the paper; the released code draws from U(0, 1).</param>
    /// <exception cref="ArgumentException">A shape is wrong.</exception>
    public static Tensor replace_by_noise(Tensor values, Tensor gate, Tensor noise)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(gate);
        ArgumentNullException.ThrowIfNull(noise);
        if (values.dim() != 2 || values.shape[0] < 2) throw new ArgumentException($"values has shape {TensorGuard.Shape(values)}; must be [N, D] with N of 2 or more", nameof(values));
        if (!noise.shape.SequenceEqual(values.shape)) throw new ArgumentException($"noise has shape {TensorGuard.Shape(noise)}; must be {TensorGuard.Shape(values)}", nameof(noise));
        using var scope = NewDisposeScope();
        var (mean_1D, std_1D) = UnitLosses.Moments(values);
        return (gate * values + gate.neg().add(1) * (mean_1D + noise * std_1D)).MoveToOuterDisposeScope();
    }

    private static Tensor Decay(Tensor logits)
    {
        using var negated = logits.neg();
        return negated.sigmoid();
    }
}
