using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Exit gates with gradients: the same rules as <see cref="ExitRules"/>, batched.</summary>
public static class Exits
{
    /// <summary>
    /// Four statistics of a classifier's answer: largest probability, entropy (nats), gap between the two largest, entropy of the squared and renormalised probabilities (JEI-DNN). No gradient, as in the
    /// paper's code: a gate must not teach the classifier to look sure.
    /// </summary>
    /// <param name="logits">[B, classes], two classes or more.</param>
    /// <returns>[B, 4].</returns>
    /// <exception cref="ArgumentException">The shape is wrong.</exception>
    public static Tensor statistics(Tensor logits)
    {
        ArgumentNullException.ThrowIfNull(logits);
        if (logits.dim() != 2 || logits.shape[1] < 2) throw new ArgumentException($"logits has shape {TensorGuard.Shape(logits)}; must be [B, classes] with two classes or more", nameof(logits));
        TensorGuard.Floating(logits, nameof(logits));
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var log_BC = nn.functional.log_softmax(logits.detach(), -1);
        var p_BC = log_BC.exp();
        var sharpLog_BC = nn.functional.log_softmax(log_BC.mul(2), -1);
        var (top_B2, _) = p_BC.topk(2, -1);
        return stack(
            [top_B2.select(1, 0), Entropy(p_BC, log_BC), top_B2.select(1, 0) - top_B2.select(1, 1), Entropy(sharpLog_BC.exp(), sharpLog_BC)],
            1).MoveToOuterDisposeScope();
    }

    /// <summary>The share of each sample that leaves at each exit: <c>P_l = max(0, min(g_l, 1 - sum of the earlier))</c>, the last takes the rest.</summary>
    /// <param name="gates">[B, L - 1], in 0..1.</param>
    /// <returns>[B, L]; rows sum to one.</returns>
    /// <exception cref="ArgumentException">The shape is wrong.</exception>
    public static Tensor distribution(Tensor gates)
    {
        ArgumentNullException.ThrowIfNull(gates);
        if (gates.dim() != 2) throw new ArgumentException($"gates has shape {TensorGuard.Shape(gates)}; must be [B, L - 1]", nameof(gates));
        using var scope = NewDisposeScope();
        var left = ones([gates.shape[0]], dtype: gates.dtype, device: gates.device);
        var shares = new List<Tensor>();
        for (int l = 0; l < gates.shape[1]; l++)
        {
            var share = minimum(gates.select(1, l), left).clamp_min(0);
            shares.Add(share);
            left = left - share;
        }

        shares.Add(left.clamp_min(0));
        return stack(shares, 1).MoveToOuterDisposeScope();
    }

    /// <summary>The expected loss of a distribution over exits: mean over samples of sum_l P_l loss_l.</summary>
    /// <param name="shares">P [B, L].</param>
    /// <param name="losses">[B, L].</param>
    /// <param name="cost">[L]: added to the losses, times <paramref name="price"/>; null: none.</param>
    /// <param name="price">Price of the cost, not negative.</param>
    /// <exception cref="ArgumentException">A shape is wrong.</exception>
    public static Tensor expected_loss(Tensor shares, Tensor losses, Tensor? cost = null, double price = 0)
    {
        ArgumentNullException.ThrowIfNull(shares);
        ArgumentNullException.ThrowIfNull(losses);
        if (shares.dim() != 2 || !losses.shape.SequenceEqual(shares.shape)) throw new ArgumentException($"losses has shape {TensorGuard.Shape(losses)}; must be that of shares, {TensorGuard.Shape(shares)}", nameof(losses));
        TensorGuard.Vector(cost, shares.shape[1], shares.dtype, nameof(cost));
        if (!double.IsFinite(price) || price < 0) throw new ArgumentOutOfRangeException(nameof(price), price, "must be finite and not negative");
        using var scope = NewDisposeScope();
        var total = cost is null ? losses : losses + cost.mul(price);
        return (shares * total).sum([-1]).mean().MoveToOuterDisposeScope();
    }

    private static Tensor Entropy(Tensor p, Tensor log) => (p * log).masked_fill(p.eq(0), 0).sum([-1]).neg();
}
