using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Losses that train unit, block and node gates. All are scalars.</summary>
public static class UnitLosses
{
    /// <summary>Mean over units of <c>g (1 - g)</c>, g being a unit's mean gate over the batch: 0 exactly when every sample agrees on every unit (consensus sub-networks). At most 1/4.</summary>
    /// <param name="gates">[B, U], in 0..1.</param>
    /// <exception cref="ArgumentException">The shape is wrong.</exception>
    public static Tensor polarization(Tensor gates)
    {
        CheckGates(gates);
        using var scope = NewDisposeScope();
        var mean_U = gates.mean([0]);
        return (mean_U * mean_U.neg().add(1)).mean().MoveToOuterDisposeScope();
    }

    /// <summary>(share of cost that is on - target)^2.</summary>
    /// <param name="gates">[B, U], in 0..1.</param>
    /// <param name="cost">[U], not negative, not all zero: multiply-adds or bits of each unit; null: all equal.</param>
    /// <param name="target">Wanted share, 0..1.</param>
    /// <exception cref="ArgumentException">A shape is wrong.</exception>
    public static Tensor activation_cost(Tensor gates, double target, Tensor? cost = null)
    {
        CheckGates(gates);
        if (!(target >= 0 && target <= 1)) throw new ArgumentOutOfRangeException(nameof(target), target, "must be in 0..1");
        TensorGuard.Vector(cost, gates.shape[1], gates.dtype, nameof(cost));
        using var scope = NewDisposeScope();
        var mean_U = gates.mean([0]);
        var share = cost is null ? mean_U.mean() : (mean_U * cost).sum() / cost.sum();
        return share.sub(target).square().MoveToOuterDisposeScope();
    }

    /// <summary>Binary cross-entropy of mask logits with a target mask, summed over units and averaged over the batch (Fire Together Wire Together).</summary>
    /// <param name="logits">[B, U].</param>
    /// <param name="target">[B, U] bool.</param>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static Tensor mask_bce(Tensor logits, Tensor target)
    {
        CheckGates(logits);
        ArgumentNullException.ThrowIfNull(target);
        if (target.dtype != ScalarType.Bool || !target.shape.SequenceEqual(logits.shape))
            throw new ArgumentException($"target is {target.dtype} {TensorGuard.Shape(target)}; must be Bool {TensorGuard.Shape(logits)}", nameof(target));
        using var scope = NewDisposeScope();
        // softplus(l) - l y: never a logarithm of zero.
        return (nn.functional.softplus(logits) - logits * target.to(logits.dtype)).sum([-1]).mean().MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Information bottleneck of a gate that replaces closed rows by noise (CGIB). Each row is N(g x + (1 - g) mean, ((1 - g) std)^2) against N(mean, std^2), the statistics of all rows;
    /// the Kullback-Leibler divergence is summed over rows and averaged over columns. A closed gate (g = 0) costs nothing; an open one without bound, so gates are kept below 1 - 1e-3.
    /// </summary>
    /// <param name="values">x [N, D], N at least 2.</param>
    /// <param name="gate">g [N, 1], in 0..1.</param>
    /// <param name="asReleased">The formula of the released code instead: 0.5 of the variance term, the mean term without its half and summed over columns, no logarithm.</param>
    /// <exception cref="ArgumentException">A shape is wrong.</exception>
    public static Tensor bottleneck_kl(Tensor values, Tensor gate, bool asReleased = false)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(gate);
        if (values.dim() != 2 || values.shape[0] < 2) throw new ArgumentException($"values has shape {TensorGuard.Shape(values)}; must be [N, D] with N of 2 or more", nameof(values));
        if (gate.dim() != 2 || gate.shape[0] != values.shape[0] || gate.shape[1] != 1) throw new ArgumentException($"gate has shape {TensorGuard.Shape(gate)}; must be [{values.shape[0]}, 1]", nameof(gate));
        using var scope = NewDisposeScope();
        var (mean, std) = Moments(values);
        var floor = std.clamp_min(1e-7);
        var closed = asReleased ? gate.neg().add(1) : gate.neg().add(1).clamp_min(1e-3);
        var variance = closed.square() * std.square() / floor.square();
        var shift = (gate * (values - mean) / floor).square();
        var kl = asReleased
            ? variance.mul(0.5).mean([1]).sum() + shift.sum()
            : (variance.sub(1).add(shift).mul(0.5) - closed.log()).mean([1]).sum();
        return kl.MoveToOuterDisposeScope();
    }

    /// <summary>KL(target || softmax(logits)), rows averaged: what distils a gate from the distribution it should have (SeerAttention). Rows of the target sum to one; zeros in it cost nothing.</summary>
    /// <param name="logits">[R, N]; -infinity where the target is zero is allowed.</param>
    /// <param name="target">[R, N], not negative.</param>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor distill_kl(Tensor logits, Tensor target)
    {
        CheckGates(logits);
        ArgumentNullException.ThrowIfNull(target);
        if (!target.shape.SequenceEqual(logits.shape)) throw new ArgumentException($"target has shape {TensorGuard.Shape(target)}; must be {TensorGuard.Shape(logits)}", nameof(target));
        using var scope = NewDisposeScope();
        var log_RN = nn.functional.log_softmax(logits, -1).masked_fill(target.eq(0), 0);
        var entropy = target.clamp_min(1e-38).log().masked_fill(target.eq(0), 0);
        return (target * (entropy - log_RN)).sum([-1]).mean().MoveToOuterDisposeScope();
    }

    /// <summary>Mean and standard deviation (over n - 1) of each column, [1, D], without gradient.</summary>
    internal static (Tensor Mean, Tensor Std) Moments(Tensor values)
    {
        var x = values.detach();
        var mean = x.mean([0], keepdim: true);
        return (mean, (x - mean).square().sum([0L], keepdim: true).div(x.shape[0] - 1).sqrt());
    }

    private static void CheckGates(Tensor gates)
    {
        ArgumentNullException.ThrowIfNull(gates);
        if (gates.dim() != 2) throw new ArgumentException($"the tensor has shape {TensorGuard.Shape(gates)}; must have two dimensions", nameof(gates));
        TensorGuard.Floating(gates, nameof(gates));
    }
}
