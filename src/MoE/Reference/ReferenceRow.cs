namespace MoE;

/// <summary>The stages of a gate for one token. Reused from token to token.</summary>
internal sealed class ReferenceRow
{
    private readonly RouterSpec _spec;
    private readonly bool[] _closed;
    private readonly bool[] _open;
    private readonly float[] _logits;
    private readonly float[] _scores;
    private readonly float[] _choice;

    public ReferenceRow(RouterSpec spec, ReadOnlySpan<bool> closed)
    {
        _spec = spec;
        _closed = closed.IsEmpty ? new bool[spec.Experts] : closed.ToArray();
        _open = new bool[spec.Experts];
        _logits = new float[spec.Experts];
        _scores = new float[spec.Experts];
        _choice = new float[spec.Experts];
    }

    private bool ScoresFirst => _spec.Score.Stage == ScoreStage.BeforeSelection;

    /// <summary>Stage 1. Closed experts score as minus infinity does.</summary>
    public void Score(ReadOnlySpan<float> logits)
    {
        for (int e = 0; e < _logits.Length; e++)
            _logits[e] = _closed[e] ? float.NegativeInfinity : (float)(logits[e] / _spec.Score.Temperature);
        if (_spec.Select is PrototypeSelection prototypes)
        {
            int size = _logits.Length / prototypes.Count;
            for (int b = 0; b < prototypes.Count; b++) Apply(_logits.AsSpan(b * size, size), _scores.AsSpan(b * size, size));
        }
        else if (ScoresFirst) Apply(_logits, _scores);
        else _logits.CopyTo(_scores, 0);
    }

    /// <summary>Takes scores that were made elsewhere.</summary>
    public void TakeScores(ReadOnlySpan<float> scores) => scores.CopyTo(_scores);

    public void CopyScores(Span<float> destination) => _scores.CopyTo(destination);

    /// <summary>Stage 2: the chosen experts, best first; -1 where fewer can be chosen than asked for.</summary>
    public void Select(ReadOnlySpan<float> bias, Span<int> chosen)
    {
        Compete(bias);
        switch (_spec.Select)
        {
            case TopKSelection:
                TopK(_choice, _open, _spec.Ties, chosen);
                break;
            case TopPSelection p:
                TopK(_choice, _open, _spec.Ties, chosen);
                EndAtMass(p.P, chosen);
                break;
            case PrototypeSelection prototypes:
                int size = _choice.Length / prototypes.Count;
                for (int b = 0; b < prototypes.Count; b++)
                {
                    TopK(_choice.AsSpan(b * size, size), _open.AsSpan(b * size, size), _spec.Ties, chosen.Slice(b, 1));
                    if (chosen[b] >= 0) chosen[b] += b * size;
                }

                break;
            case ThresholdSelection threshold:
                AboveThreshold(threshold, chosen);
                break;
            default:
                for (int e = 0; e < chosen.Length; e++) chosen[e] = _open[e] ? e : -1;
                break;
        }
    }

    /// <summary>Stage 2 on values of the batch's own (balanced scores) in place of the scores.</summary>
    public void SelectBy(ReadOnlySpan<float> values, Span<int> chosen)
    {
        Compete([]);
        values.CopyTo(_choice);
        TopK(_choice, _open, _spec.Ties, chosen);
    }

    /// <summary>Stage 2 where noise sees the choice only: the chosen experts by noisy logits; the first of them without noise where the noise is for later choices.</summary>
    public void SelectNoisy(ReadOnlySpan<float> noisyLogits, Span<int> chosen)
    {
        Compete([]);
        int first = 0;
        if (_spec.Noise!.Use == NoiseUse.LaterChoices)
        {
            TopK(_choice, _open, _spec.Ties, chosen[..1]);
            if (chosen[0] >= 0) _open[chosen[0]] = false;
            first = 1;
        }

        noisyLogits.CopyTo(_choice);
        TopK(_choice, _open, _spec.Ties, chosen[first..]);
    }

    /// <summary>The logits of the row, divided by the temperature; minus infinity for closed experts.</summary>
    public ReadOnlySpan<float> Logits => _logits;

    /// <summary>The largest score of an open expert, minus infinity without one.</summary>
    public float BestScore()
    {
        float best = float.NegativeInfinity;
        for (int e = 0; e < _scores.Length; e++) best = _closed[e] ? best : Math.Max(best, _scores[e]);
        return best;
    }

    /// <summary>The score of an expert as the choice saw it.</summary>
    public float ScoreOf(int expert) => _scores[expert];

    /// <summary>What stage 2 compares: minus infinity for an expert that cannot be chosen.</summary>
    public void CopySelectionScores(ReadOnlySpan<float> bias, Span<float> destination)
    {
        Compete(bias);
        for (int e = 0; e < destination.Length; e++) destination[e] = _open[e] ? _choice[e] : float.NegativeInfinity;
    }

    /// <summary>Stage 3: the weights of the chosen experts.</summary>
    public void Weigh(ReadOnlySpan<int> chosen, Span<float> weights, ReadOnlySpan<float> bias = default)
    {
        float[]? soft = _spec.Weigh.SoftTopK is { } descent ? Soft(descent) : null;
        for (int j = 0; j < chosen.Length; j++)
            weights[j] = chosen[j] < 0 ? float.NegativeInfinity : soft is null ? _scores[chosen[j]] : soft[chosen[j]];
        if (!ScoresFirst && soft is null) Apply(weights, weights);
        for (int j = 0; j < chosen.Length; j++)
        {
            if (chosen[j] >= 0 && _spec.Weigh.BiasedWeights) weights[j] += bias[chosen[j]];
        }

        Finish(chosen, weights);
    }

    /// <summary>The end of stage 3: what weighs nothing, and the normalisation.</summary>
    public void Finish(ReadOnlySpan<int> chosen, Span<float> weights)
    {
        for (int j = 0; j < chosen.Length; j++)
        {
            if (chosen[j] < 0 || chosen[j] >= _scores.Length - _spec.Weigh.WeightlessExperts) weights[j] = 0;
        }

        Normalize(_spec.Weigh, weights);
    }

    private float[] Soft(CoordinateDescentSpec spec)
    {
        var soft = new float[_scores.Length];
        for (int e = 0; e < soft.Length; e++) _open[e] = !_closed[e];
        CoordinateDescent.Solve(_scores, Math.Min(_spec.TopK * spec.Ratio, soft.Length), spec, _open, soft);
        return soft;
    }

    // The offset is no part of what closed experts and missing choices score.
    private void Apply(ReadOnlySpan<float> logits, Span<float> scores)
    {
        ScoreFunctions.Apply(_spec.Score.Function, logits, scores);
        if (_spec.Score.Offset == 0) return;
        for (int e = 0; e < scores.Length; e++) scores[e] += (float)_spec.Score.Offset;
    }

    // In single precision, as the engines add.
    private void EndAtMass(double p, Span<int> chosen)
    {
        float mass = 0;
        for (int j = 0; j < chosen.Length; j++)
        {
            if (mass > (float)p) chosen[j] = -1;
            else if (chosen[j] >= 0) mass += _choice[chosen[j]];
        }
    }

    private void AboveThreshold(ThresholdSelection threshold, Span<int> chosen)
    {
        for (int e = 0; e < chosen.Length; e++) chosen[e] = _open[e] && _choice[e] > (float)threshold.Threshold ? e : -1;
        if (!threshold.AtLeastOne || chosen.ContainsAnyInRange(0, chosen.Length)) return;
        Span<int> best = [-1];
        TopK(_choice, _open, _spec.Ties, best);
        if (best[0] >= 0) chosen[best[0]] = best[0];
    }

    private void Compete(ReadOnlySpan<float> bias)
    {
        for (int e = 0; e < _choice.Length; e++)
        {
            _open[e] = !_closed[e];
            _choice[e] = bias.IsEmpty ? _scores[e] : _scores[e] + bias[e];
        }

        if (_spec.Select is TopKSelection { Groups: { } groups } select) LimitGroups(groups, select.K);
    }

    private void LimitGroups(GroupLimit limit, int k)
    {
        int size = _choice.Length / limit.Count;
        var groupScores = new float[limit.Count];
        var top = new int[limit.Score switch { GroupScore.Max => 1, GroupScore.SumOfTopTwo => 2, GroupScore.Sum => size, _ => k / limit.Keep }];
        for (int g = 0; g < limit.Count; g++)
        {
            TopK(_choice.AsSpan(g * size, size), _open.AsSpan(g * size, size), _spec.Ties, top);
            foreach (int i in top) groupScores[g] += i < 0 ? (limit.Score == GroupScore.Sum ? 0 : float.NegativeInfinity) : _choice[g * size + i];
        }

        var kept = new int[limit.Keep];
        var all = new bool[limit.Count];
        all.AsSpan().Fill(true);
        TopK(groupScores, all, _spec.Ties, kept);
        for (int g = 0; g < limit.Count; g++)
        {
            if (kept.AsSpan().Contains(g)) continue;
            if (limit.Mask == GroupMask.Zero) _choice.AsSpan(g * size, size).Clear();
            else _open.AsSpan(g * size, size).Clear();
        }
    }

    // Best first, by repeated scan: the plainest form of the tie rule.
    private static void TopK(ReadOnlySpan<float> values, ReadOnlySpan<bool> open, TieRule ties, Span<int> chosen)
    {
        Span<bool> taken = values.Length <= 1024 ? stackalloc bool[values.Length] : new bool[values.Length];
        for (int j = 0; j < chosen.Length; j++)
        {
            int best = -1;
            for (int i = 0; i < values.Length; i++)
            {
                if (taken[i] || !open[i]) continue;
                if (best < 0 || values[i] > values[best] || (ties == TieRule.HighestIndex && values[i] == values[best])) best = i;
            }

            chosen[j] = best;
            if (best >= 0) taken[best] = true;
        }
    }

    private static void Normalize(WeighSpec weigh, Span<float> weights)
    {
        if (weigh.Normalization != WeightNormalization.None && (weights.Length > 1 || weigh.NormalizeSingle))
        {
            double norm = Norm(weigh, weights);
            // All weights zero (underflow, or no expert at all): they stay zero instead of becoming NaN.
            if (norm != 0)
                for (int j = 0; j < weights.Length; j++) weights[j] = (float)(weights[j] / norm);
        }

        if (weigh.Scale == 1) return;
        for (int j = 0; j < weights.Length; j++) weights[j] = (float)(weights[j] * weigh.Scale);
    }

    private static double Norm(WeighSpec weigh, ReadOnlySpan<float> weights)
    {
        double norm = 0;
        if (weigh.Normalization == WeightNormalization.Sum)
        {
            foreach (float w in weights) norm += w;
        }
        else
        {
            foreach (float w in weights) norm += Math.Pow(Math.Abs(w), weigh.P);
            norm = Math.Pow(norm, 1 / weigh.P);
        }

        return weigh.EpsilonRule == EpsilonRule.Add ? norm + weigh.Epsilon : Math.Max(norm, weigh.Epsilon);
    }
}
