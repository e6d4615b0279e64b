namespace MoE;

/// <summary>K choices for every token: experts and weights are [T, K].</summary>
public sealed class TopKRouting : SparseRouting
{
    /// <summary>Makes a routing. The arrays are kept, not copied; the caller no longer writes to them.</summary>
    /// <param name="tokens">T, zero or more.</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="choices">K, positive.</param>
    /// <param name="expertIds">[T, K], each -1 or in 0..E-1.</param>
    /// <param name="weights">[T, K], finite.</param>
    /// <param name="plan">The dispatch plan; null: dropless.</param>
    /// <param name="scores">[T, E] or null.</param>
    /// <exception cref="ArgumentException">A length or value breaks these rules.</exception>
    public TopKRouting(int tokens, int experts, int choices, int[] expertIds, float[] weights, ExpertPlan? plan = null, float[]? scores = null)
        : base(tokens, experts, expertIds, weights, plan, scores)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(choices);
        if (expertIds.Length != (long)tokens * choices)
            throw new ArgumentException($"expertIds has {expertIds.Length} values; must be tokens x choices ({tokens} x {choices})", nameof(expertIds));
        Choices = choices;
    }

    /// <inheritdoc/>
    public override RoutingKind Kind => RoutingKind.TopK;

    /// <summary>K.</summary>
    public int Choices { get; }

    /// <inheritdoc/>
    public override int TokenOf(int route) => route / Choices;

    /// <summary>[T, K]: the place of each kept route among the C places of its expert; -1 for a route that is not carried out. Without a capacity the places of an expert are its queue.</summary>
    /// <param name="dispatch">The rules that made the plan: where they keep the first to arrive the place is that of the queue, otherwise the rank among the kept in the order of arrival.</param>
    /// <param name="sequenceLength">Tokens per sequence where the rules count by sequences; 0: one sequence.</param>
    public int[] Slots(DispatchSpec dispatch, int sequenceLength = 0)
    {
        ArgumentNullException.ThrowIfNull(dispatch);
        var slots = new int[RouteCount];
        Array.Fill(slots, -1);
        if (dispatch.Drop is DropPolicy.FirstCome or DropPolicy.Overflow)
        {
            for (int r = 0; r < slots.Length; r++)
                if (Plan.IsKept(r)) slots[r] = Plan.Positions[r];
            return slots;
        }

        int length = Math.Max(ExpertPlan.SequenceOf(TokenCount, dispatch, sequenceLength), 1);
        var next = new int[ExpertCount * (1 + TokenCount / length)];
        foreach (int r in Arrivals(dispatch.Arrival))
        {
            if (Plan.IsKept(r)) slots[r] = next[TokenOf(r) / length * ExpertCount + ExpertIds[r]]++;
        }

        return slots;
    }

    /// <summary>[T, K]: the weights as they were before drops, where the router kept them; otherwise <see cref="SparseRouting.Weights"/>.</summary>
    public ReadOnlySpan<float> WeightsBeforeDrops => Before ?? Weights;

    internal float[]? Before { get; init; }

    /// <summary>The dispatch of the capacity gates: each kept token at its expert and place, zeros where a place is empty.</summary>
    /// <param name="tokens">[T, D].</param>
    /// <param name="width">D, positive.</param>
    /// <param name="dispatch">The rules that made the plan, counting over the batch.</param>
    /// <param name="capacity">C; not less than the places in use.</param>
    /// <returns>[E, C, D].</returns>
    /// <exception cref="ArgumentException">A length is wrong, or the rules count by sequences.</exception>
    public float[] Encode(ReadOnlySpan<float> tokens, int width, DispatchSpec dispatch, int capacity)
    {
        ArgumentNullException.ThrowIfNull(dispatch);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        if (tokens.Length != (long)TokenCount * width) throw new ArgumentException($"tokens has {tokens.Length} values; must be tokens x width ({TokenCount} x {width})", nameof(tokens));
        if (dispatch.PerSequence) throw new ArgumentException("dispatch counts by sequences; encode each sequence by itself", nameof(dispatch));
        int[] slots = Slots(dispatch);
        var buffers = new float[checked(ExpertCount * capacity * width)];
        for (int r = 0; r < slots.Length; r++)
        {
            if (slots[r] < 0) continue;
            if (slots[r] >= capacity) throw new ArgumentOutOfRangeException(nameof(capacity), capacity, $"route {r} has place {slots[r]}; must be below the capacity");
            tokens.Slice(TokenOf(r) * width, width).CopyTo(buffers.AsSpan((ExpertIds[r] * capacity + slots[r]) * width));
        }

        return buffers;
    }

    /// <summary>Routes per expert, [E]; by default before drops, which is what most load-balancing losses count.</summary>
    /// <param name="kept">After drops.</param>
    /// <param name="choices">Only the first so many choices of a token, positive (GShard's losses: 1); null: all.</param>
    public int[] Demand(bool kept = false, int? choices = null)
    {
        if (choices is { } first) ArgumentOutOfRangeException.ThrowIfNegativeOrZero(first, nameof(choices));
        var demand = new int[ExpertCount];
        for (int r = 0; r < RouteCount; r++)
        {
            if (ExpertIds[r] >= 0 && (!kept || Plan.IsKept(r)) && r % Choices < (choices ?? Choices)) demand[ExpertIds[r]]++;
        }

        return demand;
    }

    /// <summary>The combine tensor of the GShard family, [T, E, C]: the weight of a token at its expert and place, zero elsewhere.</summary>
    /// <param name="dispatch">The rules that made the plan.</param>
    /// <param name="capacity">C; not less than the places in use.</param>
    /// <param name="sequenceLength">Tokens per sequence where the rules count by sequences; 0: one sequence.</param>
    /// <exception cref="ArgumentOutOfRangeException">An expert uses a place beyond the capacity.</exception>
    public float[] ToCombineTensor(DispatchSpec dispatch, int capacity, int sequenceLength = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        int[] slots = Slots(dispatch, sequenceLength);
        var combine = new float[checked(TokenCount * ExpertCount * capacity)];
        for (int r = 0; r < slots.Length; r++)
        {
            if (slots[r] < 0) continue;
            if (slots[r] >= capacity) throw new ArgumentOutOfRangeException(nameof(capacity), capacity, $"route {r} has place {slots[r]}; must be below the capacity");
            combine[(TokenOf(r) * ExpertCount + ExpertIds[r]) * capacity + slots[r]] = Weights[r];
        }

        return combine;
    }

    private IEnumerable<int> Arrivals(ArrivalOrder order) => order == ArrivalOrder.TokenMajor
        ? Enumerable.Range(0, RouteCount)
        : Enumerable.Range(0, RouteCount).Select(i => i % Math.Max(TokenCount, 1) * Choices + i / Math.Max(TokenCount, 1));
}
