namespace MoE;

/// <summary>
/// The kept routes sorted by expert. The sort is stable: within an expert, routes keep their order (token order).
/// Expert e owns <c>Permutation[Offsets[e] .. Offsets[e + 1] - 1]</c>.
/// </summary>
public sealed class ExpertPlan
{
    private readonly int[] _offsets;
    private readonly int[] _permutation;
    private readonly int[] _positions;
    private readonly bool[] _kept;

    private ExpertPlan(int[] offsets, int[] permutation, int[] positions, bool[] kept, int? capacity, int dropped)
    {
        _offsets = offsets;
        _permutation = permutation;
        _positions = positions;
        _kept = kept;
        Capacity = capacity;
        DroppedCount = dropped;
    }

    /// <summary>[E + 1]: where each expert's kept routes begin.</summary>
    public ReadOnlySpan<int> Offsets => _offsets;

    /// <summary>[R]: kept routes by expert.</summary>
    public ReadOnlySpan<int> Permutation => _permutation;

    /// <summary>[N]: the place of each route in its expert's queue, counted before drops; -1 for an empty route.</summary>
    public ReadOnlySpan<int> Positions => _positions;

    /// <summary>The capacity C per expert, or null where nothing can be dropped.</summary>
    public int? Capacity { get; }

    /// <summary>Number of routes that had an expert and were not kept.</summary>
    public int DroppedCount { get; }

    /// <summary>True if the route is carried out.</summary>
    /// <param name="route">0..N-1.</param>
    public bool IsKept(int route) => _kept[route];

    /// <summary>The plan in which every route with an expert is kept.</summary>
    /// <param name="expertIds">[N], each -1 or in 0..E-1.</param>
    /// <param name="experts">E, positive.</param>
    /// <exception cref="ArgumentException">A value breaks these rules.</exception>
    public static ExpertPlan Dropless(ReadOnlySpan<int> expertIds, int experts)
    {
        CheckRoutes(expertIds, experts);
        var positions = new int[expertIds.Length];
        var kept = new bool[expertIds.Length];
        var counts = new int[experts];
        for (int r = 0; r < positions.Length; r++)
        {
            kept[r] = expertIds[r] >= 0;
            positions[r] = kept[r] ? counts[expertIds[r]]++ : -1;
        }

        return Sort(expertIds, experts, positions, kept, null);
    }

    /// <summary>The plan under a capacity.</summary>
    /// <param name="expertIds">[T, K], each -1 or in 0..E-1.</param>
    /// <param name="weights">[T, K]; used by <see cref="DropPolicy.HeaviestWeight"/>.</param>
    /// <param name="choices">K, positive.</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="dispatch">The rules; without a capacity the plan is dropless.</param>
    /// <param name="training">Training rather than evaluation, for the capacity.</param>
    /// <param name="draws">[T, E] uniform numbers where the rules drop at random, otherwise not looked at.</param>
    /// <param name="bestScores">[T] the best score of each token where <see cref="DispatchSpec.Priority"/> asks for it, otherwise not looked at.</param>
    /// <param name="sequenceLength">Tokens per sequence where the rules count by sequences, a divisor of T; 0: one sequence.</param>
    /// <exception cref="ArgumentException">A length or value breaks these rules.</exception>
    public static ExpertPlan Build(ReadOnlySpan<int> expertIds, ReadOnlySpan<float> weights, int choices, int experts, DispatchSpec dispatch, bool training = true, ReadOnlySpan<float> draws = default, ReadOnlySpan<float> bestScores = default, int sequenceLength = 0)
    {
        ArgumentNullException.ThrowIfNull(dispatch);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(choices);
        CheckRoutes(expertIds, experts);
        if (expertIds.Length % choices != 0)
            throw new ArgumentException($"expertIds has {expertIds.Length} values; must be a multiple of choices ({choices})", nameof(expertIds));
        if (weights.Length != expertIds.Length)
            throw new ArgumentException($"weights has {weights.Length} values; must be as many as expertIds ({expertIds.Length})", nameof(weights));
        if (dispatch.Capacity is null) return Dropless(expertIds, experts);
        int tokens = expertIds.Length / choices;
        if (dispatch.Drop == DropPolicy.Random && draws.Length != (long)tokens * experts)
            throw new ArgumentException($"draws has {draws.Length} values; must have tokens x experts ({tokens} x {experts})", nameof(draws));
        if (dispatch.Priority == TokenPriority.BestScore && bestScores.Length != tokens)
            throw new ArgumentException($"bestScores has {bestScores.Length} values; must have one per token ({tokens})", nameof(bestScores));
        int length = SequenceOf(tokens, dispatch, sequenceLength), sequences = length == 0 ? 1 : tokens / length;
        // One queue per sequence and expert.
        int[] queues = QueueOf(expertIds, length * choices, experts);
        int capacity = dispatch.Capacity.Of(length, experts, choices, training, Longest(queues, experts * sequences));
        var positions = Arrive(queues, choices, experts * sequences, dispatch, capacity, bestScores);
        var kept = new bool[expertIds.Length];
        if (dispatch.Drop == DropPolicy.Overflow)
            Overflow(queues, choices, experts * sequences, dispatch.Priority, bestScores, capacity, positions, kept);
        else if (dispatch.Drop == DropPolicy.HeaviestWeight)
            KeepLargest(queues, weights, experts * sequences, capacity, kept);
        else if (dispatch.Drop == DropPolicy.Random)
            KeepLargest(queues, OfRoutes(draws, expertIds, choices, experts), experts * sequences, capacity, kept);
        else
            for (int r = 0; r < kept.Length; r++) kept[r] = positions[r] >= 0 && positions[r] < capacity;
        return Sort(expertIds, experts, positions, kept, capacity);
    }

    /// <summary>The plan of an engine that has already decided what to keep.</summary>
    /// <param name="expertIds">[T, K], each -1 or in 0..E-1.</param>
    /// <param name="choices">K, positive.</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="kept">[T, K]: true where the route is carried out; never true for an empty route.</param>
    /// <param name="positions">[T, K]: places in the queues before drops, -1 for an empty route.</param>
    /// <param name="capacity">C, not negative.</param>
    /// <param name="sequences">How many sequences have a capacity of their own, positive.</param>
    /// <exception cref="ArgumentException">A length is wrong, an empty route is kept, or an expert keeps more than its capacity.</exception>
    public static ExpertPlan FromKept(ReadOnlySpan<int> expertIds, int choices, int experts, bool[] kept, int[] positions, int capacity, int sequences = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(choices);
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sequences);
        ArgumentNullException.ThrowIfNull(kept);
        ArgumentNullException.ThrowIfNull(positions);
        CheckRoutes(expertIds, experts);
        if (expertIds.Length % choices != 0 || kept.Length != expertIds.Length || positions.Length != expertIds.Length)
            throw new ArgumentException($"expertIds, kept and positions have {expertIds.Length}, {kept.Length} and {positions.Length} values; must be equally many, a multiple of choices ({choices})");
        for (int r = 0; r < kept.Length; r++)
        {
            if (kept[r] && expertIds[r] < 0) throw new ArgumentException($"kept[{r}] is true; route {r} has no expert", nameof(kept));
        }

        var plan = Sort(expertIds, experts, positions, kept, capacity);
        for (int e = 0; e < experts; e++)
        {
            int load = plan.Offsets[e + 1] - plan.Offsets[e];
            if (load > (long)capacity * sequences) throw new ArgumentException($"expert {e} keeps {load} routes; must be at most capacity ({(sequences == 1 ? "" : $"{sequences} x ")}{capacity})", nameof(kept));
        }

        return plan;
    }

    private static void CheckRoutes(ReadOnlySpan<int> expertIds, int experts)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        for (int r = 0; r < expertIds.Length; r++)
        {
            if (expertIds[r] < -1 || expertIds[r] >= experts)
                throw new ArgumentException($"expertIds[{r}] = {expertIds[r]}: must be -1 (none) or in 0..{experts - 1}", nameof(expertIds));
        }
    }

    private static int Longest(ReadOnlySpan<int> expertIds, int experts)
    {
        var load = new int[experts];
        foreach (int e in expertIds)
        {
            if (e >= 0) load[e]++;
        }

        return load.Max();
    }

    private static float[] OfRoutes(ReadOnlySpan<float> draws, ReadOnlySpan<int> expertIds, int choices, int experts)
    {
        var drawn = new float[expertIds.Length];
        for (int r = 0; r < drawn.Length; r++) drawn[r] = expertIds[r] < 0 ? 0 : draws[r / choices * experts + expertIds[r]];
        return drawn;
    }

    // The tokens of a sequence; T where sequences are not counted.
    internal static int SequenceOf(int tokens, DispatchSpec dispatch, int sequenceLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sequenceLength);
        if (!dispatch.PerSequence || sequenceLength == 0 || tokens == 0) return tokens;
        return tokens % sequenceLength == 0
            ? sequenceLength
            : throw new ArgumentException($"sequenceLength = {sequenceLength}: must divide the tokens ({tokens})", nameof(sequenceLength));
    }

    private static int[] QueueOf(ReadOnlySpan<int> expertIds, int routesPerSequence, int experts)
    {
        int[] queues = expertIds.ToArray();
        for (int r = 0; r < queues.Length; r++)
        {
            if (queues[r] >= 0) queues[r] += r / routesPerSequence * experts;
        }

        return queues;
    }

    private static int[] Arrive(ReadOnlySpan<int> expertIds, int choices, int experts, DispatchSpec dispatch, int capacity, ReadOnlySpan<float> bestScores)
    {
        var positions = new int[expertIds.Length];
        var next = new int[experts];
        int[] order = Order(expertIds.Length / choices, dispatch.Priority, bestScores);
        if (dispatch.Arrival == ArrivalOrder.TokenMajor)
        {
            foreach (int t in order)
            {
                for (int r = t * choices; r < (t + 1) * choices; r++) positions[r] = expertIds[r] < 0 ? -1 : next[expertIds[r]]++;
            }

            return positions;
        }

        for (int j = 0; j < choices; j++)
        {
            foreach (int t in order)
            {
                int r = t * choices + j;
                positions[r] = expertIds[r] < 0 ? -1 : next[expertIds[r]]++;
            }

            if (dispatch.Offset == ChoiceOffset.KeptEarlierChoices)
                for (int e = 0; e < experts; e++) next[e] = Math.Min(next[e], capacity);
        }

        return positions;
    }

    private static int[] Order(int tokens, TokenPriority priority, ReadOnlySpan<float> bestScores)
    {
        int[] order = [.. Enumerable.Range(0, tokens)];
        if (priority == TokenPriority.Order) return order;
        float[] best = bestScores.ToArray();
        Array.Sort(order, (a, b) => best[a] != best[b] ? best[b].CompareTo(best[a]) : a.CompareTo(b));
        return order;
    }

    // A choice that is not tried has no place.
    private static void Overflow(int[] queues, int choices, int experts, TokenPriority priority, ReadOnlySpan<float> bestScores, int capacity, int[] positions, bool[] kept)
    {
        var next = new int[experts];
        Array.Fill(positions, -1);
        int[] order = Order(queues.Length / choices, priority, bestScores);
        var placed = new bool[order.Length];
        for (int j = 0; j < choices; j++)
        {
            foreach (int t in order)
            {
                int r = t * choices + j;
                if (placed[t] || queues[r] < 0) continue;
                positions[r] = next[queues[r]]++;
                placed[t] = kept[r] = positions[r] < capacity;
            }

            for (int e = 0; e < experts; e++) next[e] = Math.Min(next[e], capacity);
        }
    }

    private static void KeepLargest(ReadOnlySpan<int> expertIds, ReadOnlySpan<float> weights, int experts, int capacity, bool[] kept)
    {
        var queues = new List<(float Weight, int Route)>[experts];
        for (int r = 0; r < expertIds.Length; r++)
        {
            if (expertIds[r] >= 0) (queues[expertIds[r]] ??= []).Add((weights[r], r));
        }

        foreach (var queue in queues)
        {
            if (queue is null) continue;
            queue.Sort(static (a, b) => a.Weight != b.Weight ? b.Weight.CompareTo(a.Weight) : a.Route.CompareTo(b.Route));
            foreach (var (_, route) in queue.Take(capacity)) kept[route] = true;
        }
    }

    private static ExpertPlan Sort(ReadOnlySpan<int> expertIds, int experts, int[] positions, bool[] kept, int? capacity)
    {
        var offsets = new int[experts + 1];
        int dropped = 0;
        for (int r = 0; r < kept.Length; r++)
        {
            if (kept[r]) offsets[expertIds[r] + 1]++;
            else if (positions[r] >= 0) dropped++;
        }

        for (int e = 0; e < experts; e++) offsets[e + 1] += offsets[e];
        var permutation = new int[offsets[experts]];
        var next = offsets.AsSpan(0, experts).ToArray();
        for (int r = 0; r < kept.Length; r++)
        {
            if (kept[r]) permutation[next[expertIds[r]]++] = r;
        }

        return new ExpertPlan(offsets, permutation, positions, kept, capacity, dropped);
    }
}
