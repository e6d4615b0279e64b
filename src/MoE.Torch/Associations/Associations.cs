using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Modern Hopfield retrieval: a dense softmax gate whose experts are stored patterns (Ramsauer et al. 2021). beta = 1 / temperature; one step with beta = 1 / sqrt(D) is attention.
/// </summary>
public static class Associations
{
    /// <summary>The association of states with stored patterns: softmax(beta * q k^T).</summary>
    /// <param name="states">q [N, D].</param>
    /// <param name="stored">k [M, D], M positive.</param>
    /// <param name="beta">Finite, not negative. 0: the mean of all patterns.</param>
    /// <returns>[N, M]; rows sum to one.</returns>
    /// <exception cref="ArgumentException">A shape is wrong.</exception>
    public static Tensor association(Tensor states, Tensor stored, double beta)
    {
        Check(states, stored, beta);
        using var scope = NewDisposeScope();
        return states.matmul(stored.t()).mul(beta).softmax(-1).MoveToOuterDisposeScope();
    }

    /// <summary>Updates states toward stored patterns a number of times: x = softmax(beta x k^T) k.</summary>
    /// <param name="states">[N, D].</param>
    /// <param name="stored">[M, D].</param>
    /// <param name="beta">Finite, not negative.</param>
    /// <param name="steps">Updates, positive.</param>
    /// <returns>[N, D].</returns>
    /// <exception cref="ArgumentException">A shape is wrong.</exception>
    public static Tensor retrieve(Tensor states, Tensor stored, double beta, int steps = 1)
    {
        Check(states, stored, beta);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        using var scope = NewDisposeScope();
        var x = states;
        for (int i = 0; i < steps; i++) x = association(x, stored, beta).matmul(stored);
        return x.MoveToOuterDisposeScope();
    }

    /// <summary>The energy that an update never raises: <c>-lse(beta, k x) + |x|^2 / 2</c>, without the constant. beta must be positive.</summary>
    /// <param name="states">[N, D].</param>
    /// <param name="stored">[M, D].</param>
    /// <param name="beta">Finite, positive.</param>
    /// <returns>[N].</returns>
    /// <exception cref="ArgumentException">A shape is wrong.</exception>
    public static Tensor energy(Tensor states, Tensor stored, double beta)
    {
        Check(states, stored, beta);
        if (beta == 0) throw new ArgumentOutOfRangeException(nameof(beta), beta, "must be positive");
        using var scope = NewDisposeScope();
        return (states.square().sum(-1) * 0.5 - states.matmul(stored.t()).mul(beta).logsumexp(-1).div(beta)).MoveToOuterDisposeScope();
    }

    private static void Check(Tensor states, Tensor stored, double beta)
    {
        ArgumentNullException.ThrowIfNull(states);
        ArgumentNullException.ThrowIfNull(stored);
        if (stored.dim() != 2 || stored.shape[0] == 0) throw new ArgumentException($"stored has shape {TensorGuard.Shape(stored)}; must be [M, D] with at least one pattern", nameof(stored));
        TensorGuard.Matrix(states, stored.shape[1], nameof(states));
        TensorGuard.SameType(states, stored, nameof(states));
        if (!double.IsFinite(beta) || beta < 0) throw new ArgumentOutOfRangeException(nameof(beta), beta, "must be finite and not negative");
    }
}
