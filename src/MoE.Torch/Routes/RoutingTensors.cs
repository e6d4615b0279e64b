using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A routing as tensors on the layer's device. <see cref="Weights"/>, <see cref="Scores"/> and <see cref="Logits"/> are differentiable; the integers are computed outside autograd.
/// <see cref="Snapshot"/> gives the host value. Disposing it disposes the tensors.
/// </summary>
public sealed class RoutingTensors : IDisposable
{
    private Tensor[] _owned;

    internal RoutingTensors(int experts, Tensor? logits, Tensor? scores, Tensor expertIds, Tensor weights, Tensor? kept, Tensor? positions, int? capacity, RouterSpec? spec, int sequenceLength = 0, Tensor? before = null)
    {
        ExpertCount = experts;
        Logits = logits;
        Scores = scores;
        ExpertIds = expertIds;
        Weights = weights;
        Kept = kept;
        Positions = positions;
        Capacity = capacity;
        Spec = spec;
        SequenceLength = sequenceLength;
        WeightsBeforeDrops = before ?? weights;
        _owned = [.. new[] { logits, scores, expertIds, weights, kept, positions, before }.OfType<Tensor>()];
    }

    /// <summary>E.</summary>
    public int ExpertCount { get; }

    /// <summary>[T, E] in the scorer's type, or null for a gate without logits.</summary>
    public Tensor? Logits { get; private set; }

    /// <summary>[T, E]: what the choice was made on, before bias and groups: scores, or the widened logits where the score function comes after the selection.</summary>
    public Tensor? Scores { get; }

    /// <summary>[T, K] int64, best first; -1 for none.</summary>
    public Tensor ExpertIds { get; }

    /// <summary>[T, K], single or double precision; zero for empty and dropped routes.</summary>
    public Tensor Weights { get; }

    /// <summary>[T, K] bool: routes that are carried out; null: all.</summary>
    public Tensor? Kept { get; }

    /// <summary>[T, K] int64: place in the expert's queue before drops, -1 for an empty route; null where nothing can be dropped.</summary>
    public Tensor? Positions { get; }

    /// <summary>C, or null where nothing can be dropped.</summary>
    public int? Capacity { get; }

    /// <summary>The spec the gate followed, or null for a gate without one.</summary>
    public RouterSpec? Spec { get; }

    /// <summary>[T, K]: the weights as they were before drops; the same tensor as <see cref="Weights"/> where nothing can be dropped. FastMoE and Tutel report these.</summary>
    public Tensor WeightsBeforeDrops { get; }

    /// <summary>The noisy logits, where the call had noise or the gate learns one; otherwise null.</summary>
    public NoisyLogits? Noisy { get; private set; }

    /// <summary>Tokens per sequence of the call, 0 for one sequence.</summary>
    public int SequenceLength { get; }

    /// <summary>T.</summary>
    public long TokenCount => ExpertIds.shape[0];

    /// <summary>K.</summary>
    public long Choices => ExpertIds.shape[1];

    /// <summary>A routing made by a gate of your own.</summary>
    /// <param name="experts">E.</param>
    /// <param name="expertIds">[T, K] int64, -1 for none. Ownership passes to the routing, as for all tensors here.</param>
    /// <param name="weights">[T, K], single or double precision; carries the gradient to the gate.</param>
    /// <param name="logits">[T, E] or null; the losses on logits need it.</param>
    /// <param name="scores">[T, E] or null; the load-balancing losses need it.</param>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static RoutingTensors Of(int experts, Tensor expertIds, Tensor weights, Tensor? logits = null, Tensor? scores = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        ArgumentNullException.ThrowIfNull(expertIds);
        ArgumentNullException.ThrowIfNull(weights);
        if (expertIds.dim() != 2 || expertIds.dtype != ScalarType.Int64)
            throw new ArgumentException($"expertIds is {expertIds.dtype} {TensorGuard.Shape(expertIds)}; must be Int64 [T, K]", nameof(expertIds));
        if (!weights.shape.AsSpan().SequenceEqual(expertIds.shape))
            throw new ArgumentException($"weights has shape {TensorGuard.Shape(weights)}; must be {TensorGuard.Shape(expertIds)}", nameof(weights));
        if (weights.dtype is not (ScalarType.Float32 or ScalarType.Float64))
            throw new ArgumentException($"weights has type {weights.dtype}; must be Float32 or Float64", nameof(weights));
        foreach (var (tensor, name) in new[] { (logits, nameof(logits)), (scores, nameof(scores)) })
        {
            if (tensor is null) continue;
            TensorGuard.Matrix(tensor, experts, name);
            if (tensor.shape[0] != expertIds.shape[0])
                throw new ArgumentException($"{name} has shape {TensorGuard.Shape(tensor)}; must be [{expertIds.shape[0]}, {experts}]", name);
        }

        using var scope = NewDisposeScope();
        var kept = expertIds.ge(0);
        return new RoutingTensors(experts, logits, scores, expertIds, weights, kept.MoveToOuterDisposeScope(), null, null, null);
    }

    /// <summary>A routing of your own gate, from a map: every pair that is true is a route, in the order of the experts.</summary>
    /// <param name="map">[T, E] bool.</param>
    /// <param name="weights">[T, E], single or double precision; what is not in the map is not looked at.</param>
    /// <param name="logits">[T, E] for losses, or null.</param>
    /// <param name="scores">[T, E] for losses, or null.</param>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static RoutingTensors OfMap(Tensor map, Tensor weights, Tensor? logits = null, Tensor? scores = null)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(weights);
        if (map.dim() != 2 || map.dtype != ScalarType.Bool) throw new ArgumentException($"map is {map.dtype} {TensorGuard.Shape(map)}; must be Bool [T, E]", nameof(map));
        TensorGuard.Matrix(weights, map.shape[1], nameof(weights));
        using var scope = NewDisposeScope();
        var off_TE = map.logical_not();
        var ids_TE = arange(map.shape[1], dtype: ScalarType.Int64, device: map.device).unsqueeze(0).expand(map.shape).masked_fill(off_TE, -1);
        return Of(checked((int)map.shape[1]), ids_TE, weights.masked_fill(off_TE, 0), logits?.alias(), scores?.alias()).MoveToOuterDisposeScope();
    }

    // Logits that the next layer and the losses shall see, where the router saw others.
    internal RoutingTensors WithLogits(Tensor logits)
    {
        Logits = logits;
        _owned = [.. _owned, logits];
        return this;
    }

    // The routing owns them from now on.
    internal RoutingTensors With(NoisyLogits noisy)
    {
        Noisy = noisy;
        _owned = [.. _owned, .. noisy.All];
        return this;
    }

    /// <summary>The same routing with the padded tokens sent to no expert, for gates that do not look at the padding themselves.</summary>
    internal RoutingTensors WithoutPadding(Tensor padding)
    {
        using var scope = NewDisposeScope();
        var padded_T1 = padding.unsqueeze(1);
        var ids_TK = ExpertIds.masked_fill(padded_T1, -1);
        var kept_TK = Kept is null ? ids_TK.ge(0) : Kept.logical_and(padded_T1.logical_not());
        return new RoutingTensors(ExpertCount, Logits?.alias(), Scores?.alias(), ids_TK, Weights.masked_fill(padded_T1, 0), kept_TK, Positions?.alias(), Capacity, Spec, SequenceLength).MoveToOuterDisposeScope();
    }

    /// <summary>The weights as [T, E]; zero where no route was kept. Differentiable.</summary>
    public Tensor ToDenseWeights()
    {
        using var scope = NewDisposeScope();
        return zeros([TokenCount, ExpertCount], dtype: Weights.dtype, device: Weights.device)
            .scatter_add(1, ExpertIds.clamp_min(0), Kept is null ? Weights : Weights.masked_fill(Kept.logical_not(), 0)).MoveToOuterDisposeScope();
    }

    /// <summary>[T, E] bool: true where a route was kept, or where one was made.</summary>
    /// <param name="kept">After drops; otherwise before, as the load-balancing losses count.</param>
    /// <param name="choices">Only the first so many choices of a token; null: all.</param>
    public Tensor ToMap(bool kept = true, int? choices = null)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return Counted(kept, choices, ScalarType.Int64).gt(0).MoveToOuterDisposeScope();
    }

    /// <summary>[T, K] int64: the place of each kept route among the C places of its expert; -1 for a route that is not carried out. Where the first to arrive are kept it is the place in the queue, otherwise the rank among the kept in the order of arrival.</summary>
    public Tensor Slots()
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return Dispatching.Slots(this).MoveToOuterDisposeScope();
    }

    /// <summary>The combine tensor of the GShard family, [T, E, C]: the weight of a token at its expert and place, zero elsewhere. Differentiable in the weights.</summary>
    /// <param name="capacity">C; null: that of the routing. A route with a place beyond it is left out.</param>
    /// <exception cref="InvalidOperationException">The routing has no capacity, and none is given.</exception>
    public Tensor ToCombineTensor(int? capacity = null)
    {
        using var scope = NewDisposeScope();
        return Dispatching.Combine(this, Weights, capacity ?? Capacity ?? throw new InvalidOperationException("the routing has no capacity; give one")).MoveToOuterDisposeScope();
    }

    /// <summary>The dispatch mask of the GShard family, [T, E, C] bool: true at the expert and place of each kept route.</summary>
    /// <param name="capacity">C; null: that of the routing. A route with a place beyond it is left out.</param>
    /// <exception cref="InvalidOperationException">The routing has no capacity, and none is given.</exception>
    public Tensor ToDispatchMask(int? capacity = null)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return Dispatching.Combine(this, ones_like(Weights), capacity ?? Capacity ?? throw new InvalidOperationException("the routing has no capacity; give one")).gt(0).MoveToOuterDisposeScope();
    }

    /// <summary>[E] int64: routes per expert; by default before drops, which is what most load-balancing losses count.</summary>
    /// <param name="kept">After drops.</param>
    /// <param name="choices">Only the first so many choices of a token (GShard's losses: 1); null: all.</param>
    public Tensor Load(bool kept = false, int? choices = null)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return Counted(kept, choices, ScalarType.Int64).sum(0L).MoveToOuterDisposeScope();
    }

    // [T, E]: routes of a token at an expert.
    private Tensor Counted(bool kept, int? choices, ScalarType type)
    {
        var routed_TK = ExpertIds.ge(0);
        if (kept && Kept is not null) routed_TK = Kept;
        var (ids_TK, ones_TK) = (ExpertIds, routed_TK.to(type));
        if (choices is { } first)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(first, nameof(choices));
            long taken = Math.Min(first, Choices);
            (ids_TK, ones_TK) = (ids_TK.narrow(1, 0, taken), ones_TK.narrow(1, 0, taken));
        }

        return zeros([TokenCount, ExpertCount], dtype: type, device: ExpertIds.device).scatter_add(1, ids_TK.clamp_min(0), ones_TK);
    }

    /// <summary>The map of Megatron-LM's <c>pad_to_capacity</c>: for every expert its C heaviest tokens, also tokens that were not routed to it where fewer were. Which of equal weights is libtorch's choice.</summary>
    /// <param name="capacity">C, not negative; null: <see cref="Capacity"/>.</param>
    /// <returns>[T, E] bool.</returns>
    public Tensor ToCapacityMap(int? capacity = null)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        int c = capacity ?? Capacity ?? throw new InvalidOperationException("the routing has no capacity; give one");
        var dense_TE = zeros([TokenCount, ExpertCount], dtype: Weights.dtype, device: Weights.device).scatter_add(1, ExpertIds.clamp_min(0), WeightsBeforeDrops.masked_fill(ExpertIds.lt(0), 0));
        if (c >= TokenCount) return ones_like(dense_TE, dtype: ScalarType.Bool).MoveToOuterDisposeScope();
        if (c == 0) return zeros_like(dense_TE, dtype: ScalarType.Bool).MoveToOuterDisposeScope();
        var (_, top_CE) = dense_TE.topk(c, 0, largest: true, sorted: false);
        return zeros_like(dense_TE, dtype: ScalarType.Bool).scatter(0, top_CE, ones_like(top_CE, dtype: ScalarType.Bool)).MoveToOuterDisposeScope();
    }

    /// <summary>The map with every expert's count rounded up to a multiple, by giving it the first tokens that it does not have (Megatron-LM <c>pad_routing_map</c>, for kernels that want whole tiles).</summary>
    /// <param name="multiple">Positive.</param>
    /// <returns>[T, E] bool; an expert never gets more than T tokens.</returns>
    public Tensor ToMultipleMap(int multiple)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(multiple);
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var map_TE = ToMap();
        var counts_E = map_TE.to(ScalarType.Int64).sum(0L);
        var missing_E = counts_E.neg().remainder(multiple);
        var rank_TE = map_TE.logical_not().to(ScalarType.Int64).cumsum(0);
        return map_TE.logical_or(rank_TE.le(missing_E.unsqueeze(0))).MoveToOuterDisposeScope();
    }

    /// <summary>The dropless dispatch: kept tokens by expert, in token order inside each.</summary>
    /// <param name="tokens">[T, D].</param>
    /// <returns>The rows [R, D] (differentiable in the tokens), their weights [R] and the token of each [R]; and for each token-major route its row, -1 for one that is not carried out.</returns>
    /// <exception cref="ArgumentException">The number of tokens is wrong.</exception>
    public (Tensor Rows, Tensor Weights, Tensor Tokens, Tensor Inverse) Permute(Tensor tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        if (tokens.dim() != 2 || tokens.shape[0] != TokenCount) throw new ArgumentException($"tokens has shape {TensorGuard.Shape(tokens)}; must be [{TokenCount}, D]", nameof(tokens));
        using var scope = NewDisposeScope();
        var (order_N, counts_E) = Dispatching.ByExpert(this);
        var routes_R = order_N.narrow(0, 0, HostReads.Count(counts_E));
        var tokens_R = routes_R.div(Choices, RoundingMode.floor);
        var inverse_N = full_like(order_N, -1).index_copy(0, routes_R, arange(routes_R.shape[0], dtype: ScalarType.Int64, device: order_N.device));
        return (tokens.index_select(0, tokens_R).MoveToOuterDisposeScope(), Weights.flatten().index_select(0, routes_R).MoveToOuterDisposeScope(), tokens_R.MoveToOuterDisposeScope(), inverse_N.MoveToOuterDisposeScope());
    }

    /// <summary>The dropless combine: each row times its weight, added to its token in the order of the experts.</summary>
    /// <param name="rows">What <see cref="Permute"/> gave, after the experts: [R, Do].</param>
    /// <returns>[T, Do]; zero for a token without a kept route.</returns>
    public Tensor Unpermute(Tensor rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        using var scope = NewDisposeScope();
        var (order_N, _) = Dispatching.ByExpert(this);
        var routes_R = order_N.narrow(0, 0, rows.shape[0]);
        var weights_R1 = Weights.flatten().index_select(0, routes_R).unsqueeze(1);
        return zeros([TokenCount, rows.shape[1]], dtype: rows.dtype, device: rows.device)
            .index_add(0, routes_R.div(Choices, RoundingMode.floor), rows.mul(weights_R1.to(rows.dtype)), 1).MoveToOuterDisposeScope();
    }

    /// <summary>The dispatch mask as numbers, with the gradient of the combine tensor (st-moe's straight-through dispatch): tokens that an expert receives tell the gate as if they were weighed.</summary>
    /// <param name="capacity">C, not negative; null: <see cref="Capacity"/>.</param>
    /// <returns>[T, E, C]: 1 where a route was kept with a weight that is not zero.</returns>
    public Tensor ToStraightThroughDispatch(int? capacity = null)
    {
        using var scope = NewDisposeScope();
        var combine_TEC = ToCombineTensor(capacity);
        return combine_TEC.ne(0).to(combine_TEC.dtype).add(combine_TEC).sub(combine_TEC.detach()).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The dispatch of the capacity gates: each kept token at its expert and place, zeros where a place is empty. Differentiable in the tokens.
    /// </summary>
    /// <param name="tokens">[T, D].</param>
    /// <param name="capacity">C, not negative; null: <see cref="Capacity"/>.</param>
    /// <returns>[E, C, D]; [S, E, C, D] where the router counts by S sequences.</returns>
    /// <exception cref="ArgumentException">The number of tokens is wrong.</exception>
    public Tensor Encode(Tensor tokens, int? capacity = null)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        if (tokens.dim() != 2 || tokens.shape[0] != TokenCount) throw new ArgumentException($"tokens has shape {TensorGuard.Shape(tokens)}; must be [{TokenCount}, D]", nameof(tokens));
        using var scope = NewDisposeScope();
        var (places_N, inside_N, shape) = Dispatching.Places(this, capacity ?? Capacity ?? throw new InvalidOperationException("the routing has no capacity; give one"));
        var rows_N = inside_N.nonzero().flatten();
        var buffers = zeros([shape.Aggregate(1L, static (a, b) => a * b), tokens.shape[1]], dtype: tokens.dtype, device: tokens.device)
            .index_add(0, places_N.index_select(0, rows_N), tokens.index_select(0, rows_N.div(Choices, RoundingMode.floor)), 1);
        return buffers.view([.. shape, tokens.shape[1]]).MoveToOuterDisposeScope();
    }

    /// <summary>The combine of the capacity gates: for each token the weighted sum of its experts' rows. Differentiable in the rows and the weights.</summary>
    /// <param name="buffers">What <see cref="Encode"/> gave, after the experts: [E, C, Do] or [S, E, C, Do].</param>
    /// <param name="weights">[T, K] to weigh with; null: <see cref="Weights"/>.</param>
    /// <returns>[T, Do]; zero for a token without a kept route.</returns>
    public Tensor Decode(Tensor buffers, Tensor? weights = null)
    {
        ArgumentNullException.ThrowIfNull(buffers);
        using var scope = NewDisposeScope();
        var (places_N, inside_N, _) = Dispatching.Places(this, checked((int)buffers.shape[^2]));
        var rows_N = inside_N.nonzero().flatten();
        var flat = buffers.reshape(-1, buffers.shape[^1]);
        var w_N1 = (weights ?? Weights).flatten().index_select(0, rows_N).unsqueeze(1);
        return zeros([TokenCount, flat.shape[1]], dtype: flat.dtype, device: flat.device)
            .index_add(0, rows_N.div(Choices, RoundingMode.floor), flat.index_select(0, places_N.index_select(0, rows_N)).mul(w_N1.to(flat.dtype)), 1).MoveToOuterDisposeScope();
    }

    /// <summary>The host value. Waits for the device.</summary>
    public TopKRouting Snapshot() => HostReads.Snapshot(this);

    /// <summary>Detaches the tensors from the current dispose scope and hands them to the one around it.</summary>
    public RoutingTensors MoveToOuterDisposeScope()
    {
        foreach (var tensor in _owned) tensor.MoveToOuterDisposeScope();
        return this;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in _owned) tensor.Dispose();
    }
}
