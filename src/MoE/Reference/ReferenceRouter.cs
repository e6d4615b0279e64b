namespace MoE;

/// <summary>
/// The router written down once, in plain scalar code: every other engine is held against it. Scores are computed in double and rounded to single;
/// the choice is made on the rounded values, as a single-precision peer makes it.
/// </summary>
public static class ReferenceRouter
{
    /// <summary>Routes a batch by its logits.</summary>
    /// <param name="logits">[T, E], row-major. Minus infinity is allowed (such an expert scores zero under softmax), as long as one logit of the token is finite.</param>
    /// <param name="spec">The router.</param>
    /// <param name="options">Bias, masks, replay, noise.</param>
    /// <returns>[T, K] experts and weights, with the dispatch plan.</returns>
    /// <exception cref="InvalidOperationException">The spec draws numbers, and the options have no noise source.</exception>
    /// <exception cref="SpecException">The spec has problems, or schedules (<see cref="RouterSpec.At"/> gives the router of one step).</exception>
    /// <exception cref="ArgumentException">A length is wrong, a logit of an unpadded token is NaN or +infinity, or all of them are -infinity.</exception>
    public static TopKRouting Route(ReadOnlySpan<float> logits, RouterSpec spec, RouteOptions options = default)
    {
        ArgumentNullException.ThrowIfNull(spec);
        spec.CheckedForOneStep();
        int e = spec.Experts, k = spec.TopK;
        int tokens = RouterGuard.Check(logits, spec, options);

        var ids = new int[tokens * k];
        var weights = new float[tokens * k];
        var scores = options.KeepScores ? new float[tokens * e] : null;
        _ = ExpertPlan.SequenceOf(tokens, spec.Dispatch, options.SequenceLength);
        var draws = new RouterDraws(spec, options, tokens);
        float[]? noisy = draws.Noisy(logits);
        if (noisy is not null && spec.Noise!.Use == NoiseUse.Scores) logits = noisy;
        bool noisyChoice = noisy is not null && spec.Noise!.Use != NoiseUse.Scores;
        var row = new ReferenceRow(spec, options.ClosedExperts);
        if (spec.Select is ExpertChoiceSelection && options.GivenExperts.IsEmpty) return ReferenceExpertChoice.Route(logits, spec, options, row);
        float[]? overTokens = spec.Select is ExpertChoiceSelection { OverTokens: true } ? ReferenceExpertChoice.OverTokens(logits, spec, options) : null;
        bool[]? race = spec.Select is RaceSelection pairs && options.GivenExperts.IsEmpty ? ReferenceRace.Taken(logits, spec, pairs, options, row) : null;
        float[]? balanced = options.GivenExperts.IsEmpty ? BatchBalances.Balanced(logits, spec, options) : null;
        var best = spec.Dispatch.Priority == TokenPriority.BestScore ? new float[tokens] : null;
        for (int t = 0; t < tokens; t++)
        {
            var chosen = ids.AsSpan(t * k, k);
            if (!options.Padding.IsEmpty && options.Padding[t])
            {
                chosen.Fill(-1);
                for (int j = 0; j < k && spec.Dispatch.PaddingTakesPlaces; j++)
                {
                    // Its scores and weights are zero, and the rule for later choices sees them so.
                    bool routed = j == 0 || draws.Later is not { AfterCapacity: false } rule || rule.Routes(j, 0, draws.Uniform(j, t));
                    if (routed) chosen[j] = j;
                }

                continue;
            }

            row.Score(logits.Slice(t * e, e));
            if (overTokens is not null) row.TakeScores(overTokens.AsSpan(t * e, e));
            if (scores is not null) row.CopyScores(scores.AsSpan(t * e, e));
            if (best is not null) best[t] = row.BestScore();
            if (spec.Select is SparseMixerSelection mixer)
            {
                ReferenceSparseMixer.Route(row.Logits, mixer, options.ClosedExperts, options.GivenExperts.IsEmpty ? [] : options.GivenExperts.Slice(t * k, k), t, draws, chosen, weights.AsSpan(t * k, k));
                row.Finish(chosen, weights.AsSpan(t * k, k));
                continue;
            }

            if (race is not null)
                for (int j = 0; j < k; j++) chosen[j] = race[t * e + j] ? j : -1;
            else if (balanced is not null) row.SelectBy(balanced.AsSpan(t * e, e), chosen);
            else if (options.GivenExperts.IsEmpty && noisyChoice) row.SelectNoisy(noisy.AsSpan(t * e, e), chosen);
            else if (options.GivenExperts.IsEmpty) row.Select(options.SelectionBias, chosen);
            else options.GivenExperts.Slice(t * k, k).CopyTo(chosen);
            row.Weigh(chosen, weights.AsSpan(t * k, k), options.SelectionBias);
            if (spec.Select is ExpertChoiceSelection { DividesByCount: true })
            {
                int count = k - chosen.Count(-1);
                for (int j = t * k; j < (t + 1) * k && count > 1; j++) weights[j] /= count;
            }

            if (draws.Later is { AfterCapacity: false } later) DropLater(later, t, row, chosen, weights.AsSpan(t * k, k), draws);
        }

        var plan = ExpertPlan.Build(ids, weights, k, e, spec.Dispatch, options.Training, draws.Drop, best, options.SequenceLength);
        for (int r = 0; r < ids.Length && spec.Dispatch.Drop == DropPolicy.Overflow; r++)
        {
            if (plan.Positions[r] < 0) (ids[r], weights[r]) = (-1, 0);
        }

        if (draws.Later is { AfterCapacity: true } after) plan = WithoutLater(after, ids, weights, k, e, plan, draws, Sequences(tokens, spec, options));
        float[]? before = plan.Capacity is null ? null : [.. weights];
        Settle(weights, k, plan, spec.Dispatch);
        return new TopKRouting(tokens, e, k, ids, weights, plan, scores) { Before = before };
    }

    /// <summary>
    /// What the choice compares: scores plus bias, after closed experts and groups that were not kept are masked. The gap between the k-th and the next is the routing margin of a token.
    /// </summary>
    /// <param name="logits">[T, E], as for <see cref="Route"/>.</param>
    /// <param name="spec">The router.</param>
    /// <param name="options">Bias and masks; replay and scores are not looked at.</param>
    /// <param name="destination">[T, E], overwritten; -infinity for an expert that cannot be chosen, and for every expert of a padded token.</param>
    /// <exception cref="SpecException">The spec has problems, or schedules (<see cref="RouterSpec.At"/> gives the router of one step).</exception>
    /// <exception cref="ArgumentException">A length is wrong, or a logit cannot be routed.</exception>
    public static void SelectionScores(ReadOnlySpan<float> logits, RouterSpec spec, RouteOptions options, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(spec);
        spec.CheckedForOneStep();
        int e = spec.Experts;
        int tokens = RouterGuard.Check(logits, spec, options);
        if (destination.Length != logits.Length)
            throw new ArgumentException($"destination has {destination.Length} values; must be as many as logits ({logits.Length})", nameof(destination));
        var row = new ReferenceRow(spec, options.ClosedExperts);
        for (int t = 0; t < tokens; t++)
        {
            var scores = destination.Slice(t * e, e);
            if (!options.Padding.IsEmpty && options.Padding[t])
            {
                scores.Fill(float.NegativeInfinity);
                continue;
            }

            row.Score(logits.Slice(t * e, e));
            row.CopySelectionScores(options.SelectionBias, scores);
        }
    }

    private static void DropLater(LaterChoices later, int token, ReferenceRow row, Span<int> chosen, Span<float> weights, in RouterDraws draws)
    {
        for (int j = 1; j < chosen.Length; j++)
        {
            if (chosen[j] < 0 || later.Routes(j, later.Value == LaterValue.Score ? row.ScoreOf(chosen[j]) : weights[j], draws.Uniform(j, token))) continue;
            chosen[j] = -1;
            weights[j] = 0;
        }
    }

    // The rule sees what passed the capacity: what it takes off has used its place in the queue, and has no expert any more.
    private static ExpertPlan WithoutLater(LaterChoices later, int[] ids, float[] weights, int k, int experts, ExpertPlan plan, in RouterDraws draws, int sequences)
    {
        var kept = new bool[ids.Length];
        int[] positions = plan.Positions.ToArray();
        for (int r = 0; r < kept.Length; r++)
        {
            kept[r] = plan.IsKept(r);
            if (r % k == 0 || ids[r] < 0 || later.Routes(r % k, weights[r], draws.Uniform(r % k, r / k))) continue;
            kept[r] = false;
            ids[r] = positions[r] = -1;
            weights[r] = 0;
        }

        return ExpertPlan.FromKept(ids, k, experts, kept, positions, plan.Capacity ?? kept.Length, sequences);
    }

    internal static int Sequences(int tokens, RouterSpec spec, in RouteOptions options) => tokens == 0 ? 1 : tokens / ExpertPlan.SequenceOf(tokens, spec.Dispatch, options.SequenceLength);

    // Dropped routes weigh nothing; what is left of a token is renormalised where the spec says so.
    internal static void Settle(float[] weights, int k, ExpertPlan plan, DispatchSpec dispatch)
    {
        for (int r = 0; r < weights.Length; r++)
        {
            if (!plan.IsKept(r)) weights[r] = 0;
        }

        if (dispatch.Capacity is null || !dispatch.RenormalizeAfterDrop) return;
        for (int t = 0; t < weights.Length; t += k)
        {
            var row = weights.AsSpan(t, k);
            double sum = 0;
            foreach (float w in row) sum += w;
            sum = Math.Max(sum, dispatch.RenormalizeFloor);
            if (sum == 0) continue;
            for (int j = 0; j < k; j++) row[j] = (float)(row[j] / sum);
        }
    }
}
