using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Capacity, drops and the order by expert, as tensor operations without host reads.</summary>
internal static class Dispatching
{
    /// <summary>Applies the dispatch rules and makes the routing.</summary>
    public static RoutingTensors Settle(Tensor logits, Tensor scores_TE, Tensor experts_TK, Tensor weights_TK, RouterSpec spec, DispatchCall call)
    {
        Tensor? kept_TK = null, positions_TK = null, before_TK = null;
        int? capacity = null;
        var dispatch = spec.Dispatch;
        if (dispatch.Capacity is { } rule)
        {
            using (no_grad())
            {
                long length = SequenceOf(experts_TK.shape[0], dispatch, call.Context.SequenceLength);
                var (queues_TK, queues) = Queues(experts_TK, length, spec.Experts);
                capacity = rule.Of((int)length, spec.Experts, spec.TopK, call.Training, rule.AtMostLoad ? HostReads.Longest(queues_TK, queues) : null);
                positions_TK = dispatch.Drop == DropPolicy.Overflow
                    ? Overflow(scores_TE.detach(), queues_TK, queues, dispatch.Priority, capacity.Value)
                    : dispatch.Priority == TokenPriority.BestScore
                    ? PrioritizedPositions(scores_TE.detach(), queues_TK, queues, dispatch, capacity.Value)
                    : Positions(queues_TK, queues, dispatch, capacity.Value);
                // A choice that was not tried has no expert.
                if (dispatch.Drop == DropPolicy.Overflow) experts_TK = experts_TK.masked_fill(positions_TK.lt(0), -1);
                kept_TK = Keep(experts_TK, queues_TK, queues, positions_TK, weights_TK.detach(), spec, capacity.Value, call.Context).logical_and(experts_TK.ge(0));
            }
        }
        else if (call.Partial)
        {
            kept_TK = experts_TK.ge(0);
        }

        if (call.After is { } after)
        {
            using (no_grad())
            {
                // What the rule takes off has used its place in the queue, and has no expert any more.
                positions_TK ??= Place(experts_TK.flatten(), null, spec.Experts).view(experts_TK.shape);
                var routed_TK = LaterRules.Routed(after, scores_TE, experts_TK, weights_TK, call.Context);
                kept_TK = (kept_TK ?? experts_TK.ge(0)).logical_and(routed_TK);
                experts_TK = experts_TK.masked_fill(routed_TK.logical_not(), -1);
                positions_TK = positions_TK.masked_fill(routed_TK.logical_not(), -1);
                capacity ??= checked((int)experts_TK.numel());
            }
        }

        if (positions_TK is not null)
        {
            before_TK = weights_TK;
            weights_TK = weights_TK.masked_fill(kept_TK!.logical_not(), 0);
            if (dispatch.RenormalizeAfterDrop && dispatch.Capacity is not null) weights_TK = weights_TK / Floored(weights_TK.sum(-1, keepdim: true), dispatch.RenormalizeFloor);
        }

        // Aliases: what the routing owns is never what the caller owns.
        return new RoutingTensors(spec.Experts, logits.alias(), scores_TE.alias(), experts_TK.alias(), weights_TK.alias(), kept_TK?.alias(), positions_TK?.alias(), capacity, spec, call.Context.SequenceLength, before_TK?.alias());
    }

    public static Tensor Floored(Tensor sum_T1, double floor) => OneWhereZero(floor > 0 ? sum_T1.clamp_min(floor) : sum_T1);

    /// <summary>The tokens of a sequence; T where sequences are not counted.</summary>
    public static long SequenceOf(long tokens, DispatchSpec dispatch, int sequenceLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sequenceLength);
        if (!dispatch.PerSequence || sequenceLength == 0 || tokens == 0) return tokens;
        return tokens % sequenceLength == 0
            ? sequenceLength
            : throw new ArgumentException($"sequenceLength = {sequenceLength}: must divide the tokens ({tokens})", nameof(sequenceLength));
    }

    // Choices one after the other; a token that was kept tries no more.
    private static Tensor Overflow(Tensor scores_TE, Tensor queues_TK, int queues, TokenPriority priority, int capacity)
    {
        if (queues_TK.shape[0] == 0) return zeros_like(queues_TK);
        var order_T = priority == TokenPriority.BestScore
            ? BestFirst(scores_TE)
            : arange(queues_TK.shape[0], dtype: ScalarType.Int64, device: queues_TK.device);
        var sorted_TK = queues_TK.index_select(0, order_T);
        var taken_E = zeros(queues, dtype: ScalarType.Int64, device: queues_TK.device);
        var placed_T = zeros(queues_TK.shape[0], dtype: ScalarType.Bool, device: queues_TK.device);
        var columns = new List<Tensor>();
        for (int j = 0; j < queues_TK.shape[1]; j++)
        {
            var tried_T = sorted_TK.select(1, j).masked_fill(placed_T, -1);
            var place_T = Place(tried_T, taken_E, queues);
            columns.Add(place_T);
            taken_E = (taken_E + Count(tried_T, queues)).clamp_max(capacity);
            placed_T = placed_T.logical_or(place_T.ge(0).logical_and(place_T.lt(capacity)));
        }

        var positions_TK = stack(columns, 1);
        return zeros_like(positions_TK).index_copy(0, order_T, positions_TK);
    }

    // One queue per sequence and expert.
    private static (Tensor Queues, int Count) Queues(Tensor experts_TK, long length, int experts)
    {
        long tokens = experts_TK.shape[0];
        if (length == tokens) return (experts_TK, experts);
        var first_T1 = arange(tokens, dtype: ScalarType.Int64, device: experts_TK.device).div(length, RoundingMode.floor).mul(experts).unsqueeze(1);
        return (experts_TK.add(first_T1).masked_fill(experts_TK.lt(0), -1), checked((int)(tokens / length * experts)));
    }

    private static Tensor BestFirst(Tensor scores_TE) => scores_TE.amax([1]).sort(0, descending: true, stable: true).Indices;

    private static Tensor PrioritizedPositions(Tensor scores_TE, Tensor queues_TK, int queues, DispatchSpec dispatch, int capacity)
    {
        if (queues_TK.shape[0] == 0) return zeros_like(queues_TK);
        var order_T = BestFirst(scores_TE);
        var positions_TK = Positions(queues_TK.index_select(0, order_T), queues, dispatch, capacity);
        return zeros_like(positions_TK).index_copy(0, order_T, positions_TK);
    }

    private static Tensor Keep(Tensor experts_TK, Tensor queues_TK, int queues, Tensor positions_TK, Tensor weights_TK, RouterSpec spec, int capacity, GateContext context)
    {
        var drop = spec.Dispatch.Drop;
        if (drop is DropPolicy.FirstCome or DropPolicy.Overflow) return positions_TK.lt(capacity);
        if (drop == DropPolicy.HeaviestWeight && spec.Ties != TieRule.Native)
            return Rank(queues_TK.flatten(), weights_TK.flatten(), queues).lt(capacity).view(experts_TK.shape);
        if (drop == DropPolicy.Random)
        {
            var u_TE = NoiseDraw.Of(context, NoiseNames.RandomDrop, NoiseKind.Uniform, [experts_TK.shape[0], spec.Experts], weights_TK);
            return Rank(queues_TK.flatten(), u_TE.gather(1, experts_TK.clamp_min(0)).flatten(), queues).lt(capacity).view(experts_TK.shape);
        }

        // libtorch's own top-k over each expert's column: what it leaves of equal values is what the peers leave.
        var values_TK = drop == DropPolicy.Unspecified ? ones_like(weights_TK) : weights_TK;
        var column_TE = zeros([experts_TK.shape[0], spec.Experts], dtype: weights_TK.dtype, device: weights_TK.device)
            .scatter_add(1, experts_TK.clamp_min(0), values_TK.masked_fill(experts_TK.lt(0), 0));
        if (experts_TK.numel() == 0) return zeros_like(experts_TK, dtype: ScalarType.Bool);
        long length = column_TE.shape[0] * spec.Experts / queues;
        if (capacity >= length) return ones_like(experts_TK, dtype: ScalarType.Bool);
        if (capacity == 0) return zeros_like(experts_TK, dtype: ScalarType.Bool);
        var column_SLE = column_TE.view(-1, length, spec.Experts);
        var (_, top_SCE) = column_SLE.topk(capacity, 1, largest: true, sorted: false);
        var kept_TE = zeros_like(column_SLE, dtype: ScalarType.Bool).scatter_(1, top_SCE, ones_like(top_SCE, dtype: ScalarType.Bool)).view(column_TE.shape);
        return kept_TE.gather(1, experts_TK.clamp_min(0));
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

    /// <summary>[T, K] int64, see <see cref="RoutingTensors.Slots"/>.</summary>
    public static Tensor Slots(RoutingTensors routing)
    {
        var kept_TK = routing.Kept ?? routing.ExpertIds.ge(0);
        var dispatch = routing.Spec?.Dispatch ?? DispatchSpec.Dropless;
        var experts_TK = routing.ExpertIds.masked_fill(kept_TK.logical_not(), -1);
        if (routing.Positions is { } positions_TK && dispatch.Drop is (DropPolicy.FirstCome or DropPolicy.Overflow)) return positions_TK.masked_fill(kept_TK.logical_not(), -1);
        var (queues_TK, queues) = Queues(experts_TK, SequenceOf(experts_TK.shape[0], dispatch, routing.SequenceLength), routing.ExpertCount);
        return Queue(queues_TK, dispatch.Arrival, queues);
    }

    /// <summary>[T, E, C]: values at the expert and place of each kept route.</summary>
    public static Tensor Combine(RoutingTensors routing, Tensor values_TK, int capacity)
    {
        long tokens = routing.TokenCount, experts = routing.ExpertCount;
        var slots_TK = Slots(routing);
        var outside_TK = slots_TK.lt(0).logical_or(slots_TK.ge(capacity));
        var at_TK = routing.ExpertIds.clamp_min(0).mul(capacity).add(slots_TK).masked_fill(outside_TK, 0);
        if (capacity == 0) return zeros([tokens, experts, 0], dtype: values_TK.dtype, device: values_TK.device);
        return zeros([tokens, experts * capacity], dtype: values_TK.dtype, device: values_TK.device)
            .scatter_add(1, at_TK, values_TK.masked_fill(outside_TK, 0)).view(tokens, experts, capacity);
    }

    /// <summary>[N]: where each route lies in buffers of [E, C] (or [S, E, C]) rows, whether it lies in them, and their shape.</summary>
    public static (Tensor Places, Tensor Inside, long[] Shape) Places(RoutingTensors routing, int capacity)
    {
        using var guard = no_grad();
        var slots_TK = Slots(routing);
        var inside_N = slots_TK.ge(0).logical_and(slots_TK.lt(capacity)).flatten();
        long length = SequenceOf(routing.TokenCount, routing.Spec?.Dispatch ?? DispatchSpec.Dropless, routing.SequenceLength);
        var (queues_TK, queues) = Queues(routing.ExpertIds, length, routing.ExpertCount);
        long[] shape = queues == routing.ExpertCount ? [routing.ExpertCount, capacity] : [queues / routing.ExpertCount, routing.ExpertCount, capacity];
        return (queues_TK.clamp_min(0).mul(capacity).add(slots_TK).flatten(), inside_N, shape);
    }

    // The place of each route in the queue of its expert, -1 for a route without one.
    private static Tensor Queue(Tensor experts_TK, ArrivalOrder arrival, int experts) => arrival == ArrivalOrder.TokenMajor
        ? Place(experts_TK.flatten(), null, experts).view(experts_TK.shape)
        : Place(experts_TK.t().flatten(), null, experts).view(experts_TK.shape[1], experts_TK.shape[0]).t().contiguous();

    private static Tensor Positions(Tensor experts_TK, int experts, DispatchSpec dispatch, int capacity)
    {
        if (dispatch.Arrival == ArrivalOrder.TokenMajor || dispatch.Offset == ChoiceOffset.AllEarlierChoices)
            return Queue(experts_TK, dispatch.Arrival, experts);

        var taken_E = zeros(experts, dtype: ScalarType.Int64, device: experts_TK.device);
        var columns = new List<Tensor>();
        for (int j = 0; j < experts_TK.shape[1]; j++)
        {
            var column_T = experts_TK.select(1, j);
            columns.Add(Place(column_T, taken_E, experts));
            taken_E = (taken_E + Count(column_T, experts)).clamp_max(capacity);
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
