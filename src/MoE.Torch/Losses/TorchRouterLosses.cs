using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// The auxiliary losses with gradients, the same functions as <see cref="RouterLosses"/>. Padding masks are [T] bool, true for tokens that do not count. Results are scalars in single precision (double for double).
/// </summary>
public static class TorchRouterLosses
{
    /// <summary>Switch load balancing: <c>E / (k T^2) * sum_e (sum_t p_te) * c_e</c>; 1 when balanced. Switch Transformers eq. 4; Megatron-LM <c>switch_load_balancing_loss_func</c>.</summary>
    /// <param name="scores">p [T, E]; rows of counted tokens sum to one.</param>
    /// <param name="load">c [E], integers: routes per expert, before drops. No gradient.</param>
    /// <param name="choices">k, positive.</param>
    /// <param name="padding">[T] or null.</param>
    /// <param name="total">T of the formula where scores and loads are sums over more than these tokens, zero or more (Megatron-LM <c>total_num_tokens</c>); null: the counted tokens.</param>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static Tensor switch_load_balancing(Tensor scores, Tensor load, int choices, Tensor? padding = null, int? total = null)
    {
        ArgumentNullException.ThrowIfNull(load);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(choices);
        ArgumentOutOfRangeException.ThrowIfNegative(total ?? 0, nameof(total));
        TensorGuard.Matrix(scores, load.numel(), nameof(scores));
        TensorGuard.Vector(padding, scores.shape[0], ScalarType.Bool, nameof(padding));
        using var scope = NewDisposeScope();
        var p_TE = Wide(scores);
        if (padding is not null) p_TE = p_TE.masked_fill(padding.unsqueeze(1), 0);
        var counted = total is { } t ? tensor(Math.Max(t, 1), dtype: p_TE.dtype, device: p_TE.device) : Counted(p_TE, padding);
        var sum = (p_TE.sum(0L) * load.to(p_TE.dtype)).sum();
        return (sum * ((double)load.numel() / choices) / counted.square()).MoveToOuterDisposeScope();
    }

    /// <summary>Load balancing over kept tokens only: <c>E / (k M^2) * sum_e (sum_t p_te) * c_e</c> with M = sum(c) / k, as FastMoE's Switch gate has it; below 1 when balanced only if p of dropped tokens is left out.</summary>
    /// <param name="scores">p [T, E].</param>
    /// <param name="load">c [E], integers: routes per expert, after drops. No gradient.</param>
    /// <param name="choices">k, positive.</param>
    /// <returns>The loss; 0 where nothing is kept.</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static Tensor kept_load_balancing(Tensor scores, Tensor load, int choices = 1)
    {
        ArgumentNullException.ThrowIfNull(load);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(choices);
        TensorGuard.Matrix(scores, load.numel(), nameof(scores));
        using var scope = NewDisposeScope();
        var p_TE = Wide(scores);
        var c_E = load.to(p_TE.dtype);
        var kept = c_E.sum().div(choices);
        return ((p_TE.sum(0L) * c_E).sum() * ((double)load.numel() / choices) / Dispatching.OneWhereZero(kept.square())).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Load balancing sequence by sequence: the mean over sequences of <c>E / k * sum_e f_e P_e</c>, f the share of the sequence's tokens that the expert was given and P the mean score; 1 when balanced.
    /// transformers Switch and NLLB, flaxformer, lucidrains, st-moe (k = 1 there, whatever the number of choices); OLMo-core's instance loss.
    /// </summary>
    /// <param name="scores">p [T, E].</param>
    /// <param name="map">[T, E] bool: which expert counts for which token. No gradient.</param>
    /// <param name="sequenceLength">Tokens per sequence, a divisor of T; 0: one sequence.</param>
    /// <param name="choices">k, positive.</param>
    /// <param name="padding">[T] or null; padded tokens count neither in f nor in P.</param>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static Tensor sequence_load_balancing(Tensor scores, Tensor map, int sequenceLength = 0, int choices = 1, Tensor? padding = null)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(choices);
        ArgumentOutOfRangeException.ThrowIfNegative(sequenceLength);
        TensorGuard.Matrix(scores, scores.shape[^1], nameof(scores));
        if (!map.shape.AsSpan().SequenceEqual(scores.shape)) throw new ArgumentException($"map has shape {TensorGuard.Shape(map)}; must be {TensorGuard.Shape(scores)}", nameof(map));
        TensorGuard.Vector(padding, scores.shape[0], ScalarType.Bool, nameof(padding));
        long tokens = scores.shape[0], experts = scores.shape[1], length = sequenceLength == 0 ? Math.Max(tokens, 1) : sequenceLength;
        if (tokens % length != 0) throw new ArgumentException($"sequenceLength = {sequenceLength}: must divide the tokens ({tokens})", nameof(sequenceLength));
        using var scope = NewDisposeScope();
        var p_TE = Wide(scores);
        var c_TE = map.to(p_TE.dtype);
        if (padding is not null) (p_TE, c_TE) = (p_TE.masked_fill(padding.unsqueeze(1), 0), c_TE.masked_fill(padding.unsqueeze(1), 0));
        if (tokens == 0) return p_TE.sum().MoveToOuterDisposeScope();
        var n_S1 = padding is null ? tensor((double)length, dtype: p_TE.dtype, device: p_TE.device) : padding.logical_not().view(-1, length).sum(1, true).clamp_min(1).to(p_TE.dtype);
        var f_SE = c_TE.view(-1, length, experts).sum(1).div(n_S1);
        var p_SE = p_TE.view(-1, length, experts).sum(1).div(n_S1);
        return (f_SE * p_SE).sum(1).mean().mul((double)experts / choices).MoveToOuterDisposeScope();
    }

    /// <summary>Load balancing as the transformers Mixtral family computes it: layers pooled on the token axis, the k choices not divided out; <b>k</b> when balanced.</summary>
    /// <param name="logits">One [T, E] per layer.</param>
    /// <param name="choices">k, 1..E.</param>
    /// <param name="padding">[T] of one layer (or [B, S]), used for every layer, or null.</param>
    /// <param name="ties">Which of equal probabilities count as chosen.</param>
    /// <exception cref="ArgumentException">There is no layer, or a shape or type is wrong.</exception>
    public static Tensor pooled_load_balancing(IReadOnlyList<Tensor> logits, int choices, Tensor? padding = null, TieRule ties = TieRule.LowestIndex)
    {
        ArgumentNullException.ThrowIfNull(logits);
        if (logits.Count == 0) throw new ArgumentException("logits is empty; must hold one tensor per layer", nameof(logits));
        using var scope = NewDisposeScope();
        var pooled_TE = logits.Count == 1 ? logits[0] : cat([.. logits], 0);
        var spec = new RouterSpec { Experts = checked((int)pooled_TE.shape[^1]), Select = new TopKSelection { K = choices }, Ties = ties }.Checked();
        var pooledPadding = padding?.flatten().repeat(logits.Count);
        var routing = SpecRouting.route(pooled_TE, spec, null, new GateContext { Padding = pooledPadding });
        return switch_load_balancing(routing.Scores!, routing.Load(), choices, pooledPadding).mul(choices).MoveToOuterDisposeScope();
    }

    /// <summary>Router z-loss: the mean over counted tokens of <c>logsumexp(l)^2</c> (ST-MoE eq. 5); 0 without counted tokens.</summary>
    /// <param name="logits">[T, E].</param>
    /// <param name="padding">[T] or null.</param>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static Tensor z_loss(Tensor logits, Tensor? padding = null)
    {
        ArgumentNullException.ThrowIfNull(logits);
        TensorGuard.Matrix(logits, logits.shape[^1], nameof(logits));
        TensorGuard.Vector(padding, logits.shape[0], ScalarType.Bool, nameof(padding));
        using var scope = NewDisposeScope();
        var z_T = Wide(logits).logsumexp(-1).square();
        if (padding is not null) z_T = z_T.masked_fill(padding, 0);
        return (z_T.sum() / Counted(z_T, padding)).MoveToOuterDisposeScope();
    }

    /// <summary>Importance loss: the squared coefficient of variation of the experts' summed weights (Shazeer et al. 2017); 0 when balanced.</summary>
    /// <param name="weights">[T, E], zero where not routed.</param>
    /// <param name="variance">Which variance.</param>
    /// <param name="padding">[T] or null.</param>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static Tensor importance(Tensor weights, VarianceKind variance = VarianceKind.Unbiased, Tensor? padding = null)
    {
        ArgumentNullException.ThrowIfNull(weights);
        TensorGuard.Matrix(weights, weights.shape[^1], nameof(weights));
        TensorGuard.Vector(padding, weights.shape[0], ScalarType.Bool, nameof(padding));
        using var scope = NewDisposeScope();
        var w_TE = Wide(weights);
        if (padding is not null) w_TE = w_TE.masked_fill(padding.unsqueeze(1), 0);
        return squared_variation(w_TE.sum(0L), variance).MoveToOuterDisposeScope();
    }

    /// <summary>Load loss: the squared coefficient of variation of the experts' loads, or of a smooth estimate of them; 0 when balanced.</summary>
    /// <param name="load">[E].</param>
    /// <param name="variance">Which variance.</param>
    public static Tensor load(Tensor load, VarianceKind variance = VarianceKind.Unbiased)
    {
        ArgumentNullException.ThrowIfNull(load);
        using var scope = NewDisposeScope();
        return squared_variation(load.is_floating_point() ? load : load.to(ScalarType.Float32), variance).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// A smooth load: for each expert the expected number of tokens that would still choose it if its noise were drawn again, <c>sum_t Phi((clean_te - threshold_te) / std)</c>. The threshold is the k-th best of the
    /// other experts' noisy logits (Shazeer et al. 2017, appendix A).
    /// </summary>
    /// <param name="clean">Logits without noise, [T, E].</param>
    /// <param name="noisy">Logits with noise, [T, E].</param>
    /// <param name="std">Standard deviations, broadcast to [T, E].</param>
    /// <param name="choices">k, 1..E; with k = E every expert is always chosen, and the load is T.</param>
    /// <param name="thresholds">[T, E] whose k-th and next best are the thresholds; null: the noisy logits. davidmrau's port takes softmaxed ones, a defect.</param>
    /// <param name="compared">[T, E]: an expert counts as chosen where this is above the next best threshold; null: the noisy logits. LLaMA-MoE compares the noise alone, a defect.</param>
    /// <returns>[E].</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static Tensor smooth_load(Tensor clean, Tensor noisy, Tensor std, int choices, Tensor? thresholds = null, Tensor? compared = null)
    {
        ArgumentNullException.ThrowIfNull(std);
        TensorGuard.Matrix(clean, clean.shape[^1], nameof(clean));
        foreach (var (other, name) in new[] { (noisy, nameof(noisy)), (thresholds ?? noisy, nameof(thresholds)), (compared ?? noisy, nameof(compared)) })
        {
            TensorGuard.Matrix(other, clean.shape[1], name);
            if (other.shape[0] != clean.shape[0]) throw new ArgumentException($"{name} has shape {TensorGuard.Shape(other)}; must be {TensorGuard.Shape(clean)}", name);
        }

        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(choices);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(choices, clean.shape[1]);
        using var scope = NewDisposeScope();
        if (choices == clean.shape[1]) return ones_like(Wide(clean)).sum(0L).MoveToOuterDisposeScope();
        var top_TK = Selection.TopK(thresholds ?? noisy, choices + 1, TieRule.LowestIndex).Values;
        var (into_T1, outof_T1) = (top_TK.narrow(1, choices, 1), top_TK.narrow(1, choices - 1, 1));
        var inside_TE = (compared ?? noisy).gt(into_T1);
        return normal_cdf(clean.sub(where(inside_TE, into_T1, outof_T1)).div(std)).sum(0L).MoveToOuterDisposeScope();
    }

    /// <summary>A smooth load against one threshold per token: <c>sum_t Phi((values_te - threshold_t) / std)</c>. V-MoE takes the k-th noisy logit and clean logits; Tutel the k-th noisy logit and probabilities, a defect.</summary>
    /// <param name="values">[T, E].</param>
    /// <param name="threshold">[T, 1].</param>
    /// <param name="std">Standard deviation of the noise, positive.</param>
    /// <returns>[E].</returns>
    /// <exception cref="ArgumentException">A shape is wrong, or the deviation is not positive.</exception>
    public static Tensor threshold_load(Tensor values, Tensor threshold, double std)
    {
        ArgumentNullException.ThrowIfNull(threshold);
        TensorGuard.Matrix(values, values.shape[^1], nameof(values));
        if (!(std > 0)) throw new ArgumentOutOfRangeException(nameof(std), std, "must be positive");
        if (threshold.dim() != 2 || threshold.shape[0] != values.shape[0] || threshold.shape[1] != 1)
            throw new ArgumentException($"threshold has shape {TensorGuard.Shape(threshold)}; must be [{values.shape[0]}, 1]", nameof(threshold));
        using var scope = NewDisposeScope();
        return normal_cdf(Wide(values).sub(threshold).div(std)).sum(0L).MoveToOuterDisposeScope();
    }

    /// <summary>Tutel's load-importance loss: half the sum of the squared variations of importance and smooth load.</summary>
    /// <param name="scores">p without noise, [T, E].</param>
    /// <param name="noisy">Noisy logits, [T, E].</param>
    /// <param name="experts">[T, K] int64, the choice by noisy logits, best first.</param>
    /// <param name="noise"><c>gate_noise</c>, positive; the noise has standard deviation noise / E.</param>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    /// <remarks>Tutel <c>tutel/impls/losses.py</c> load_importance_loss: probabilities are compared with a threshold of logits.</remarks>
    public static Tensor tutel_load_importance(Tensor scores, Tensor noisy, Tensor experts, double noise)
    {
        ArgumentNullException.ThrowIfNull(experts);
        TensorGuard.Matrix(noisy, scores.shape[^1], nameof(noisy));
        if (experts.dim() != 2 || experts.shape[0] != noisy.shape[0] || experts.shape[1] == 0)
            throw new ArgumentException($"experts has shape {TensorGuard.Shape(experts)}; must be [{noisy.shape[0]}, K]", nameof(experts));
        using var scope = NewDisposeScope();
        var threshold_T1 = noisy.gather(1, experts.narrow(1, experts.shape[1] - 1, 1));
        var load_E = threshold_load(scores, threshold_T1, noise / scores.shape[1]);
        return importance(scores).add(squared_variation(load_E, VarianceKind.Unbiased)).div(2).MoveToOuterDisposeScope();
    }

    /// <summary>The loss of expert choice in Mesh TensorFlow, as <see cref="RouterLosses.ExpertChoice"/>; 1 when every token is equally likely to be taken.</summary>
    /// <param name="scores">[T, E]: softmaxes over the tokens of a sequence.</param>
    /// <param name="sequenceLength">Tokens per sequence, a divisor of T; 0: one sequence.</param>
    /// <param name="padding">[T] or null.</param>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static Tensor expert_choice(Tensor scores, int sequenceLength = 0, Tensor? padding = null)
    {
        ArgumentNullException.ThrowIfNull(scores);
        TensorGuard.Matrix(scores, scores.shape[^1], nameof(scores));
        TensorGuard.Vector(padding, scores.shape[0], ScalarType.Bool, nameof(padding));
        ArgumentOutOfRangeException.ThrowIfNegative(sequenceLength);
        long tokens = scores.shape[0], length = sequenceLength == 0 ? Math.Max(tokens, 1) : sequenceLength;
        if (tokens % length != 0) throw new ArgumentException($"sequenceLength = {sequenceLength}: must divide the tokens ({tokens})", nameof(sequenceLength));
        using var scope = NewDisposeScope();
        var q_T = Wide(scores).mean([1]);
        if (tokens == 0) return q_T.sum().MoveToOuterDisposeScope();
        if (padding is not null) q_T = q_T.masked_fill(padding, 0);
        var n_S = padding is null ? tensor((double)length, dtype: q_T.dtype, device: q_T.device) : padding.logical_not().view(-1, length).sum(1).to(q_T.dtype);
        return q_T.square().view(-1, length).sum(1).mul(n_S).mean().MoveToOuterDisposeScope();
    }

    /// <summary>Rows divided by their sums, as <see cref="RouterLosses.NormalizedRows"/>.</summary>
    /// <param name="scores">[T, E], not negative.</param>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static Tensor normalized_rows(Tensor scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        TensorGuard.Matrix(scores, scores.shape[^1], nameof(scores));
        using var scope = NewDisposeScope();
        var wide_TE = Wide(scores);
        return (wide_TE / Dispatching.OneWhereZero(wide_TE.sum(-1, keepdim: true))).MoveToOuterDisposeScope();
    }

    /// <summary>SAM's alignment loss, as <see cref="RouterLosses.Alignment"/>; 0 when the choice by groups is the choice among all.</summary>
    /// <param name="scores">p [T, E].</param>
    /// <param name="routing">The choice.</param>
    /// <exception cref="ArgumentException">The sizes differ.</exception>
    public static Tensor alignment(Tensor scores, RoutingTensors routing)
    {
        ArgumentNullException.ThrowIfNull(routing);
        TensorGuard.Matrix(scores, routing.ExpertCount, nameof(scores));
        if (scores.shape[0] != routing.TokenCount) throw new ArgumentException($"scores has {scores.shape[0]} tokens; must have {routing.TokenCount}", nameof(scores));
        using var scope = NewDisposeScope();
        var p_TE = Wide(scores);
        if (routing.TokenCount == 0) return p_TE.sum().MoveToOuterDisposeScope();
        var chosen_TE = routing.ToMap(kept: false);
        var least_T1 = p_TE.masked_fill(chosen_TE.logical_not(), double.PositiveInfinity).amin([1], keepdim: true);
        // A token without an expert has no least probability.
        least_T1 = least_T1.masked_fill(least_T1.isposinf(), 1e30);
        return nn.functional.relu(p_TE.sub(least_T1)).masked_fill(chosen_TE, 0).sum(1).mean().MoveToOuterDisposeScope();
    }

    /// <summary>The share of (token, expert) pairs without a route, as <see cref="RouterLosses.Sparsity"/>; no gradient.</summary>
    /// <param name="routing">A routing.</param>
    public static Tensor sparsity(RoutingTensors routing)
    {
        ArgumentNullException.ThrowIfNull(routing);
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return routing.ToMap().to(ScalarType.Float32).mean().neg().add(1).MoveToOuterDisposeScope();
    }

    /// <summary>The mean entropy of the tokens' scores, in nats, as <see cref="RouterLosses.TokenEntropy"/>.</summary>
    /// <param name="scores">p [T, E], rows that sum to one.</param>
    /// <param name="padding">[T] or null.</param>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static Tensor token_entropy(Tensor scores, Tensor? padding = null)
    {
        ArgumentNullException.ThrowIfNull(scores);
        TensorGuard.Matrix(scores, scores.shape[^1], nameof(scores));
        TensorGuard.Vector(padding, scores.shape[0], ScalarType.Bool, nameof(padding));
        using var scope = NewDisposeScope();
        var h_T = Entropies(Wide(scores)).sum(1);
        if (padding is not null) h_T = h_T.masked_fill(padding, 0);
        return (h_T.sum() / Counted(h_T, padding)).MoveToOuterDisposeScope();
    }

    /// <summary>The entropy of the mean score, in nats, as <see cref="RouterLosses.BatchEntropy"/>.</summary>
    /// <param name="scores">p [T, E], rows that sum to one.</param>
    /// <param name="padding">[T] or null.</param>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static Tensor batch_entropy(Tensor scores, Tensor? padding = null)
    {
        ArgumentNullException.ThrowIfNull(scores);
        TensorGuard.Matrix(scores, scores.shape[^1], nameof(scores));
        TensorGuard.Vector(padding, scores.shape[0], ScalarType.Bool, nameof(padding));
        using var scope = NewDisposeScope();
        var p_TE = Wide(scores);
        if (padding is not null) p_TE = p_TE.masked_fill(padding.unsqueeze(1), 0);
        return Entropies(p_TE.sum(0L) / Counted(p_TE, padding)).sum().MoveToOuterDisposeScope();
    }

    // -p ln p, with 0 and a finite gradient at 0.
    private static Tensor Entropies(Tensor p) => p.mul(p.clamp_min(1e-30).log()).neg();

    /// <summary>The importance of each expert: the sum of its weights over the tokens.</summary>
    /// <param name="weights">[T, E].</param>
    /// <returns>[E].</returns>
    public static Tensor expert_weights(Tensor weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        TensorGuard.Matrix(weights, weights.shape[^1], nameof(weights));
        return weights.sum(0L);
    }

    /// <summary>The sum of losses.</summary>
    /// <param name="losses">Scalars, at least one.</param>
    public static Tensor total(params Tensor[] losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        if (losses.Length == 0) throw new ArgumentException("losses is empty; must hold one", nameof(losses));
        using var scope = NewDisposeScope();
        return losses.Skip(1).Aggregate(losses[0].alias(), static (sum, loss) => sum.add(loss.to(sum.device))).MoveToOuterDisposeScope();
    }

    private static Tensor normal_cdf(Tensor x) => x.div(Math.Sqrt(2)).erf().add(1).div(2);

    /// <summary>(standard deviation / mean)^2, as <see cref="RouterLosses.SquaredVariation"/>.</summary>
    /// <param name="values">[E], floating.</param>
    /// <param name="variance">Which variance.</param>
    public static Tensor squared_variation(Tensor values, VarianceKind variance)
    {
        ArgumentNullException.ThrowIfNull(values);
        using var scope = NewDisposeScope();
        var v_E = Wide(values);
        if (v_E.numel() <= 1) return v_E.mul(0).sum().MoveToOuterDisposeScope();
        bool unbiased = variance == VarianceKind.Unbiased;
        var square = v_E.mean().square();
        var below = unbiased ? square.add(1e-10) : Dispatching.OneWhereZero(square);
        // Tensor.var(unbiased: false) gives the unbiased variance in TorchSharp 0.107.
        var deviations = v_E.sub(v_E.mean()).square().sum().div(v_E.numel() - (unbiased ? 1 : 0));
        return (deviations / below).MoveToOuterDisposeScope();
    }

    /// <summary>Scores that sum to one: softmax, or another score function divided by its sum over all experts + 1e-20 (Megatron-LM).</summary>
    /// <param name="logits">[T, E].</param>
    /// <param name="function">The score function; the identity is refused, since its sum can be zero.</param>
    /// <exception cref="ArgumentException">The function is the identity, or a shape is wrong.</exception>
    public static Tensor normalized_scores(Tensor logits, ScoreFunction function)
    {
        ArgumentNullException.ThrowIfNull(logits);
        TensorGuard.Matrix(logits, logits.shape[^1], nameof(logits));
        if (function == ScoreFunction.Identity) throw new ArgumentException("function is Identity; raw logits cannot be normalised", nameof(function));
        using var scope = NewDisposeScope();
        var scores_TE = SpecRouting.Score(function, Wide(logits));
        if (function != ScoreFunction.Softmax) scores_TE = scores_TE / scores_TE.sum(-1, keepdim: true).add(1e-20);
        return scores_TE.MoveToOuterDisposeScope();
    }

    /// <summary>
    /// What Megatron-LM feeds its load-balancing loss: normalised scores, and the top-k of them without selection bias or groups; rows of padded tokens are zero and false.
    /// </summary>
    /// <param name="logits">[T, E].</param>
    /// <param name="choices">k, 1..E.</param>
    /// <param name="function">The score function.</param>
    /// <param name="padding">[T] or null.</param>
    /// <returns>Scores [T, E] and map [T, E] bool.</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static (Tensor Scores, Tensor Map) auxiliary_routing(Tensor logits, int choices, ScoreFunction function, Tensor? padding = null)
    {
        using var scope = NewDisposeScope();
        var scores_TE = normalized_scores(logits, function);
        var spec = new RouterSpec { Experts = checked((int)logits.shape[^1]), Select = new TopKSelection { K = choices }, Score = new ScoreSpec { Function = ScoreFunction.Identity } }.Checked();
        Tensor map_TE;
        using (no_grad()) map_TE = SpecRouting.route(scores_TE.detach(), spec, null, new GateContext { Padding = padding }).ToMap();
        if (padding is not null) scores_TE = scores_TE.masked_fill(padding.unsqueeze(1), 0);
        return (scores_TE.MoveToOuterDisposeScope(), map_TE.MoveToOuterDisposeScope());
    }

    private static Tensor Wide(Tensor tensor) =>
        tensor.dtype == ScalarType.Float64 ? tensor.alias() : tensor.to(ScalarType.Float32);

    // Never zero: a batch without counted tokens has the loss zero.
    private static Tensor Counted(Tensor like, Tensor? padding) => padding is null
        ? tensor(Math.Max(like.shape[0], 1), dtype: like.dtype, device: like.device)
        : padding.logical_not().sum().clamp_min(1).to(like.dtype);
}
