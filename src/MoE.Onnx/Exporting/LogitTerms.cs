namespace MoE.Onnx;

/// <summary>The scorer of a layer in double precision: logits, and how large the products are that make one, which is what its rounding is measured in.</summary>
internal sealed class LogitTerms
{
    // Sixteen roundings: what single-precision products of any order stay under.
    private const double Roundings = 16 / (double)(1 << 24);

    // Below this margin engines may differ: their scores are rounded differently.
    private const double ClearMargin = 1e-5;

    private readonly RouterSpec _spec;
    private readonly float[] _weight;
    private readonly float[]? _bias;
    private readonly float[]? _selectionBias;

    public LogitTerms(RouterSpec spec, IWeightSource weights, bool bias)
    {
        _spec = spec;
        _weight = WeightShares.Whole(weights, WeightNames.Router);
        _bias = bias ? WeightShares.Whole(weights, WeightNames.RouterBias) : null;
        _selectionBias = spec.UsesSelectionBias ? WeightShares.Whole(weights, WeightNames.SelectionBias) : null;
        Width = _weight.Length / spec.Experts;
    }

    public int Width { get; }

    public int Experts => _spec.Experts;

    public int Choices => _spec.TopK;

    public ReadOnlySpan<float> Row(int expert) => _weight.AsSpan(expert * Width, Width);

    public double Logit(int expert, ReadOnlySpan<float> token)
    {
        var row = Row(expert);
        double sum = _bias?[expert] ?? 0;
        for (int i = 0; i < row.Length; i++) sum += (double)row[i] * token[i];
        return sum;
    }

    /// <summary>[T]: how far a logit of the token may be off.</summary>
    public double[] Errors(ReadOnlySpan<float> tokens)
    {
        var errors = new double[tokens.Length / Width];
        for (int t = 0; t < errors.Length; t++)
        {
            var token = tokens.Slice(t * Width, Width);
            for (int e = 0; e < Experts; e++)
            {
                var row = Row(e);
                double sum = Math.Abs(_bias?[e] ?? 0);
                for (int i = 0; i < row.Length; i++) sum += Math.Abs((double)row[i] * token[i]);
                errors[t] = Math.Max(errors[t], Roundings * sum / _spec.Score.Temperature);
            }
        }

        return errors;
    }

    /// <summary>
    /// The routing margin of every token, that of its groups included; whether it is clear: larger than rounding; and whether its weights are not: where SparseMixer's jump at a small margin, and where all scores are so small that single
    /// precision loses them. And how far a weight may be off, relatively.
    /// </summary>
    public (float[] Margins, bool[] Clear, bool[] Faint, double[] WeightErrors) Margins(ReadOnlySpan<float> tokens, ReadOnlySpan<double> errors)
    {
        int count = tokens.Length / Width;
        var logits = new float[count * Experts];
        for (int t = 0; t < count; t++)
            for (int e = 0; e < Experts; e++) logits[(t * Experts) + e] = (float)Logit(e, tokens.Slice(t * Width, Width));
        var options = new RouteOptions { SelectionBias = _selectionBias };
        var scores = new float[logits.Length];
        ReferenceRouter.SelectionScores(logits, _spec, options, scores);
        var routing = ReferenceRouter.Route(logits, _spec, options with { KeepScores = true });
        float[] margins = MoE.Diagnostics.RoutingStatistics.Margins(routing, scores);
        if (_spec.Select is TopKSelection { Groups: { } groups } select)
        {
            ReferenceRouter.SelectionScores(logits, _spec with { Select = select with { Groups = null } }, options, scores);
            for (int t = 0; t < count; t++) margins[t] = Math.Min(margins[t], GroupMargin(groups, select.K, scores.AsSpan(t * Experts, Experts)));
        }

        for (int t = 0; t < count; t++) margins[t] = Math.Min(float.IsNaN(margins[t]) ? float.PositiveInfinity : margins[t], CutMargin(logits.AsSpan(t * Experts, Experts), scores.AsSpan(t * Experts, Experts)));
        bool[] clear = new bool[count], faint = new bool[count];
        var weightErrors = new double[count];
        for (int t = 0; t < count; t++)
        {
            clear[t] = margins[t] > Math.Max(ClearMargin, errors[t]);
            weightErrors[t] = WeightError(routing, t, logits.AsSpan(t * Experts, Experts), errors[t]);
            faint[t] = (_spec.Select is SparseMixerSelection && !clear[t]) || IsFaint(routing, t, logits.AsSpan(t * Experts, Experts));
        }

        return (margins, clear, faint, weightErrors);
    }

    private float GroupMargin(GroupLimit limit, int k, ReadOnlySpan<float> scores)
    {
        if (limit.Keep == limit.Count) return float.PositiveInfinity;
        int size = Experts / limit.Count;
        var groups = new float[limit.Count];
        for (int g = 0; g < groups.Length; g++)
        {
            float[] members = scores.Slice(g * size, size).ToArray();
            Array.Sort(members);
            int counted = limit.Score switch { GroupScore.Max => 1, GroupScore.SumOfTopTwo => 2, GroupScore.SumOfTopShare => k / limit.Keep, _ => size };
            groups[g] = members[^counted..].Sum();
        }

        Array.Sort(groups);
        return groups[^limit.Keep] - groups[^(limit.Keep + 1)];
    }

    // A function that grows like exp at most is off by as much, relatively, as its logit is absolutely; logits that are the scores themselves are off by more the smaller they are.
    private double WeightError(TopKRouting routing, int token, ReadOnlySpan<float> logits, double error)
    {
        double least = 1;
        if (_spec.Score.Function is not (ScoreFunction.Relu or ScoreFunction.Identity)) return error;
        foreach (int e in routing.ExpertIds.Slice(token * routing.Choices, routing.Choices))
            if (e >= 0 && logits[e] != 0) least = Math.Min(least, Math.Abs(logits[e]) / _spec.Score.Temperature);
        return error / least;
    }

    // By scores where they are made first, by the logits that make such scores where they are made of the chosen.
    private bool IsFaint(TopKRouting routing, int token, ReadOnlySpan<float> logits)
    {
        const float least = 1e-30f, sigmoid = -69, sqrtSoftplus = -138;
        float best = float.NegativeInfinity;
        foreach (int e in routing.ExpertIds.Slice(token * routing.Choices, routing.Choices))
        {
            if (e < 0 || e >= Experts - _spec.Weigh.WeightlessExperts) continue;
            float value = _spec.Score.Stage == ScoreStage.BeforeSelection ? routing.Scores[(token * Experts) + e] : (float)(logits[e] / _spec.Score.Temperature);
            best = Math.Max(best, value);
        }

        return _spec.Score.Stage == ScoreStage.BeforeSelection
            ? best < least && _spec.Score.Function is (ScoreFunction.Softmax or ScoreFunction.Sigmoid or ScoreFunction.SqrtSoftplus)
            : (_spec.Score.Function == ScoreFunction.Sigmoid && best < sigmoid) || (_spec.Score.Function == ScoreFunction.SqrtSoftplus && best < sqrtSoftplus);
    }

    // Over the stages: how near the best and the next are, and how near any expert is to being too far below.
    private static float StageMargin(SparseMixerSelection mixer, float[] logits)
    {
        float least = float.PositiveInfinity;
        float[] rest = [.. logits];
        for (int j = 0; j < mixer.K; j++)
        {
            int best = Array.IndexOf(rest, rest.Max());
            for (int e = 0; e < rest.Length; e++)
            {
                if (e == best) continue;
                float factor = Math.Max(Math.Abs(logits[e]), rest[best]);
                // An expert that was taken stays taken, but is masked or not all the same, which changes nothing.
                if (float.IsNegativeInfinity(rest[e])) continue;
                least = Math.Min(least, Math.Min(rest[best] - rest[e], Math.Abs(rest[best] - logits[e] - ((float)(2 * mixer.Jitter) * factor))));
            }

            rest[best] = float.NegativeInfinity;
        }

        return least;
    }

    // How near the cut a score, or the mass in front of one, lies.
    private float CutMargin(ReadOnlySpan<float> logits, Span<float> scores)
    {
        float least = float.PositiveInfinity;
        switch (_spec.Select)
        {
            case ThresholdSelection threshold:
                // ReLU hides how far below zero a logit is.
                foreach (float s in _spec.Score.Function == ScoreFunction.Relu ? logits : scores) least = Math.Min(least, Math.Abs(s - (float)threshold.Threshold));
                break;
            case TopPSelection top:
                float mass = 0;
                scores.Sort(static (a, b) => b.CompareTo(a));
                foreach (float s in scores[..^1])
                {
                    mass += s;
                    least = Math.Min(least, Math.Abs(mass - (float)top.P));
                }

                break;
            case SparseMixerSelection mixer:
                least = StageMargin(mixer, logits.ToArray());
                break;
        }

        return least;
    }
}
