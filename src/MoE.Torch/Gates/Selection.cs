using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>The choice of experts, on detached scores. Reads nothing back to the host.</summary>
internal static class Selection
{
    /// <summary>[T, K] int64, best first; -1 where a token has fewer open experts than choices.</summary>
    public static Tensor Choose(Tensor scores_TE, RouterSpec spec, Tensor? bias, Tensor? closed)
    {
        if (spec.Select is TopPSelection mass) return ToMass(scores_TE, mass.P, spec.Ties, closed);
        if (spec.Select is ThresholdSelection threshold) return AboveThreshold(scores_TE, threshold, spec.Ties, closed);
        if (spec.Select is PrototypeSelection prototypes)
        {
            long size = scores_TE.shape[1] / prototypes.Count;
            var open_TE = Open(scores_TE, closed);
            var (best_TB1, at_TB1) = TopK(open_TE.view(scores_TE.shape[0], prototypes.Count, size), 1, spec.Ties);
            return at_TB1.squeeze(-1).add(arange(prototypes.Count, dtype: ScalarType.Int64, device: scores_TE.device).mul(size)).masked_fill(best_TB1.squeeze(-1).isneginf(), -1);
        }

        if (spec.Select is not TopKSelection select)
        {
            var all_TE = arange(spec.Experts, dtype: ScalarType.Int64, device: scores_TE.device).unsqueeze(0).expand(scores_TE.shape[0], -1);
            return closed is null ? all_TE.contiguous() : all_TE.masked_fill(closed.unsqueeze(0), -1);
        }

        var choice_TE = bias is null ? scores_TE : scores_TE + bias.to(scores_TE.dtype);
        if (select.Groups is null && closed is null) return TopK(choice_TE, select.K, spec.Ties).Indices;

        // Open experts are kept above -infinity, so that -infinity in the result means: nothing left to choose.
        double lowest = scores_TE.dtype == ScalarType.Float64 ? double.MinValue : float.MinValue;
        choice_TE = choice_TE.clamp_min(lowest);
        choice_TE = Open(choice_TE, closed);
        if (select.Groups is { } groups) choice_TE = LimitGroups(choice_TE, groups, select.K, spec.Ties);
        var (values_TK, experts_TK) = TopK(choice_TE, select.K, spec.Ties);
        return closed is null ? experts_TK : experts_TK.masked_fill(values_TK.isneginf(), -1);
    }

    /// <summary>[T, K] int64 by values of the batch's own (balanced scores).</summary>
    public static Tensor ChooseBy(Tensor values_TE, RouterSpec spec, Tensor? closed)
    {
        var (top_TK, experts_TK) = TopK(Open(values_TE, closed), spec.TopK, spec.Ties);
        return closed is null ? experts_TK : experts_TK.masked_fill(top_TK.isneginf(), -1);
    }

    /// <summary>[T, E] int64 of expert choice: the rank of each token in each expert's choice, -1 where not taken.</summary>
    public static Tensor ByExperts(Tensor scores_TE, long length, int capacity, TieRule ties, Tensor? closed, Tensor? padding)
    {
        long tokens = scores_TE.shape[0], experts = scores_TE.shape[1];
        if (tokens == 0) return zeros_like(scores_TE, dtype: ScalarType.Int64);
        double lowest = scores_TE.dtype == ScalarType.Float64 ? double.MinValue : float.MinValue;
        var open_TE = Open(scores_TE.clamp_min(lowest), closed);
        if (padding is not null) open_TE = open_TE.masked_fill(padding.unsqueeze(1), double.NegativeInfinity);
        long take = Math.Min(capacity, length);
        var byExpert_SEL = open_TE.view(-1, length, experts).transpose(1, 2).contiguous();
        if (take == 0) return zeros_like(open_TE, dtype: ScalarType.Int64).sub(1);
        var (values_SEC, tokens_SEC) = TopK(byExpert_SEL, take, ties);
        var ranks_SEC = arange(take, dtype: ScalarType.Int64, device: scores_TE.device).view(1, 1, -1).expand(tokens_SEC.shape).masked_fill(values_SEC.isneginf(), -1);
        return zeros_like(byExpert_SEL, dtype: ScalarType.Int64).sub(1).scatter(2, tokens_SEC, ranks_SEC).transpose(1, 2).reshape(tokens, experts);
    }

    /// <summary>[T, E] int64 of a race: the experts of the best pairs of each sequence, -1 where not taken.</summary>
    public static Tensor Race(Tensor scores_TE, long length, int perToken, TieRule ties, Tensor? closed, Tensor? padding)
    {
        long tokens = scores_TE.shape[0], experts = scores_TE.shape[1];
        var all_TE = arange(experts, dtype: ScalarType.Int64, device: scores_TE.device).unsqueeze(0).expand(tokens, -1);
        if (tokens == 0) return all_TE.contiguous();
        double lowest = scores_TE.dtype == ScalarType.Float64 ? double.MinValue : float.MinValue;
        var open_TE = Open(scores_TE.clamp_min(lowest), closed);
        if (padding is not null) open_TE = open_TE.masked_fill(padding.unsqueeze(1), double.NegativeInfinity);
        var pairs_SP = open_TE.reshape(-1, length * experts);
        long take = Math.Min(perToken * length, length * experts);
        var (values_SR, at_SR) = TopK(pairs_SP, take, ties);
        var taken_SR = values_SR.isneginf().logical_not();
        if (padding is not null)
        {
            var places_S1 = padding.logical_not().view(-1, length).sum(1, keepdim: true).mul(perToken);
            taken_SR = taken_SR.logical_and(arange(take, dtype: ScalarType.Int64, device: scores_TE.device).unsqueeze(0).lt(places_S1));
        }

        var taken_TE = zeros_like(pairs_SP, dtype: ScalarType.Bool).scatter(1, at_SR, taken_SR).view(tokens, experts);
        return all_TE.masked_fill(taken_TE.logical_not(), -1);
    }

    // Closed experts come last.
    private static Tensor Open(Tensor scores_TE, Tensor? closed) => closed is null ? scores_TE : scores_TE.masked_fill(closed.unsqueeze(0), double.NegativeInfinity);

    private static Tensor ToMass(Tensor scores_TE, double p, TieRule ties, Tensor? closed)
    {
        var open_TE = Open(scores_TE, closed);
        var (values_TE, experts_TE) = TopK(open_TE, scores_TE.shape[1], ties);
        if (closed is not null) values_TE = values_TE.masked_fill(values_TE.isneginf(), 0);
        // The mass in front of each expert: those behind the one that passes p are left out.
        var over_TE = values_TE.cumsum(1).gt((float)p);
        var behind_TE = cat([zeros([over_TE.shape[0], 1], dtype: ScalarType.Bool, device: over_TE.device), over_TE.narrow(1, 0, over_TE.shape[1] - 1)], 1);
        var chosen_TE = experts_TE.masked_fill(behind_TE, -1);
        return closed is null ? chosen_TE : chosen_TE.masked_fill(closed.index_select(0, experts_TE.flatten()).view(experts_TE.shape), -1);
    }

    private static Tensor AboveThreshold(Tensor scores_TE, ThresholdSelection rule, TieRule ties, Tensor? closed)
    {
        var all_TE = arange(scores_TE.shape[1], dtype: ScalarType.Int64, device: scores_TE.device).unsqueeze(0).expand(scores_TE.shape[0], -1);
        var open_TE = Open(scores_TE, closed);
        var taken_TE = open_TE.gt((float)rule.Threshold);
        if (rule.AtLeastOne && scores_TE.shape[0] > 0)
        {
            var best_T1 = TopK(open_TE, 1, ties).Indices;
            taken_TE = taken_TE.logical_or(zeros_like(taken_TE).scatter(1, best_T1, taken_TE.any(1, keepdim: true).logical_not()));
        }

        return all_TE.masked_fill(taken_TE.logical_not(), -1);
    }

    /// <summary>[T, K] int64 where noise sees the choice only: the best by noisy logits; the first of them by clean scores where the noise is for later choices.</summary>
    public static Tensor ChooseNoisy(Tensor scores_TE, Tensor noisy_TE, RouterSpec spec, Tensor? closed)
    {
        double lowest = noisy_TE.dtype == ScalarType.Float64 ? double.MinValue : float.MinValue;
        var open_TE = noisy_TE.clamp_min(lowest);
        open_TE = Open(open_TE, closed);
        Tensor? first_T1 = null;
        long rest = spec.TopK;
        if (spec.Noise!.Use == NoiseUse.LaterChoices)
        {
            var clean_TE = closed is null ? scores_TE : scores_TE.clamp_min(lowest).masked_fill(closed.unsqueeze(0), double.NegativeInfinity);
            first_T1 = TopK(clean_TE, 1, spec.Ties).Indices;
            open_TE = open_TE.scatter(1, first_T1, full_like(first_T1, double.NegativeInfinity, dtype: open_TE.dtype));
            if (--rest == 0) return first_T1;
        }

        var (values_TL, experts_TL) = TopK(open_TE, rest, spec.Ties);
        experts_TL = experts_TL.masked_fill(values_TL.isneginf(), -1);
        return first_T1 is null ? experts_TL : cat([first_T1, experts_TL], 1);
    }

    private static Tensor LimitGroups(Tensor choice_TE, GroupLimit limit, int k, TieRule ties)
    {
        long tokens = choice_TE.shape[0], size = choice_TE.shape[1] / limit.Count;
        var grouped_TGS = choice_TE.view(tokens, limit.Count, size);
        var scores_TG = limit.Score switch
        {
            GroupScore.Max => grouped_TGS.amax([-1]),
            GroupScore.SumOfTopTwo => TopK(grouped_TGS, 2, ties).Values.sum(-1),
            GroupScore.Sum => grouped_TGS.masked_fill(grouped_TGS.isneginf(), 0).sum(-1),
            _ => TopK(grouped_TGS, k / limit.Keep, ties).Values.sum(-1),
        };
        var kept_TH = TopK(scores_TG, limit.Keep, ties).Indices;
        var dropped_TG = ones_like(scores_TG, dtype: ScalarType.Bool).scatter_(1, kept_TH, zeros_like(kept_TH, dtype: ScalarType.Bool));
        var dropped_TE = dropped_TG.unsqueeze(-1).expand(tokens, limit.Count, size).reshape(tokens, choice_TE.shape[1]);
        if (limit.Mask == GroupMask.NegativeInfinity) return choice_TE.masked_fill(dropped_TE, double.NegativeInfinity);
        // Closed experts stay closed where a masked group becomes zero.
        return choice_TE.masked_fill(dropped_TE.logical_and(choice_TE.isneginf().logical_not()), 0);
    }

    /// <summary>Top-k over the last dimension, best first, under a tie rule. libtorch's own top-k leaves the order of equal values open, hence the stable sort.</summary>
    public static (Tensor Values, Tensor Indices) TopK(Tensor values, long k, TieRule ties)
    {
        if (ties == TieRule.Native)
        {
            var (top, at) = values.topk((int)k, -1, largest: true, sorted: true);
            return (top, at);
        }

        var ordered = ties == TieRule.HighestIndex ? values.flip(-1) : values;
        var (sorted, indices) = ordered.sort(-1, descending: true, stable: true);
        indices = indices.narrow(-1, 0, k);
        if (ties == TieRule.HighestIndex) indices = indices.neg().add(values.shape[^1] - 1);
        return (sorted.narrow(-1, 0, k), indices.contiguous());
    }
}
