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

    /// <summary>True where tokens take different numbers of experts: routings then have E choices, -1 where not taken.</summary>
    public static bool IsRagged(RouterSpec spec) => spec.Select is ThresholdSelection or TopPSelection;

    /// <summary>Reasons why no ONNX graph of ours expresses a router.</summary>
    public static IEnumerable<SpecProblem> Refusals(RouterSpec spec, string prefix)
    {
        if (spec.Dispatch.Capacity is { } capacity && !DropsNothing(capacity))
            yield return new SpecProblem(prefix + "dispatch.capacity", capacity.ToString(), "capacities are not exported, as they make a token's numbers depend on the rest of its batch; serve the layer dropless");
        if (spec.Noise is { TrainingOnly: false })
            yield return new SpecProblem(prefix + "noise", spec.Noise.ToString(), "noise in evaluation is not exported; a graph draws no numbers");
        if (spec.Select is TopKSelection { Later: { InEvaluation: true } later })
            yield return new SpecProblem(prefix + "select.later", later.ToString(), "a rule for later choices is not exported; set in_evaluation to false or take it off");
        if (spec.Select is ExpertChoiceSelection)
            yield return new SpecProblem(prefix + "select", spec.Select.GetType().Name, "is not exported: experts choose among the tokens of a batch, so that a token's numbers depend on the others");
        if (spec.Select is RaceSelection)
            yield return new SpecProblem(prefix + "select", spec.Select.GetType().Name, "is not exported: all tokens of a sequence compete, so that a token's numbers depend on the others; in evaluation choose by a threshold");
        if (spec.Weigh.SoftTopK is not null)
            yield return new SpecProblem(prefix + "weigh.soft_top_k", "given", "is not exported; its iterations are for training");
        if (spec.Schedules is not null)
            yield return new SpecProblem(prefix + "schedules", "given", "a graph has no training step; export RouterSpec.At(step)");
    }

    // The longest queue fits whatever its length (Tutel with a factor of zero, DeepSpeed without drops).
    private static bool DropsNothing(CapacitySpec capacity) => capacity is { Factor: null, EvaluationFactor: null, Fixed: null };

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
        string scores = router.ScoresFirst && spec.Select is not (PrototypeSelection or SparseMixerSelection) ? router.Score(logits, "scores") : logits;
        var (places, chosen, open) = spec.Select switch
        {
            TopKSelection select => router.Choose(select, scores, tensors),
            TopPSelection select => router.TakeMass(select, scores),
            ThresholdSelection select => router.TakeAbove(select, scores),
            PrototypeSelection select => router.TakeBestOfEach(select, scores),
            SparseMixerSelection select => router.Mix(select, logits),
            _ => router.TakeAll(scores),
        };
        if (!router.ScoresFirst && spec.Select is not (PrototypeSelection or SparseMixerSelection))
        {
            if (open is not null) chosen = router._g.Op("Where", "open_logits", [open, chosen, router._g.Scalar(float.NegativeInfinity)]);
            chosen = router.Score(chosen, "chosen_scores");
        }

        if (spec.Weigh.BiasedWeights) chosen = router._g.Op("Add", "biased_weights", [chosen, router._g.Op("Gather", "chosen_bias", [router._g.Weight(tensors.Whole(WeightNames.SelectionBias)), places], OnnxAttribute.Int("axis", 0))]);
        if (open is not null) chosen = router._g.Op("Where", "open_scores", [open, chosen, router._g.Scalar(0f)]);
        if (spec.Weigh.WeightlessExperts > 0)
        {
            string weighs = router._g.Op("Less", "weighs", [places, router._g.Scalar((long)spec.Experts - spec.Weigh.WeightlessExperts)]);
            chosen = router._g.Op("Where", "weighing", [weighs, chosen, router._g.Scalar(0f)]);
        }

        string unscaled = router.Normalize(chosen);
        string weights = spec.Weigh.Scale == 1 ? unscaled : router._g.Op("Mul", "scaled", [unscaled, router._g.Scalar((float)spec.Weigh.Scale)]);
        string experts = open is null ? g.Op("Identity", OnnxNames.Experts, [places]) : g.Op("Where", OnnxNames.Experts, [open, places, g.Scalar(-1L)]);
        return new RouterValues(experts, g.Op("Identity", OnnxNames.Weights, [weights]), unscaled, places);
    }

    private string Score(string logits, string name)
    {
        if (_spec.Score.Offset == 0) return Function(logits, name);
        return _g.Op("Add", name, [Function(logits, name + "_without_offset"), _g.Scalar((float)_spec.Score.Offset)]);
    }

    private string Function(string logits, string name)
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
                // Far below zero softplus is exp, whose root is there long after it has vanished itself.
                string root = _g.Op("Sqrt", name + "_root", [_g.Op("Softplus", name + "_softplus", [logits])]);
                string tail = _g.Op("Exp", name + "_tail", [_g.Op("Mul", name + "_half", [logits, _g.Scalar(0.5f)])]);
                return _g.Op("Where", name, [_g.Op("Less", name + "_is_tail", [logits, _g.Scalar(-20f)]), tail, root]);
            case ScoreFunction.Relu:
                return _g.Op("Relu", name, [logits]);
            default:
                return logits;
        }
    }

    private string All(string scores)
    {
        string all = _g.Constant("all experts", name => OnnxTensor.Create<long>(name, Iota(_spec.Experts), 1, _spec.Experts));
        return _g.Op("Expand", "experts", [all, _g.Op("Shape", "scores_shape", [scores])]);
    }

    private (string Places, string Scores, string? Open) TakeAll(string scores) => (All(scores), scores, null);

    private (string Places, string Scores, string? Open) TakeAbove(ThresholdSelection select, string scores)
    {
        string places = All(scores), open = _g.Op("Greater", "above", [scores, _g.Scalar((float)select.Threshold)]);
        if (!select.AtLeastOne) return (places, scores, open);
        var (_, best) = RankedTopK(scores, 1, "best");
        string any = _g.Reduce("ReduceMax", "any_above", _g.Op("Cast", "above_numbers", [open], OnnxAttribute.Int("to", (long)OnnxElementType.Float32)), 1, keep: true);
        string lonely = _g.Op("And", "best_alone", [_g.Op("Equal", "none_above", [any, _g.Scalar(0f)]), _g.Op("Equal", "is_best", [places, best])]);
        return (places, scores, _g.Op("Or", "open", [open, lonely]));
    }

    private (string Places, string Scores, string? Open) TakeMass(TopPSelection select, string scores)
    {
        var (values, places) = RankedTopK(scores, _spec.Experts, "ranked");
        string before = _g.Op("CumSum", "mass_before", [values, _g.Scalar(1L)], OnnxAttribute.Int("exclusive", 1));
        return (places, values, _g.Op("Not", "open", [_g.Op("Greater", "beyond", [before, _g.Scalar((float)select.P)])]));
    }

    private (string Places, string Scores, string? Open) TakeBestOfEach(PrototypeSelection select, string logits)
    {
        int size = _spec.Experts / select.Count;
        string blocks = _g.Op("Reshape", "blocks", [Score(_g.Op("Reshape", "block_logits", [logits, _g.List(-1, select.Count, size)]), "block_scores"), _g.List(-1, size)]);
        // Blocks are rows of their own here, so a mirrored row mirrors a block.
        var (values, places) = RankedTopK(blocks, 1, "best", size);
        string first = _g.Constant("first of each prototype", name => OnnxTensor.Create<long>(name, Array.ConvertAll(Iota(select.Count), b => b * size), 1, select.Count));
        string experts = _g.Op("Add", "experts", [_g.Op("Reshape", "best_rows", [places, _g.List(-1, select.Count)]), first]);
        return (experts, _g.Op("Reshape", "best_scores", [values, _g.List(-1, select.Count)]), null);
    }

    // SparseMixer-v2 in evaluation: the best of each stage, weighed among those that are not too far below it.
    private (string Places, string Scores, string? Open) Mix(SparseMixerSelection select, string logits)
    {
        string[] experts = new string[select.K], weights = new string[select.K];
        string rest = logits, sizes = _g.Op("Abs", "logit_sizes", [logits]);
        for (int j = 0; j < select.K; j++)
        {
            var s = _g.Under($"stage.{j}/");
            s.Op("TopK", [rest, _g.List(1)], ["best", "index"], LastAxis);
            string best = $"router/stage.{j}/best", index = $"router/stage.{j}/index";
            string below = s.Op("Div", "below", [s.Op("Sub", "gap", [best, logits]), s.Op("Max", "factor", [sizes, best])]);
            string far = s.Op("Greater", "far", [below, _g.Scalar((float)(2 * select.Jitter))]);
            string near = s.Op("Softmax", "near", [s.Op("Where", "near_logits", [far, _g.Scalar(float.NegativeInfinity), rest])], LastAxis);
            (experts[j], weights[j]) = (index, s.Op("GatherElements", "weight", [near, index], OnnxAttribute.Int("axis", 1)));
            if (j + 1 == select.K) break;
            string taken = s.Op("Sub", "taken", [s.Op("Mul", "zero", [weights[j], _g.Scalar(0f)]), _g.Scalar(float.PositiveInfinity)]);
            rest = s.Op("ScatterElements", "rest", [rest, index, taken], OnnxAttribute.Int("axis", 1));
        }

        return (_g.Op("Concat", "experts", experts, OnnxAttribute.Int("axis", 1)), _g.Op("Concat", "mixed", weights, OnnxAttribute.Int("axis", 1)), null);
    }

    // By the spec's rule for ties: TopK takes the lowest of equal indices; on the mirrored row that is the highest.
    private (string Values, string Indices) RankedTopK(string values, int k, string name, int? columns = null)
    {
        int count = columns ?? _spec.Experts;
        if (_spec.Ties != TieRule.HighestIndex) return TopK(values, k, name);
        long[] order = Iota(count);
        Array.Reverse(order);
        string mirror = _g.Constant($"mirror of {count}", n => OnnxTensor.Create<long>(n, order, order.Length));
        var (best, places) = TopK(_g.Op("Gather", name + "_mirrored", [values, mirror], OnnxAttribute.Int("axis", 1)), k, name);
        return (best, _g.Op("Sub", name + "_places", [_g.Scalar((long)count - 1), places]));
    }

    private (string Places, string Scores, string? Open) Choose(TopKSelection select, string scores, LayerTensors tensors)
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
            ? (experts, _g.Op("GatherElements", "chosen", [scores, experts], OnnxAttribute.Int("axis", 1)), null)
            : (experts, values, null);
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
        // Divided by the largest first: powers of small scores vanish in single precision.
        string sizes = _g.Op("Abs", "magnitudes", [weights]), largest = _g.Reduce("ReduceMax", "largest", sizes, 1, keep: true);
        string divisor = _g.Op("Where", "divisor", [_g.Op("Equal", "all_zero", [largest, _g.Scalar(0f)]), _g.Scalar(1f), largest]);
        string powers = _g.Op("Pow", "powers", [_g.Op("Div", "shares", [sizes, divisor]), _g.Scalar((float)_spec.Weigh.P)]);
        string root = _g.Op("Pow", "root", [_g.Reduce("ReduceSum", "powers_sum", powers, 1, keep: true), _g.Scalar((float)(1 / _spec.Weigh.P))]);
        return _g.Op("Mul", "norm", [largest, root]);
    }

    private static long[] Iota(int count)
    {
        var values = new long[count];
        for (int i = 0; i < count; i++) values[i] = i;
        return values;
    }
}
