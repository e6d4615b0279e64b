namespace MoE;

/// <summary>
/// The auxiliary losses on host values, as functions; the torch engine has the same ones with gradients. Padding: true marks tokens that do not count.
/// Sums are taken in double.
/// </summary>
public static class RouterLosses
{
    /// <summary>
    /// Switch load balancing: <c>E / (k T^2) * sum_e (sum_t p_te) * c_e</c>. 1 when balanced. Switch Transformers eq. 4; Megatron-LM <c>switch_load_balancing_loss_func</c>.
    /// </summary>
    /// <param name="scores">p [T, E]; rows of counted tokens sum to one.</param>
    /// <param name="load">c [E]: routes per expert, before drops.</param>
    /// <param name="choices">k, positive.</param>
    /// <param name="padding">[T] or empty.</param>
    /// <param name="total">T of the formula where scores and loads are sums over more than these tokens, zero or more (Megatron-LM <c>total_num_tokens</c>); null: the counted tokens.</param>
    /// <param name="coefficient">Multiplies the loss.</param>
    /// <returns>The loss; 0 without counted tokens.</returns>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static double SwitchLoadBalancing(ReadOnlySpan<float> scores, ReadOnlySpan<int> load, int choices, ReadOnlySpan<bool> padding = default, int? total = null, double coefficient = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(choices);
        ArgumentOutOfRangeException.ThrowIfNegative(total ?? 0, nameof(total));
        int experts = load.Length;
        if (experts == 0) throw new ArgumentException("load is empty; must have one count per expert", nameof(load));
        int tokens = CountTokens(scores, experts, padding, nameof(scores));
        double sum = 0;
        for (int e = 0; e < experts; e++) sum += ColumnSum(scores, experts, e, padding) * load[e];
        int counted = total ?? Counted(tokens, padding);
        return counted == 0 ? 0 : coefficient * (sum * experts / ((double)choices * counted * counted));
    }

    /// <summary>Load balancing over kept tokens only: <c>E / (k M^2) * sum_e (sum_t p_te) * c_e</c> with M = sum(c) / k. FastMoE's Switch gate.</summary>
    /// <param name="scores">p [T, E].</param>
    /// <param name="load">c [E]: routes per expert, after drops.</param>
    /// <param name="choices">k, positive.</param>
    /// <returns>The loss; 0 where nothing is kept.</returns>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static double KeptLoadBalancing(ReadOnlySpan<float> scores, ReadOnlySpan<int> load, int choices = 1)
    {
        long kept = 0;
        foreach (int c in load) kept += c;
        if (kept == 0) return 0;
        double m = (double)kept / choices;
        int tokens = CountTokens(scores, load.Length, [], nameof(scores));
        return SwitchLoadBalancing(scores, load, choices) * (tokens / m) * (tokens / m);
    }

    /// <summary>Load balancing sequence by sequence: the mean over sequences of <c>E / k * sum_e f_e P_e</c>, f the share of the sequence's tokens that the expert was given and P the mean score; 1 when balanced.</summary>
    /// <param name="scores">p [T, E].</param>
    /// <param name="map">[T, E]: which expert counts for which token.</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="sequenceLength">Tokens per sequence, a divisor of T; 0: one sequence.</param>
    /// <param name="choices">k, positive; 1 in transformers Switch and NLLB, flaxformer, lucidrains and st-moe, whatever the number of choices.</param>
    /// <param name="padding">[T] or empty; padded tokens count neither in f nor in P.</param>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static double SequenceLoadBalancing(ReadOnlySpan<float> scores, ReadOnlySpan<bool> map, int experts, int sequenceLength = 0, int choices = 1, ReadOnlySpan<bool> padding = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(choices);
        ArgumentOutOfRangeException.ThrowIfNegative(sequenceLength);
        int tokens = CountTokens(scores, experts, padding, nameof(scores));
        if (map.Length != scores.Length) throw new ArgumentException($"map has {map.Length} values; must be as many as scores ({scores.Length})", nameof(map));
        if (tokens == 0) return 0;
        int length = sequenceLength == 0 ? tokens : sequenceLength;
        if (tokens % length != 0) throw new ArgumentException($"sequenceLength = {sequenceLength}: must divide the tokens ({tokens})", nameof(sequenceLength));
        double sum = 0;
        var load = new int[experts];
        for (int s = 0; s < tokens; s += length)
        {
            Array.Clear(load);
            for (int i = s * experts; i < (s + length) * experts; i++)
            {
                if (map[i] && (padding.IsEmpty || !padding[i / experts])) load[i % experts]++;
            }

            sum += SwitchLoadBalancing(scores.Slice(s * experts, length * experts), load, choices, padding.IsEmpty ? [] : padding.Slice(s, length));
        }

        return sum / (tokens / length);
    }

    /// <summary>
    /// Load balancing as the transformers Mixtral family computes it: <c>E * sum_e (c_e / T) * mean_t p_te</c> with the k choices not divided out, layers pooled on the token axis. <b>k</b> when balanced.
    /// </summary>
    /// <param name="logits">One [T, E] block of logits per layer, one after the other.</param>
    /// <param name="experts">E.</param>
    /// <param name="choices">k.</param>
    /// <param name="padding">[T] of one layer, or empty; used for every layer.</param>
    /// <returns>The loss; 0 without counted tokens.</returns>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static double PooledLoadBalancing(ReadOnlySpan<float> logits, int experts, int choices, ReadOnlySpan<bool> padding = default)
    {
        var spec = new RouterSpec { Experts = experts, Select = new TopKSelection { K = choices } }.Checked();
        if (logits.Length % experts != 0)
            throw new ArgumentException($"logits has {logits.Length} values; must be a multiple of experts ({experts})", nameof(logits));
        int rows = logits.Length / experts;
        if (!padding.IsEmpty && rows % padding.Length != 0)
            throw new ArgumentException($"padding has {padding.Length} values; must divide the rows of all layers ({rows})", nameof(padding));
        var pooled = new bool[rows];
        for (int t = 0; t < rows && !padding.IsEmpty; t++) pooled[t] = padding[t % padding.Length];
        var routing = ReferenceRouter.Route(logits, spec, new RouteOptions { Padding = pooled, KeepScores = true });
        return SwitchLoadBalancing(routing.Scores, routing.Load(), choices, pooled) * choices;
    }

    /// <summary>Router z-loss: the mean over tokens of <c>logsumexp(l)^2</c> (ST-MoE eq. 5).</summary>
    /// <param name="logits">[T, E].</param>
    /// <param name="experts">E.</param>
    /// <param name="padding">[T] or empty.</param>
    /// <param name="coefficient">Multiplies the loss.</param>
    /// <returns>The loss; 0 without counted tokens.</returns>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static double ZLoss(ReadOnlySpan<float> logits, int experts, ReadOnlySpan<bool> padding = default, double coefficient = 1)
    {
        int tokens = CountTokens(logits, experts, padding, nameof(logits));
        double sum = 0;
        for (int t = 0; t < tokens; t++)
        {
            if (!padding.IsEmpty && padding[t]) continue;
            double z = ScoreFunctions.LogSumExp(logits.Slice(t * experts, experts));
            sum += z * z;
        }

        return coefficient * (sum / Math.Max(Counted(tokens, padding), 1));
    }

    /// <summary>Importance loss: the squared coefficient of variation of the experts' summed weights (Shazeer et al. 2017). 0 when balanced.</summary>
    /// <param name="weights">Weights [T, E], zero where not routed.</param>
    /// <param name="experts">E.</param>
    /// <param name="variance">Which variance.</param>
    /// <param name="padding">[T] or empty.</param>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static double Importance(ReadOnlySpan<float> weights, int experts, VarianceKind variance = VarianceKind.Unbiased, ReadOnlySpan<bool> padding = default)
    {
        CountTokens(weights, experts, padding, nameof(weights));
        var sums = new double[experts];
        for (int e = 0; e < experts; e++) sums[e] = ColumnSum(weights, experts, e, padding);
        return SquaredVariation(sums, variance);
    }

    /// <summary>Load loss on counts: the squared coefficient of variation of the experts' loads. 0 when balanced.</summary>
    /// <param name="load">Routes per expert [E], or a smooth estimate of them.</param>
    /// <param name="variance">Which variance.</param>
    public static double Load(ReadOnlySpan<int> load, VarianceKind variance = VarianceKind.Unbiased)
    {
        var counts = new double[load.Length];
        for (int e = 0; e < counts.Length; e++) counts[e] = load[e];
        return SquaredVariation(counts, variance);
    }

    /// <summary>(standard deviation / mean)^2. Unbiased: variance over n - 1 and <c>mean^2 + 1e-10</c> below, as the ports of Shazeer's gate have it; biased: over n, without a guard (V-MoE). 0 for a single value, and for all zeros.</summary>
    /// <param name="values">[E].</param>
    /// <param name="variance">Which variance.</param>
    public static double SquaredVariation(ReadOnlySpan<double> values, VarianceKind variance)
    {
        if (values.Length <= 1) return 0;
        double mean = 0, squares = 0;
        foreach (double v in values) mean += v / values.Length;
        foreach (double v in values) squares += (v - mean) * (v - mean);
        if (squares == 0) return 0;
        return variance == VarianceKind.Unbiased
            ? squares / (values.Length - 1) / (mean * mean + 1e-10)
            : squares / values.Length / (mean * mean);
    }

    /// <summary>
    /// SAM's alignment loss: the mean over tokens of sum max(p_e - m, 0) over the experts that were not chosen, m being the least probability of the chosen. Zero when the choice by groups is the choice among all.
    /// </summary>
    /// <param name="scores">p [T, E].</param>
    /// <param name="routing">The choice; a token without an expert counts with zero.</param>
    /// <exception cref="ArgumentException">The sizes differ.</exception>
    /// <remarks>Jiang et al. 2021, "Towards more effective and economic sparsely-activated model".</remarks>
    public static double Alignment(ReadOnlySpan<float> scores, TopKRouting routing)
    {
        ArgumentNullException.ThrowIfNull(routing);
        int experts = routing.ExpertCount, tokens = CountTokens(scores, experts, [], nameof(scores));
        if (tokens != routing.TokenCount) throw new ArgumentException($"scores has {tokens} tokens; must have {routing.TokenCount}", nameof(scores));
        double sum = 0;
        for (int t = 0; t < tokens; t++)
        {
            var chosen = routing.ExpertIds.Slice(t * routing.Choices, routing.Choices);
            float least = float.PositiveInfinity;
            foreach (int e in chosen) least = e < 0 ? least : Math.Min(least, scores[t * experts + e]);
            for (int e = 0; e < experts; e++)
            {
                if (!chosen.Contains(e)) sum += Math.Max(scores[t * experts + e] - least, 0);
            }
        }

        return tokens == 0 ? 0 : sum / tokens;
    }

    /// <summary>The share of (token, expert) pairs without a route: 1 - k/E for top-k.</summary>
    /// <param name="routing">Any sparse routing.</param>
    /// <returns>In 0..1; 1 without tokens.</returns>
    public static double Sparsity(SparseRouting routing)
    {
        ArgumentNullException.ThrowIfNull(routing);
        double pairs = (double)routing.TokenCount * routing.ExpertCount;
        return pairs == 0 ? 1 : 1 - routing.Plan.Permutation.Length / pairs;
    }

    /// <summary>The loss of expert choice in Mesh TensorFlow: the mean over sequences of <c>n sum_t q_t^2</c>, q_t the mean over experts of the token's probability; 1 when every token is equally likely to be taken.</summary>
    /// <param name="scores">[T, E]: softmaxes over the n tokens of a sequence.</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="sequenceLength">Tokens per sequence, a divisor of T; 0: one sequence.</param>
    /// <param name="padding">[T] or empty; padded tokens do not count.</param>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    /// <remarks>Mesh TensorFlow <c>mesh_tensorflow/transformer/moe.py</c> _expert_selection_gating, da90793 (2021-05).</remarks>
    public static double ExpertChoice(ReadOnlySpan<float> scores, int experts, int sequenceLength = 0, ReadOnlySpan<bool> padding = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sequenceLength);
        int tokens = CountTokens(scores, experts, padding, nameof(scores));
        if (tokens == 0) return 0;
        int length = sequenceLength == 0 ? tokens : sequenceLength;
        if (tokens % length != 0) throw new ArgumentException($"sequenceLength = {sequenceLength}: must divide the tokens ({tokens})", nameof(sequenceLength));
        double sum = 0;
        for (int s = 0; s < tokens; s += length)
        {
            double squares = 0;
            int counted = 0;
            for (int t = s; t < s + length; t++)
            {
                if (!padding.IsEmpty && padding[t]) continue;
                double mean = 0;
                foreach (float p in scores.Slice(t * experts, experts)) mean += (double)p / experts;
                squares += mean * mean;
                counted++;
            }

            sum += counted * squares;
        }

        return sum / (tokens / length);
    }

    /// <summary>Rows divided by their sums.</summary>
    /// <param name="scores">[T, E], not negative.</param>
    /// <param name="experts">E, positive.</param>
    /// <returns>[T, E]; a row of zeros stays zero.</returns>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static float[] NormalizedRows(ReadOnlySpan<float> scores, int experts)
    {
        int tokens = CountTokens(scores, experts, [], nameof(scores));
        float[] rows = scores.ToArray();
        for (int t = 0; t < tokens; t++)
        {
            double sum = 0;
            foreach (float s in rows.AsSpan(t * experts, experts)) sum += s;
            if (sum == 0) continue;
            foreach (ref float s in rows.AsSpan(t * experts, experts)) s = (float)(s / sum);
        }

        return rows;
    }

    /// <summary>The mean entropy of the tokens' scores, in nats: ln E when every token is undecided, 0 when every token is certain.</summary>
    /// <param name="scores">p [T, E], rows that sum to one.</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="padding">[T] or empty.</param>
    /// <returns>The entropy; 0 without counted tokens.</returns>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static double TokenEntropy(ReadOnlySpan<float> scores, int experts, ReadOnlySpan<bool> padding = default)
    {
        int tokens = CountTokens(scores, experts, padding, nameof(scores));
        double sum = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            if (scores[i] > 0 && (padding.IsEmpty || !padding[i / experts])) sum -= scores[i] * Math.Log(scores[i]);
        }

        return sum / Math.Max(Counted(tokens, padding), 1);
    }

    /// <summary>The entropy of the mean score, in nats: ln E when the batch is balanced. Its negative is a loss that balances without counting.</summary>
    /// <param name="scores">p [T, E], rows that sum to one.</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="padding">[T] or empty.</param>
    /// <returns>The entropy; 0 without counted tokens.</returns>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static double BatchEntropy(ReadOnlySpan<float> scores, int experts, ReadOnlySpan<bool> padding = default)
    {
        int counted = Math.Max(Counted(CountTokens(scores, experts, padding, nameof(scores)), padding), 1);
        double entropy = 0;
        for (int e = 0; e < experts; e++)
        {
            double p = ColumnSum(scores, experts, e, padding) / counted;
            if (p > 0) entropy -= p * Math.Log(p);
        }

        return entropy;
    }

    /// <summary>Scores that sum to one: softmax, or another score function divided by its sum over all experts + 1e-20.</summary>
    /// <param name="logits">[T, E].</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="function">The score function, not the identity.</param>
    /// <returns>[T, E].</returns>
    /// <exception cref="ArgumentException">The function is the identity, or a length is wrong.</exception>
    public static float[] NormalizedScores(ReadOnlySpan<float> logits, int experts, ScoreFunction function)
    {
        if (function == ScoreFunction.Identity) throw new ArgumentException("function is Identity; raw logits cannot be normalised", nameof(function));
        int tokens = CountTokens(logits, experts, [], nameof(logits));
        var scores = new float[logits.Length];
        for (int t = 0; t < tokens; t++)
        {
            var row = scores.AsSpan(t * experts, experts);
            ScoreFunctions.Apply(function, logits.Slice(t * experts, experts), row);
            if (function == ScoreFunction.Softmax) continue;
            double sum = 1e-20;
            foreach (float s in row) sum += s;
            foreach (ref float s in row) s = (float)(s / sum);
        }

        return scores;
    }

    /// <summary>A loss times its coefficient.</summary>
    /// <param name="loss">The loss.</param>
    /// <param name="coefficient">Finite.</param>
    public static double Weighted(double loss, double coefficient) => coefficient * loss;

    /// <summary>The sum of losses.</summary>
    /// <param name="losses">The losses.</param>
    public static double Total(params ReadOnlySpan<double> losses)
    {
        double sum = 0;
        foreach (double loss in losses) sum += loss;
        return sum;
    }

    private static int CountTokens(ReadOnlySpan<float> values, int experts, ReadOnlySpan<bool> padding, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        if (values.Length % experts != 0)
            throw new ArgumentException($"{name} has {values.Length} values; must be a multiple of experts ({experts})", name);
        int tokens = values.Length / experts;
        if (!padding.IsEmpty && padding.Length != tokens)
            throw new ArgumentException($"padding has {padding.Length} values; must have one per token ({tokens})", nameof(padding));
        return tokens;
    }

    private static int Counted(int tokens, ReadOnlySpan<bool> padding) => tokens - padding.Count(true);

    private static double ColumnSum(ReadOnlySpan<float> values, int experts, int column, ReadOnlySpan<bool> padding)
    {
        double sum = 0;
        for (int t = 0; t * experts < values.Length; t++)
        {
            if (padding.IsEmpty || !padding[t]) sum += values[t * experts + column];
        }

        return sum;
    }
}
