using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>A differentiable top-k by coordinate descent (CoLT5).</summary>
public static class SoftTopK
{
    /// <summary>A soft choice of about k of the last dimension's scores, between 0 and 1 each. Differentiable through all iterations.</summary>
    /// <param name="scores">[..., n], floating.</param>
    /// <param name="k">What the choice sums to about, positive.</param>
    /// <param name="spec">Iterations and softness; null: the defaults.</param>
    /// <param name="mask">[..., n] bool, true for scores that take part; null: all.</param>
    /// <exception cref="ArgumentException">A type is wrong, or k is not positive.</exception>
    /// <remarks>lucidrains/CoLT5-attention <c>colt5_attention/coor_descent.py</c>, f2a8da0 (2024-09): a = eps (ln k - logsumexp((s + b) / eps)), b = -relu(s + a), scores exp((s + a + b) / eps).</remarks>
    public static Tensor coordinate_descent(Tensor scores, double k, CoordinateDescentSpec? spec = null, Tensor? mask = null)
    {
        ArgumentNullException.ThrowIfNull(scores);
        TensorGuard.Floating(scores, nameof(scores));
        if (!(k > 0)) throw new ArgumentOutOfRangeException(nameof(k), k, "must be positive");
        spec ??= new CoordinateDescentSpec();
        using var scope = NewDisposeScope();
        double lowest = scores.dtype == ScalarType.Float64 ? double.MinValue : float.MinValue;
        var closed = mask?.logical_not();
        var s = closed is null ? scores : scores.masked_fill(closed, lowest);
        Tensor a = zeros([], dtype: s.dtype, device: s.device), b = s.neg();
        double logK = Math.Log(k), epsilon = Math.Max(spec.InitialEpsilon ?? spec.Epsilon, spec.Epsilon);
        for (int i = 0; i < spec.Iterations; i++)
        {
            var sb = s.add(b).div(epsilon);
            if (closed is not null) sb = sb.masked_fill(closed, lowest);
            a = sb.logsumexp(-1, true).neg().add(logK).mul(epsilon);
            b = nn.functional.relu(s.add(a)).neg();
            epsilon = Math.Max(epsilon * spec.EpsilonDecay, spec.Epsilon);
        }

        var soft = s.add(a).add(b).div(epsilon).exp();
        return (closed is null ? soft : soft.masked_fill(closed, 0)).MoveToOuterDisposeScope();
    }

    /// <summary>The k best of the last dimension, multiplied by the soft choice's straight-through gate: the values of a top-k, the gradient of a soft one for all n scores.</summary>
    /// <param name="scores">[..., n], floating.</param>
    /// <param name="k">1..n.</param>
    /// <param name="spec">Iterations, softness and ratio; null: the defaults.</param>
    /// <param name="mask">[..., n] bool, true for scores that take part; null: all.</param>
    /// <returns>Values and indices [..., k], best first; and the gate of each, 1 in the forward pass.</returns>
    /// <exception cref="ArgumentException">A type is wrong, or k is not in 1..n.</exception>
    /// <remarks>lucidrains/CoLT5-attention <c>colt5_attention/topk.py</c>, f2a8da0 (2024-09).</remarks>
    public static (Tensor Values, Tensor Indices, Tensor Gates) top_k(Tensor scores, int k, CoordinateDescentSpec? spec = null, Tensor? mask = null)
    {
        ArgumentNullException.ThrowIfNull(scores);
        if (k < 1 || k > scores.shape[^1]) throw new ArgumentOutOfRangeException(nameof(k), k, $"must be in 1..{scores.shape[^1]}");
        using var scope = NewDisposeScope();
        var gates = straight_through(scores, k, spec ?? new CoordinateDescentSpec(), mask);
        var (values, indices) = Selection.TopK(scores.mul(gates), k, TieRule.LowestIndex);
        return (values.MoveToOuterDisposeScope(), indices.MoveToOuterDisposeScope(), gates.gather(-1, indices).MoveToOuterDisposeScope());
    }

    internal static Tensor straight_through(Tensor scores, int k, CoordinateDescentSpec spec, Tensor? mask = null)
    {
        var soft = coordinate_descent(scores, Math.Min(k * spec.Ratio, scores.shape[^1]), spec, mask);
        return soft.add(soft.neg().add(1).detach());
    }
}
