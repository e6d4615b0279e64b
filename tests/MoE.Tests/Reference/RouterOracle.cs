namespace MoE.Tests.Reference;

/// <summary>
/// The router written a second time, from the definitions and in another style: whole sorted lists instead of scans, tokens that walk into queues instead of counters.
/// It shares nothing with the library but the specs.
/// </summary>
internal static class RouterOracle
{
    public sealed record Routed(int[] Experts, double[] Weights, bool[] Kept, int[] Positions);

    public static Routed Route(RouterSpec spec, float[] logits, float[]? bias = null, bool[]? padding = null, bool[]? closed = null)
    {
        int e = spec.Experts, k = spec.TopK, tokens = logits.Length / e;
        var experts = new List<int>();
        var weights = new List<double>();
        for (int t = 0; t < tokens; t++)
        {
            if (padding is not null && padding[t])
            {
                experts.AddRange(Enumerable.Repeat(-1, k));
                weights.AddRange(Enumerable.Repeat(0.0, k));
                continue;
            }

            var (chosen, w) = Token(spec, logits[(t * e)..((t + 1) * e)], bias ?? new float[e], closed ?? new bool[e]);
            experts.AddRange(chosen);
            weights.AddRange(w);
        }

        double[] best = [.. Enumerable.Range(0, tokens).Select(t => Best(spec, logits[(t * e)..((t + 1) * e)], closed ?? new bool[e], padding is not null && padding[t]))];
        return Dispatch(spec, [.. experts], [.. weights], best);
    }

    private static double Best(RouterSpec spec, float[] row, bool[] closed, bool padded)
    {
        if (padded) return 0;
        float[] logits = [.. row.Select((l, e) => closed[e] ? float.NegativeInfinity : (float)(l / spec.Score.Temperature))];
        float[] scores = spec.Score.Stage == ScoreStage.BeforeSelection ? [.. Score(spec.Score.Function, logits).Select(s => s + (float)spec.Score.Offset)] : logits;
        return scores.Where((_, e) => !closed[e]).Max();
    }

    private static (int[] Chosen, double[] Weights) Token(RouterSpec spec, float[] row, float[] bias, bool[] closed)
    {
        float[] logits = [.. row.Select((l, e) => closed[e] ? float.NegativeInfinity : (float)(l / spec.Score.Temperature))];
        float Raised(float s) => (float)(s + (float)spec.Score.Offset);
        float[] scores = spec.Score.Stage == ScoreStage.BeforeSelection ? [.. Score(spec.Score.Function, logits).Select(Raised)] : logits;
        int[] chosen = Choose(spec, [.. scores.Zip(bias, static (s, b) => s + b)], closed);
        float[] picked = [.. chosen.Select(c => c < 0 ? float.NegativeInfinity : scores[c])];
        if (spec.Score.Stage == ScoreStage.AfterSelection) picked = [.. Score(spec.Score.Function, picked).Select(Raised)];
        double[] weights = [.. picked.Select((w, j) => chosen[j] < 0 || chosen[j] >= spec.Experts - spec.Weigh.WeightlessExperts ? 0.0 : w)];
        return (chosen, Weigh(spec.Weigh, weights));
    }

    private static float[] Score(ScoreFunction function, float[] logits)
    {
        if (function == ScoreFunction.Softmax)
        {
            if (logits.All(float.IsNegativeInfinity)) return new float[logits.Length];
            double max = logits.Max(), z = logits.Sum(l => Math.Exp(l - max));
            return [.. logits.Select(l => (float)(Math.Exp(l - max) / z))];
        }

        return [.. logits.Select(l => (float)(function switch
        {
            ScoreFunction.Sigmoid => l < 0 ? Math.Exp(l) / (1 + Math.Exp(l)) : 1 / (1 + Math.Exp(-l)),
            // Below -10 by its series, which loses nothing to the 1.
            ScoreFunction.SqrtSoftplus => Math.Sqrt(l > 0 ? l + Math.Log(1 + Math.Exp(-l)) : l > -10 ? Math.Log(1 + Math.Exp(l)) : Math.Exp(l) * (1 - Math.Exp(l) / 2 + Math.Exp(2 * l) / 3)),
            ScoreFunction.Relu => l > 0 ? l : 0,
            _ => l,
        }))];
    }

    private static int[] Choose(RouterSpec spec, float[] scores, bool[] closed)
    {
        int[] all = [.. Enumerable.Range(0, scores.Length)];
        if (spec.Select is not TopKSelection select) return [.. all.Select(e => closed[e] ? -1 : e)];
        bool[] barred = [.. closed];
        if (select.Groups is { } groups)
        {
            int size = scores.Length / groups.Count;
            int best = groups.Score switch { GroupScore.Max => 1, GroupScore.SumOfTopTwo => 2, GroupScore.Sum => 0, _ => select.K / groups.Keep };
            float[] groupScores = [.. Enumerable.Range(0, groups.Count).Select(g =>
            {
                if (groups.Score == GroupScore.Sum) return all.Skip(g * size).Take(size).Where(e => !closed[e]).OrderByDescending(e => scores[e]).Aggregate(0f, (sum, e) => sum + scores[e]);
                float[] top = [.. all.Skip(g * size).Take(size).Where(e => !closed[e]).Select(e => scores[e]).OrderDescending().Take(best)];
                return top.Length < best ? float.NegativeInfinity : top.Aggregate(0f, static (a, b) => a + b);
            })];
            int[] kept = [.. Ranked(spec.Ties, Enumerable.Range(0, groups.Count), groupScores).Take(groups.Keep)];
            foreach (int e in all.Where(e => !kept.Contains(e / size)))
            {
                if (groups.Mask == GroupMask.Zero) scores[e] = 0;
                else barred[e] = true;
            }
        }

        int[] ranked = [.. Ranked(spec.Ties, all.Where(e => !barred[e]), scores).Take(select.K)];
        return [.. ranked, .. Enumerable.Repeat(-1, select.K - ranked.Length)];
    }

    private static IEnumerable<int> Ranked(TieRule ties, IEnumerable<int> indices, float[] scores) =>
        indices.OrderByDescending(i => scores[i]).ThenBy(i => ties == TieRule.HighestIndex ? -i : i);

    // Weights are single precision after each step: heaviest-first drops see the rounded values.
    private static double[] Weigh(WeighSpec weigh, double[] weights)
    {
        if (weigh.Normalization != WeightNormalization.None && !(weights.Length == 1 && !weigh.NormalizeSingle))
        {
            double norm = weigh.Normalization == WeightNormalization.Sum
                ? weights.Sum()
                : Math.Pow(weights.Sum(w => Math.Pow(Math.Abs(w), weigh.P)), 1 / weigh.P);
            norm = weigh.EpsilonRule == EpsilonRule.Add ? norm + weigh.Epsilon : Math.Max(norm, weigh.Epsilon);
            if (norm != 0) weights = [.. weights.Select(w => (double)(float)(w / norm))];
        }

        return [.. weights.Select(w => (double)(float)(w * weigh.Scale))];
    }

    private static Routed Dispatch(RouterSpec spec, int[] experts, double[] weights, double[] best)
    {
        int k = spec.TopK, tokens = experts.Length / k;
        var positions = Enumerable.Repeat(-1, experts.Length).ToArray();
        int? capacity = spec.Dispatch.Capacity?.Of(tokens, spec.Experts, k, training: false, Enumerable.Range(0, spec.Experts).Max(e => experts.Count(x => x == e)));
        bool tokenMajor = capacity is null || spec.Dispatch.Arrival == ArrivalOrder.TokenMajor;
        int[] place = new int[tokens];
        foreach (var (t, rank) in Enumerable.Range(0, tokens).OrderBy(t => capacity is not null && spec.Dispatch.Priority == TokenPriority.BestScore ? -best[t] : 0).ThenBy(static t => t).Select(static (t, rank) => (t, rank))) place[t] = rank;
        int[] arrivals = [.. Enumerable.Range(0, experts.Length).OrderBy(r => tokenMajor ? place[r / k] * k + r % k : r % k * tokens + place[r / k]).Where(r => experts[r] >= 0)];
        var queues = Enumerable.Range(0, spec.Experts).Select(static _ => new List<int>()).ToArray();
        foreach (int r in arrivals)
        {
            var queue = queues[experts[r]];
            // Behind everybody; or, of the earlier choices, behind those that were kept only.
            int ahead = !tokenMajor && spec.Dispatch.Offset == ChoiceOffset.KeptEarlierChoices
                ? Enumerable.Range(0, k).Where(j => j < r % k).Aggregate(0, (kept, j) => Math.Min(kept + queue.Count(q => q % k == j), capacity!.Value)) + queue.Count(q => q % k == r % k)
                : queue.Count;
            positions[r] = ahead;
            queue.Add(r);
        }

        bool[] keeps = [.. experts.Select((e, r) => e >= 0 && (capacity is null || positions[r] < capacity))];
        if (capacity is not null && spec.Dispatch.Drop == DropPolicy.HeaviestWeight)
        {
            var heaviest = queues.SelectMany(q => q.OrderByDescending(r => (float)weights[r]).ThenBy(static r => r).Take(capacity.Value)).ToHashSet();
            keeps = [.. experts.Select((_, r) => heaviest.Contains(r))];
        }

        double[] settled = [.. weights.Select((w, r) => keeps[r] ? w : 0)];
        if (capacity is not null && spec.Dispatch.RenormalizeAfterDrop)
        {
            for (int t = 0; t < tokens; t++)
            {
                double sum = Math.Max(settled.Skip(t * k).Take(k).Sum(), spec.Dispatch.RenormalizeFloor);
                for (int j = 0; j < k && sum != 0; j++) settled[t * k + j] /= sum;
            }
        }

        return new Routed(experts, settled, keeps, positions);
    }
}
