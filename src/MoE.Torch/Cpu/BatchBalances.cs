using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Scores balanced over a batch, for the choice; without gradients. Sinkhorn reads one number per iteration back to the host.</summary>
internal static class BatchBalances
{
    /// <summary>[T, E] values to choose by, or null where the call balances nothing.</summary>
    public static Tensor? Balanced(Tensor logits_TE, RouterSpec spec, GateContext context, bool training)
    {
        if (!training || spec.Select is not TopKSelection { Balance: { } balance }) return null;
        if (context.Padding is not { } padding) return Balanced(logits_TE, balance);
        var rows = padding.logical_not().nonzero().flatten();
        return zeros_like(logits_TE).index_copy(0, rows, Balanced(logits_TE.index_select(0, rows), balance));
    }

    private static Tensor Balanced(Tensor logits_TE, BatchBalance balance)
    {
        if (balance.Method != BalanceMethod.Auction)
            return Assignments.sinkhorn(logits_TE, balance.Method == BalanceMethod.LogSinkhorn, balance.Tolerance, balance.Iterations);
        var grouped_T = Assignments.balanced_assignment(logits_TE, balance.Iterations);
        long tokens = logits_TE.shape[0], experts = logits_TE.shape[1];
        var owner_T = arange(tokens, dtype: ScalarType.Int64, device: logits_TE.device).div(Math.Max(tokens / experts, 1), RoundingMode.floor);
        return zeros_like(logits_TE).index_put_(ones([], dtype: logits_TE.dtype, device: logits_TE.device), TensorIndex.Tensor(grouped_T), TensorIndex.Tensor(owner_T));
    }
}
