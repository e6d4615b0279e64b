using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Assignments of a whole batch: Sinkhorn's iteration and BASE layers' auction. Neither carries a gradient; both read a number per round back to the host.</summary>
public static class Assignments
{
    /// <summary>Balances logits over tokens and experts, as <see cref="Sinkhorn.Normalize"/>.</summary>
    /// <param name="logits">[T, E].</param>
    /// <param name="logSpace">In the logarithmic domain: finite for every finite logit. Otherwise as Megatron-LM, which overflows above 88.</param>
    /// <param name="tolerance">The mean change of the column factors that ends the iteration, positive.</param>
    /// <param name="iterations">Most iterations, positive.</param>
    /// <returns>[T, E]; rows sum to about 1/T, columns to about 1/E.</returns>
    /// <exception cref="ArgumentException">A shape or value is wrong.</exception>
    public static Tensor sinkhorn(Tensor logits, bool logSpace = true, double tolerance = 1e-4, int iterations = 100)
    {
        ArgumentNullException.ThrowIfNull(logits);
        TensorGuard.Matrix(logits, logits.shape[^1], nameof(logits));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(iterations);
        if (!(tolerance > 0)) throw new ArgumentOutOfRangeException(nameof(tolerance), tolerance, "must be positive");
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var wide_TE = logits.dtype == ScalarType.Float64 ? logits.detach() : logits.detach().to(ScalarType.Float32);
        var balanced = wide_TE.numel() == 0 ? wide_TE.alias() : logSpace ? InLogarithms(wide_TE, tolerance, iterations) : InPlainNumbers(wide_TE, tolerance, iterations);
        return balanced.MoveToOuterDisposeScope();
    }

    /// <summary>The tokens of each expert, T / E of them, by the auction of <see cref="BalancedAssignment"/>.</summary>
    /// <param name="scores">[T, E], finite; T a multiple of E.</param>
    /// <param name="rounds">Exact rounds before the quick end; positive.</param>
    /// <returns>[T] int64: the tokens of expert 0, then those of expert 1, ...; the order inside an expert is libtorch's own top-k order, as the peer's.</returns>
    /// <exception cref="ArgumentException">A shape is wrong, T is no multiple of E, or a score is not finite.</exception>
    public static Tensor balanced_assignment(Tensor scores, int rounds = 100)
    {
        ArgumentNullException.ThrowIfNull(scores);
        TensorGuard.Matrix(scores, scores.shape[^1], nameof(scores));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rounds);
        long tokens = scores.shape[0], experts = scores.shape[1];
        if (experts == 0 || tokens % experts != 0) throw new ArgumentException($"scores has shape {TensorGuard.Shape(scores)}; a balanced assignment needs T to be a multiple of E", nameof(scores));
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        if (experts == 1 || tokens == 0) return arange(tokens, dtype: ScalarType.Int64, device: scores.device).MoveToOuterDisposeScope();
        var wide_ET = (scores.dtype == ScalarType.Float64 ? scores.detach() : scores.detach().to(ScalarType.Float32)).t().contiguous();
        if (!wide_ET.isfinite().all().item<bool>()) throw new ArgumentException("scores holds a number that is not finite", nameof(scores));
        return Auction(wide_ET, rounds).MoveToOuterDisposeScope();
    }

    private static Tensor InPlainNumbers(Tensor logits_TE, double tolerance, int iterations)
    {
        const double tiny = 1e-8;
        long tokens = logits_TE.shape[0], experts = logits_TE.shape[1];
        var cost_TE = logits_TE.exp();
        Tensor rows_T = ones(tokens, dtype: cost_TE.dtype, device: cost_TE.device), columns_E = ones(experts, dtype: cost_TE.dtype, device: cost_TE.device);
        for (int i = 0; i < iterations; i++)
        {
            var former_E = columns_E;
            rows_T = cost_TE.mul(columns_E).sum(1).add(tiny).reciprocal().mul(1.0 / tokens);
            columns_E = cost_TE.mul(rows_T.unsqueeze(1)).sum(0L).add(tiny).reciprocal().mul(1.0 / experts);
            if (!(columns_E.sub(former_E).abs().mean().to(ScalarType.Float64).item<double>() > tolerance)) break;
        }

        return columns_E.mul(cost_TE).mul(rows_T.unsqueeze(1));
    }

    private static Tensor InLogarithms(Tensor logits_TE, double tolerance, int iterations)
    {
        long tokens = logits_TE.shape[0], experts = logits_TE.shape[1];
        Tensor rows_T1 = zeros([tokens, 1], dtype: logits_TE.dtype, device: logits_TE.device), columns_E = zeros(experts, dtype: logits_TE.dtype, device: logits_TE.device);
        for (int i = 0; i < iterations; i++)
        {
            var former_E = columns_E;
            rows_T1 = logits_TE.add(columns_E).logsumexp(1, true).add(Math.Log(tokens)).neg();
            var mass_E = logits_TE.add(rows_T1).logsumexp(0);
            columns_E = mass_E.add(Math.Log(experts)).neg().masked_fill(mass_E.isneginf(), 0);
            if (!(columns_E.sub(former_E).abs().mean().to(ScalarType.Float64).item<double>() > tolerance)) break;
        }

        return logits_TE.add(rows_T1).add(columns_E).exp();
    }

    private static Tensor Auction(Tensor score_ET, int rounds)
    {
        long experts = score_ET.shape[0], tokens = score_ET.shape[1], each = tokens / experts;
        var largest = score_ET.max();
        var least = score_ET.min();
        // At least the rounding of the scores: costs must grow, or the auction would not end.
        double size = Math.Max(Math.Abs(largest.to(ScalarType.Float64).item<double>()), Math.Abs(least.to(ScalarType.Float64).item<double>()));
        double ulp = score_ET.dtype == ScalarType.Float64 ? double.BitIncrement(size) - size : float.BitIncrement((float)size) - (float)size;
        var epsilon = largest.sub(least).div(50).clamp_min(Math.Max(1e-4, 64 * ulp));
        var value_ET = score_ET.clone();
        var cost_T = zeros([1, tokens], dtype: score_ET.dtype, device: score_ET.device);
        var jobs_T = arange(tokens, dtype: ScalarType.Int64, device: score_ET.device);
        Tensor? held = null;
        for (int round = 0; ; round++)
        {
            using var scope = NewDisposeScope();
            var (top, index) = value_ET.topk((int)each + 1, 1);
            var chosen_EJ = index.narrow(1, 0, each);
            var bids_ET = zeros_like(score_ET).scatter_(1, chosen_EJ, top.narrow(1, 0, each).sub(top.narrow(1, each, 1)).add(epsilon));
            if (held is not null && round < rounds) bids_ET.view(-1).index_put_(epsilon, TensorIndex.Tensor(held));
            var (high_T, bidders_T) = bids_ET.max(0);
            var bid_T = high_T.gt(0);
            if (bid_T.all().item<bool>()) return chosen_EJ.flatten().MoveToOuterDisposeScope();
            cost_T.add_(high_T);
            value_ET.copy_(score_ET.sub(cost_T));
            held?.Dispose();
            held = bidders_T.mul(tokens).add(jobs_T).masked_select(bid_T);
            if (round < rounds) value_ET.view(-1).index_put_(largest, TensorIndex.Tensor(held));
            else value_ET.view(-1).index_put_(score_ET.view(-1).index_select(0, held), TensorIndex.Tensor(held));
            held.MoveToOuterDisposeScope();
        }
    }
}
