using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>The functional form of a gate: logits and a spec in, a routing out. Differentiable in the logits; the choice itself carries no gradient.</summary>
public static class SpecRouting
{
    /// <summary>Routes a batch by its logits.</summary>
    /// <param name="logits">[T, E] of any floating type; scores are taken in single precision (double for double). -infinity is allowed as long as one logit of the token is finite.</param>
    /// <param name="spec">The router; of one with schedules, that of <see cref="GateContext.Step"/> is taken.</param>
    /// <param name="selectionBias">[E] where the spec uses one, otherwise null.</param>
    /// <param name="context">Masks, replay, noise.</param>
    /// <param name="training">Training rather than evaluation: for noise, second-expert policies and the capacity factor.</param>
    /// <returns>The routing; its tensors belong to the caller.</returns>
    /// <exception cref="InvalidOperationException">The spec draws numbers, and the context has no noise source.</exception>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <exception cref="ArgumentException">A shape or type is wrong; or, on the CPU, a logit of an unpadded token is NaN or +infinity, or all of them are -infinity.</exception>
    public static RoutingTensors route(Tensor logits, RouterSpec spec, Tensor? selectionBias = null, GateContext? context = null, bool training = false)
    {
        ArgumentNullException.ThrowIfNull(spec);
        context ??= GateContext.Empty;
        spec = spec.Checked().At(context.Step);
        Check(logits, spec, selectionBias, context);
        using var scope = NewDisposeScope();

        var noisy_TE = Noisy(logits, spec, context, training);
        bool noisyChoice = noisy_TE is not null && spec.Noise!.Use != NoiseUse.Scores;
        var wide_TE = Widen(noisyChoice ? logits : noisy_TE ?? logits, spec, context);
        bool first = spec.Score.Stage == ScoreStage.BeforeSelection;
        var scores_TE = spec.Select is PrototypeSelection blocks ? InBlocks(spec.Score, wide_TE, blocks.Count) : first ? Scored(spec.Score, wide_TE) : wide_TE;
        if (spec.Select is ExpertChoiceSelection { OverTokens: true } && context.GivenExperts is not null) scores_TE = OverTokens(wide_TE, spec, context);
        // Padded tokens score zero, in the routing and in its losses.
        if (context.Padding is { } padded) scores_TE = scores_TE.masked_fill(padded.unsqueeze(1), 0);
        if (spec.Select is ExpertChoiceSelection && context.GivenExperts is null)
            return ByExperts(logits, wide_TE, scores_TE, spec, context, training).MoveToOuterDisposeScope();

        if (spec.Select is SparseMixerSelection mixer) return Mixed(logits, wide_TE, scores_TE, mixer, spec, context, training).MoveToOuterDisposeScope();
        Tensor experts_TK;
        using (no_grad())
            experts_TK = context.GivenExperts ?? (BatchBalances.Balanced(wide_TE.detach(), spec, context, training) is { } balanced_TE
                ? Selection.ChooseBy(balanced_TE, spec, context.ClosedExperts)
                : spec.Select is RaceSelection race
                ? Selection.Race(scores_TE.detach(), Dispatching.SequenceOf(logits.shape[0], spec.Dispatch, context.SequenceLength), race.PerToken, spec.Ties, context.ClosedExperts, context.Padding)
                : noisyChoice
                ? Selection.ChooseNoisy(scores_TE.detach(), noisy_TE!.detach(), spec, context.ClosedExperts)
                : Selection.Choose(scores_TE.detach(), spec, selectionBias, context.ClosedExperts));
        experts_TK = WithoutPadding(experts_TK, context.Padding, spec.Dispatch.PaddingTakesPlaces);
        bool partial = context.Padding is not null || context.ClosedExperts is not null || context.GivenExperts is not null || spec.Select is TopPSelection or ThresholdSelection or ExpertChoiceSelection or PrototypeSelection or RaceSelection;
        var weights_TK = Weigh(spec.Weigh.BiasedWeights ? scores_TE + selectionBias!.to(scores_TE.dtype) : scores_TE, experts_TK, spec, partial, context.ClosedExperts);
        if (spec.Dispatch.PaddingTakesPlaces && context.Padding is { } weightless) weights_TK = weights_TK.masked_fill(weightless.unsqueeze(1), 0);
        if (spec.Select is ExpertChoiceSelection { DividesByCount: true }) weights_TK = weights_TK / experts_TK.ge(0).sum(1, keepdim: true).clamp_min(1).to(weights_TK.dtype);
        var later = context.GivenExperts is null && spec.Select is TopKSelection { K: > 1, Later: { } rule } && (training || rule.InEvaluation) ? rule : null;
        if (later is { AfterCapacity: false })
        {
            using (no_grad())
                experts_TK = experts_TK.masked_fill(LaterRules.Routed(later, scores_TE, experts_TK, weights_TK, context).logical_not(), -1);
            weights_TK = weights_TK.masked_fill(experts_TK.lt(0), 0);
            partial = true;
        }

        var routing = Dispatching.Settle(logits, scores_TE, experts_TK, weights_TK, spec, new DispatchCall(partial, training, later is { AfterCapacity: true } ? later : null, context));
        if (noisy_TE is not null)
        {
            var clean_TE = logits.dtype == ScalarType.Float64 ? logits.alias() : logits.to(ScalarType.Float32);
            routing.With(new NoisyLogits(clean_TE, noisy_TE, noisy_TE.detach().sub(clean_TE.detach()), tensor(spec.Noise!.ScaleOf(spec.Experts), dtype: noisy_TE.dtype, device: noisy_TE.device)));
        }

        return routing.MoveToOuterDisposeScope();
    }

    /// <summary>A score function over the last dimension.</summary>
    /// <param name="function">The function.</param>
    /// <param name="logits">Any shape, single or double precision.</param>
    public static Tensor Score(ScoreFunction function, Tensor logits)
    {
        ArgumentNullException.ThrowIfNull(logits);
        switch (function)
        {
            case ScoreFunction.Softmax: return logits.softmax(-1);
            case ScoreFunction.Sigmoid: return logits.sigmoid();
            case ScoreFunction.SqrtSoftplus:
                using (var softplus = nn.functional.softplus(logits)) return softplus.sqrt();
            case ScoreFunction.Identity: return logits.alias();
            case ScoreFunction.Relu: return nn.functional.relu(logits);
            default: throw new ArgumentOutOfRangeException(nameof(function), function, "must be a defined score function");
        }
    }

    // A block whose experts are all closed scores zero instead of NaN.
    private static Tensor InBlocks(ScoreSpec score, Tensor wide_TE, int blocks)
    {
        var wide_TBS = wide_TE.view(wide_TE.shape[0], blocks, wide_TE.shape[1] / blocks);
        var none_TB1 = wide_TBS.isneginf().all(-1, keepdim: true);
        return Scored(score, wide_TBS.masked_fill(none_TB1, 0)).masked_fill(none_TB1, 0).view(wide_TE.shape);
    }

    private static Tensor Scored(ScoreSpec score, Tensor logits)
    {
        var scores = Score(score.Function, logits);
        return score.Offset == 0 ? scores : scores.add(score.Offset);
    }

    private static RoutingTensors Mixed(Tensor logits, Tensor wide_TE, Tensor scores_TE, SparseMixerSelection mixer, RouterSpec spec, GateContext context, bool training)
    {
        var (experts_TK, weights_TK) = SparseMixing.Route(wide_TE, mixer, context, training);
        if (context.Padding is { } padding)
        {
            experts_TK = WithoutPadding(experts_TK, padding, spec.Dispatch.PaddingTakesPlaces);
            weights_TK = weights_TK.masked_fill(padding.unsqueeze(1), 0);
        }

        if (spec.Weigh.WeightlessExperts is > 0 and var weightless) weights_TK = weights_TK.masked_fill(experts_TK.ge(spec.Experts - weightless), 0);
        if (spec.Weigh.Scale != 1) weights_TK = weights_TK.mul(spec.Weigh.Scale);
        return Dispatching.Settle(logits, scores_TE, experts_TK, weights_TK, spec, new DispatchCall(true, training, null, context));
    }

    private static Tensor OverTokens(Tensor wide_TE, RouterSpec spec, GateContext context)
    {
        if (wide_TE.shape[0] == 0) return wide_TE;
        long length = Dispatching.SequenceOf(wide_TE.shape[0], spec.Dispatch, context.SequenceLength);
        if (context.Padding is { } padding) wide_TE = wide_TE.masked_fill(padding.unsqueeze(1), -1e30);
        return wide_TE.clamp_min(-1e30).view(-1, length, spec.Experts).softmax(1).view(wide_TE.shape);
    }

    private static RoutingTensors ByExperts(Tensor logits, Tensor wide_TE, Tensor scores_TE, RouterSpec spec, GateContext context, bool training)
    {
        Tensor experts_TE, positions_TE, kept_TE;
        long length = Dispatching.SequenceOf(scores_TE.shape[0], spec.Dispatch, context.SequenceLength);
        var rule = (ExpertChoiceSelection)spec.Select;
        if (rule.OverTokens && logits.shape[0] > 0)
        {
            scores_TE = OverTokens(wide_TE, spec, context);
            if (context.Padding is { } padded) scores_TE = scores_TE.masked_fill(padded.unsqueeze(1), 0);
        }

        int capacity = spec.Dispatch.Capacity!.Of((int)length, spec.Experts, 1, training);
        using (no_grad())
        {
            positions_TE = Selection.ByExperts(scores_TE.detach(), length, capacity, spec.Ties, context.ClosedExperts, context.Padding);
            kept_TE = positions_TE.ge(0);
            experts_TE = arange(spec.Experts, dtype: ScalarType.Int64, device: logits.device).unsqueeze(0).expand(positions_TE.shape).masked_fill(kept_TE.logical_not(), -1);
        }

        var weights_TE = Weigh(scores_TE, experts_TE, spec, partial: true, context.ClosedExperts);
        if (rule.DividesByCount) weights_TE = weights_TE / kept_TE.sum(1, keepdim: true).clamp_min(1).to(weights_TE.dtype);
        if (spec.Dispatch.RenormalizeAfterDrop) weights_TE = weights_TE / Dispatching.Floored(weights_TE.sum(-1, keepdim: true), spec.Dispatch.RenormalizeFloor);
        return new RoutingTensors(spec.Experts, logits.alias(), scores_TE.alias(), experts_TE, weights_TE.alias(), kept_TE, positions_TE, capacity, spec, context.SequenceLength);
    }

    private static void Check(Tensor logits, RouterSpec spec, Tensor? selectionBias, GateContext context)
    {
        TensorGuard.Matrix(logits, spec.Experts, nameof(logits));
        if (selectionBias is null == spec.UsesSelectionBias)
            throw new ArgumentException($"selectionBias is {(selectionBias is null ? "null" : "given")}; must be {(spec.UsesSelectionBias ? "given" : "null")} for this spec", nameof(selectionBias));
        if (selectionBias is not null && (selectionBias.dim() != 1 || selectionBias.shape[0] != spec.Experts))
            throw new ArgumentException($"selectionBias has shape {TensorGuard.Shape(selectionBias)}; must be [{spec.Experts}]", nameof(selectionBias));
        TensorGuard.Vector(context.Padding, logits.shape[0], ScalarType.Bool, "padding");
        TensorGuard.Vector(context.ClosedExperts, spec.Experts, ScalarType.Bool, "closedExperts");
        if (context.GivenExperts is { } given && (given.dim() != 2 || given.shape[0] != logits.shape[0] || given.shape[1] != spec.TopK || given.dtype != ScalarType.Int64))
            throw new ArgumentException($"givenExperts is {given.dtype} {TensorGuard.Shape(given)}; must be Int64 [{logits.shape[0]}, {spec.TopK}]", "givenExperts");
        if (context.GivenExperts is { } ids) IdCheck.Given(ids, spec.Experts, context);
        LogitCheck.Throw(logits, context);
    }

    // Noise is drawn in the logits' own type where that is double, otherwise in single precision, and added before anything else.
    private static Tensor? Noisy(Tensor logits, RouterSpec spec, GateContext context, bool training)
    {
        if (spec.Noise is not { } noise || (!training && noise.TrainingOnly)) return null;
        var wide_TE = logits.dtype == ScalarType.Float64 ? logits : logits.to(ScalarType.Float32);
        var n_TE = NoiseDraw.Of(context, NoiseNames.Logits, noise.Kind, logits.shape, wide_TE);
        if (noise.Kind == NoiseKind.Uniform) n_TE = n_TE.mul(2).sub(1);
        double scale = noise.ScaleOf(spec.Experts);
        if (scale != 1) n_TE = n_TE.mul(scale);
        if (noise.Shift != 0) n_TE = n_TE.add(noise.Shift);
        return noise.Multiplies ? wide_TE.mul(n_TE) : wide_TE.add(n_TE);
    }

    // Single precision at least; padded rows cannot carry NaN into the gradients of the others; closed experts score as -infinity does.
    private static Tensor Widen(Tensor logits, RouterSpec spec, GateContext context)
    {
        var wide_TE = logits.dtype == ScalarType.Float64 ? logits : logits.to(ScalarType.Float32);
        if (spec.Score.Temperature != 1) wide_TE = wide_TE.div(spec.Score.Temperature);
        if (context.Padding is { } padding) wide_TE = wide_TE.masked_fill(padding.unsqueeze(1), 0);
        if (context.ClosedExperts is { } closed) wide_TE = wide_TE.masked_fill(closed.unsqueeze(0), double.NegativeInfinity);
        return wide_TE;
    }

    private static Tensor WithoutPadding(Tensor experts_TK, Tensor? padding, bool takesPlaces)
    {
        if (padding is null) return experts_TK;
        if (!takesPlaces) return experts_TK.masked_fill(padding.unsqueeze(1), -1);
        return where(padding.unsqueeze(1), arange(experts_TK.shape[1], dtype: ScalarType.Int64, device: experts_TK.device).unsqueeze(0), experts_TK);
    }

    private static Tensor Weigh(Tensor scores_TE, Tensor experts_TK, RouterSpec spec, bool partial, Tensor? closed)
    {
        var none_TK = partial ? experts_TK.lt(0) : null;
        var values_TE = spec.Weigh.SoftTopK is { } soft ? SoftTopK.coordinate_descent(scores_TE, Math.Min(spec.TopK * soft.Ratio, spec.Experts), soft, closed is null ? null : closed.logical_not().unsqueeze(0).expand(scores_TE.shape)) : scores_TE;
        var weights_TK = values_TE.gather(1, none_TK is null ? experts_TK : experts_TK.clamp_min(0));
        if (spec.Score.Stage == ScoreStage.AfterSelection && spec.Weigh.SoftTopK is null)
        {
            // A finite floor: a token without any expert must not make NaN, not even in the backward pass.
            if (none_TK is not null) weights_TK = weights_TK.masked_fill(none_TK, -1e30);
            weights_TK = Scored(spec.Score, weights_TK);
        }

        if (none_TK is not null) weights_TK = weights_TK.masked_fill(none_TK, 0);
        if (spec.Weigh.WeightlessExperts is > 0 and var weightless) weights_TK = weights_TK.masked_fill(experts_TK.ge(spec.Experts - weightless), 0);
        weights_TK = Normalize(spec.Weigh, weights_TK);
        return spec.Weigh.Scale == 1 ? weights_TK : weights_TK.mul(spec.Weigh.Scale);
    }

    private static Tensor Normalize(WeighSpec weigh, Tensor weights_TK)
    {
        if (weigh.Normalization == WeightNormalization.None || (weights_TK.shape[1] == 1 && !weigh.NormalizeSingle)) return weights_TK;
        var norm_T1 = weigh.Normalization == WeightNormalization.Sum
            ? weights_TK.sum(-1, keepdim: true)
            : weights_TK.abs().pow(weigh.P).sum(-1, keepdim: true).pow(1 / weigh.P);
        if (weigh.Epsilon > 0)
            norm_T1 = weigh.EpsilonRule == EpsilonRule.Add ? norm_T1.add(weigh.Epsilon) : norm_T1.clamp_min(weigh.Epsilon);
        return weights_TK / Dispatching.OneWhereZero(norm_T1);
    }
}
