namespace MoE.Onnx;

/// <summary>The four stages of a gate in standard operators, as <see cref="ReferenceRouter"/> defines them.</summary>
internal sealed class RouterGraph
{
    private static readonly OnnxAttribute LastAxis = OnnxAttribute.Int("axis", -1);

    private readonly GraphScope _g;
    private readonly RouterSpec _spec;

    private RouterGraph(GraphScope g, RouterSpec spec)
    {
        _g = g.Under("router/");
        _spec = spec;
    }

    private bool ScoresFirst => _spec.Score.Stage == ScoreStage.BeforeSelection;

    /// <summary>Reasons why no ONNX graph of ours expresses a router.</summary>
    public static IEnumerable<SpecProblem> Refusals(RouterSpec spec, string prefix)
    {
        if (spec.Dispatch.Capacity is { } capacity)
            yield return new SpecProblem(prefix + "dispatch.capacity", capacity.ToString(), "capacities are not exported; serve the layer dropless");
        if (spec.Noise is { TrainingOnly: false })
            yield return new SpecProblem(prefix + "noise", spec.Noise.ToString(), "noise in evaluation is not exported; a graph draws no numbers");
        if (spec.Select is TopKSelection { Later: { InEvaluation: true } later })
            yield return new SpecProblem(prefix + "select.later", later.ToString(), "a rule for later choices is not exported; set in_evaluation to false or take it off");
        if (spec.Select is not (TopKSelection or AllSelection))
            yield return new SpecProblem(prefix + "select", spec.Select.GetType().Name, "is not exported; a graph has the same number of choices for every token");
        if (spec.Score.Offset != 0)
            yield return new SpecProblem(prefix + "score.offset", spec.Score.Offset.ToString(System.Globalization.CultureInfo.InvariantCulture), "an offset of the scores is not exported");
        if (spec.Weigh.BiasedWeights)
            yield return new SpecProblem(prefix + "weigh.biased_weights", "true", "is not exported");
        if (spec.Weigh.WeightlessExperts > 0 || spec.Weigh.SoftTopK is not null)
            yield return new SpecProblem(prefix + "weigh", spec.Weigh.ToString(), "weightless experts and soft top-k are not exported");
        if (spec.Schedules is not null)
            yield return new SpecProblem(prefix + "schedules", "given", "a graph has no training step; export RouterSpec.At(step)");
    }

    /// <summary>The logits [T, E], already divided by the temperature.</summary>
    public static string Logits(GraphScope g, RouterSpec spec, LayerTensors tensors, string tokens)
    {
        g = g.Under("router/");
        string weight = g.Weight(tensors.Whole(WeightNames.Router));
        string product = spec.Score.Temperature == 1 ? "logits" : "product";
        string logits = tensors.Has(WeightNames.RouterBias)
            ? g.Op("Gemm", product, [tokens, weight, g.Weight(tensors.Whole(WeightNames.RouterBias))], OnnxAttribute.Int("transB", 1))
            : g.Op("Gemm", product, [tokens, weight], OnnxAttribute.Int("transB", 1));
        return spec.Score.Temperature == 1 ? logits : g.Op("Div", "logits", [logits, g.Scalar((float)spec.Score.Temperature)]);
    }

    /// <summary>Experts and weights from logits.</summary>
    public static RouterValues Write(GraphScope g, RouterSpec spec, LayerTensors tensors, string logits)
    {
        var router = new RouterGraph(g, spec);
        string scores = router.ScoresFirst ? router.Score(logits, "scores") : logits;
        var (experts, chosen) = spec.Select is TopKSelection select
            ? router.Choose(select, scores, tensors)
            : router.TakeAll(scores);
        if (!router.ScoresFirst) chosen = router.Score(chosen, "chosen_scores");
        string unscaled = router.Normalize(chosen);
        string weights = spec.Weigh.Scale == 1 ? unscaled : router._g.Op("Mul", "scaled", [unscaled, g.Scalar((float)spec.Weigh.Scale)]);
        return new RouterValues(
            g.Op("Identity", OnnxNames.Experts, [experts]),
            g.Op("Identity", OnnxNames.Weights, [weights]),
            unscaled);
    }

    private string Score(string logits, string name)
    {
        switch (_spec.Score.Function)
        {
            case ScoreFunction.Softmax:
                return _g.Op("Softmax", name, [logits], LastAxis);
            case ScoreFunction.Sigmoid:
                // Not Sigmoid: ONNX Runtime's is exact to 1e-8 absolutely, not relatively (2e-4 off at -10, zero at -18), and weights divided by their sum need the latter.
                string power = _g.Op("Exp", name + "_exp", [_g.Op("Neg", name + "_neg", [logits])]);
                return _g.Op("Reciprocal", name, [_g.Op("Add", name + "_inverse", [power, _g.Scalar(1f)])]);
            case ScoreFunction.SqrtSoftplus:
                return _g.Op("Sqrt", name, [_g.Op("Softplus", name + "_softplus", [logits])]);
            case ScoreFunction.Relu:
                return _g.Op("Relu", name, [logits]);
            default:
                return logits;
        }
    }

    private (string Experts, string Scores) TakeAll(string scores)
    {
        string all = _g.Constant("all experts", name => OnnxTensor.Create<long>(name, Iota(_spec.Experts), 1, _spec.Experts));
        return (_g.Op("Expand", "experts", [all, _g.Op("Shape", "scores_shape", [scores])]), scores);
    }

    private (string Experts, string Scores) Choose(TopKSelection select, string scores, LayerTensors tensors)
    {
        string choice = scores;
        if (select.UsesBias) choice = _g.Op("Add", "biased", [choice, _g.Weight(tensors.Whole(WeightNames.SelectionBias))]);
        // TopK takes the lowest of equal indices; on the mirrored row that is the highest. Groups are mirrored with it.
        bool mirrored = _spec.Ties == TieRule.HighestIndex;
        if (mirrored)
        {
            var order = Iota(_spec.Experts);
            Array.Reverse(order);
            string mirror = _g.Constant("mirror", name => OnnxTensor.Create<long>(name, order, order.Length));
            choice = _g.Op("Gather", "mirrored", [choice, mirror], OnnxAttribute.Int("axis", 1));
        }

        if (select.Groups is { } groups) choice = LimitGroups(groups, select.K, choice);
        var (values, experts) = TopK(choice, select.K, "top");
        if (mirrored) experts = _g.Op("Sub", "experts", [_g.Scalar((long)_spec.Experts - 1), experts]);
        // The bias and the groups' mask are for the choice only.
        return select.UsesBias || select.Groups is not null
            ? (experts, _g.Op("GatherElements", "chosen", [scores, experts], OnnxAttribute.Int("axis", 1)))
            : (experts, values);
    }

    private string LimitGroups(GroupLimit limit, int k, string choice)
    {
        int size = _spec.Experts / limit.Count;
        string grouped = _g.Op("Reshape", "grouped", [choice, _g.List(-1, limit.Count, size)]);
        string counted = limit.Score is GroupScore.Max or GroupScore.Sum ? grouped : TopK(grouped, limit.Score == GroupScore.SumOfTopTwo ? 2 : k / limit.Keep, "group_top").Values;
        string best = _g.Reduce(limit.Score == GroupScore.Max ? "ReduceMax" : "ReduceSum", "group_scores", counted, 2, keep: false);
        string kept = TopK(best, limit.Keep, "group_kept").Indices;
        string none = _g.Op("ConstantOfShape", "group_none", [_g.Op("Shape", "group_shape", [best])]);
        string ones = _g.Op("ConstantOfShape", "group_ones", [_g.Op("Shape", "group_kept_shape", [kept])], OnnxAttribute.Tensor("value", OnnxTensor.Create<float>("", new[] { 1f }, 1)));
        string marked = _g.Op("ScatterElements", "group_marked", [none, kept, ones], OnnxAttribute.Int("axis", 1));
        string open = _g.Op("Unsqueeze", "group_open", [_g.Op("Cast", "group_mask", [marked], OnnxAttribute.Int("to", (long)OnnxElementType.Bool)), _g.List(2)]);
        string masked = _g.Op("Where", "group_masked", [open, grouped, _g.Scalar(limit.Mask == GroupMask.Zero ? 0f : float.NegativeInfinity)]);
        return _g.Op("Reshape", "limited", [masked, _g.List(-1, _spec.Experts)]);
    }

    private (string Values, string Indices) TopK(string values, int k, string name)
    {
        _g.Op("TopK", [values, _g.List(k)], [name + "_values", name + "_indices"], LastAxis);
        return ("router/" + name + "_values", "router/" + name + "_indices");
    }

    private string Normalize(string weights)
    {
        var weigh = _spec.Weigh;
        if (weigh.Normalization == WeightNormalization.None || (_spec.TopK == 1 && !weigh.NormalizeSingle)) return weights;
        string norm = Norm(weights);
        float epsilon = (float)weigh.Epsilon;
        if (epsilon == 0)
        {
            // All weights zero (underflow): they stay zero instead of becoming NaN.
            string zero = _g.Op("Equal", "norm_is_zero", [norm, _g.Scalar(0f)]);
            norm = _g.Op("Where", "norm_guarded", [zero, _g.Scalar(1f), norm]);
        }
        else
        {
            norm = _g.Op(weigh.EpsilonRule == EpsilonRule.Add ? "Add" : "Max", "norm_guarded", [norm, _g.Scalar(epsilon)]);
        }

        return _g.Op("Div", "normalized", [weights, norm]);
    }

    private string Norm(string weights)
    {
        if (_spec.Weigh.Normalization == WeightNormalization.Sum) return _g.Reduce("ReduceSum", "norm", weights, 1, keep: true);
        if (_spec.Weigh.P == 1) return _g.Reduce("ReduceL1", "norm", weights, 1, keep: true);
        if (_spec.Weigh.P == 2) return _g.Reduce("ReduceL2", "norm", weights, 1, keep: true);
        string powers = _g.Op("Pow", "powers", [_g.Op("Abs", "magnitudes", [weights]), _g.Scalar((float)_spec.Weigh.P)]);
        return _g.Op("Pow", "norm", [_g.Reduce("ReduceSum", "powers_sum", powers, 1, keep: true), _g.Scalar((float)(1 / _spec.Weigh.P))]);
    }

    private static long[] Iota(int count)
    {
        var values = new long[count];
        for (int i = 0; i < count; i++) values[i] = i;
        return values;
    }
}
