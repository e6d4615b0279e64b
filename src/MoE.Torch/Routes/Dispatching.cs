using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Capacity, drops and the order by expert, as tensor operations without host reads.</summary>
internal static class Dispatching
{
    /// <summary>Applies the dispatch rules and makes the routing.</summary>
    public static RoutingTensors Settle(Tensor logits, Tensor scores_TE, Tensor experts_TK, Tensor weights_TK, RouterSpec spec, bool partial)
    {
        Tensor? kept_TK = null, positions_TK = null;
        int? capacity = null;
        if (spec.Dispatch.Capacity is { } rule)
        {
            capacity = rule.Of((int)experts_TK.shape[0], spec.Experts, spec.TopK);
            using (no_grad())
            {
                positions_TK = Positions(experts_TK, spec, capacity.Value);
                kept_TK = spec.Dispatch.Drop == DropPolicy.HeaviestWeight
                    ? Rank(experts_TK.flatten(), weights_TK.detach().flatten(), spec.Experts).lt(capacity.Value).view(experts_TK.shape)
                    : positions_TK.lt(capacity.Value);
                kept_TK = kept_TK.logical_and(experts_TK.ge(0));
            }

            weights_TK = weights_TK.masked_fill(kept_TK.logical_not(), 0);
            if (spec.Dispatch.RenormalizeAfterDrop) weights_TK = weights_TK / OneWhereZero(weights_TK.sum(-1, keepdim: true));
        }
        else if (partial)
        {
            kept_TK = experts_TK.ge(0);
        }

        // Aliases: what the routing owns is never what the caller owns.
        return new RoutingTensors(spec.Experts, logits.alias(), scores_TE.alias(), experts_TK.alias(), weights_TK.alias(), kept_TK?.alias(), positions_TK?.alias(), capacity, spec);
    }

    public static Tensor OneWhereZero(Tensor divisor) => divisor.masked_fill(divisor.eq(0), 1);

    /// <summary>Kept routes by expert: [R] route numbers, and the number of routes of each expert, [E].</summary>
    public static (Tensor Order, Tensor Counts) ByExpert(RoutingTensors routing)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        long experts = routing.ExpertCount;
        // Routes that are not carried out sort behind the last expert.
        var keys = routing.Kept is null ? routing.ExpertIds : routing.ExpertIds.masked_fill(routing.Kept.logical_not(), experts);
        var flat = keys.flatten();
        var (_, order) = flat.sort(0, descending: false, stable: true);
        var counts = flat.bincount(null, experts + 1).narrow(0, 0, experts).contiguous();
        return (order.MoveToOuterDisposeScope(), counts.MoveToOuterDisposeScope());
    }

    private static Tensor Positions(Tensor experts_TK, RouterSpec spec, int capacity)
    {
        if (spec.Dispatch.Arrival == ArrivalOrder.TokenMajor)
            return Place(experts_TK.flatten(), null, spec.Experts).view(experts_TK.shape);
        if (spec.Dispatch.Offset == ChoiceOffset.AllEarlierChoices)
            return Place(experts_TK.t().flatten(), null, spec.Experts).view(experts_TK.shape[1], experts_TK.shape[0]).t().contiguous();

        var taken_E = zeros(spec.Experts, dtype: ScalarType.Int64, device: experts_TK.device);
        var columns = new List<Tensor>();
        for (int j = 0; j < experts_TK.shape[1]; j++)
        {
            var column_T = experts_TK.select(1, j);
            columns.Add(Place(column_T, taken_E, spec.Experts));
            taken_E = (taken_E + Count(column_T, spec.Experts)).clamp_max(capacity);
        }

        return stack(columns, 1);
    }

    private static Tensor Count(Tensor experts_N, int experts) => experts_N.add(1).bincount(null, experts + 1).narrow(0, 1, experts);

    // The place of each route among those of its expert, in the order given; -1 for an empty route.
    private static Tensor Place(Tensor experts_N, Tensor? taken_E, int experts)
    {
        var (sorted_N, order_N) = experts_N.sort(0, descending: false, stable: true);
        var counts = sorted_N.add(1).bincount(null, experts + 1);
        var starts = counts.cumsum(0) - counts;
        var rank_N = arange(experts_N.shape[0], dtype: ScalarType.Int64, device: experts_N.device) - starts.index_select(0, sorted_N.add(1));
        if (taken_E is not null) rank_N = rank_N + taken_E.index_select(0, sorted_N.clamp_min(0));
        var place_N = empty_like(rank_N).scatter_(0, order_N, rank_N);
        return place_N.masked_fill(experts_N.lt(0), -1);
    }

    // The rank of each route among those of its expert by falling weight; equal weights: the earlier route first.
    private static Tensor Rank(Tensor experts_N, Tensor weights_N, int experts)
    {
        var (_, byWeight_N) = weights_N.sort(0, descending: true, stable: true);
        var place_N = Place(experts_N.index_select(0, byWeight_N), null, experts);
        return empty_like(place_N).scatter_(0, byWeight_N, place_N);
    }
}
