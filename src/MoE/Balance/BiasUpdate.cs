namespace MoE;

/// <summary>Balance without an auxiliary loss: the selection bias is moved after each batch, never by the gradient.</summary>
public static class BiasUpdate
{
    /// <summary>Moves each bias by a fixed step towards balance: b_e += rate * sign(mean(c) - c_e), sign(0) = 0.</summary>
    /// <param name="bias">[E], updated.</param>
    /// <param name="load">c [E]: routes per expert of the batch.</param>
    /// <param name="rate">The step, finite; 0.001 in DeepSeek-V3.</param>
    /// <param name="centred">The mean of the steps is taken off, so that the mean of the biases does not drift.</param>
    /// <exception cref="ArgumentException">The lengths differ, or the rate is not finite.</exception>
    /// <remarks>Wang et al. 2024 (auxiliary-loss-free load balancing); Megatron-LM <c>get_updated_expert_bias</c>; OLMo-core <c>post_batch</c>; torchtitan for the centred form.</remarks>
    public static void Sign(Span<float> bias, ReadOnlySpan<int> load, double rate, bool centred = false)
    {
        if (bias.Length != load.Length) throw new ArgumentException($"load has {load.Length} values; must have one per expert ({bias.Length})", nameof(load));
        if (!double.IsFinite(rate)) throw new ArgumentOutOfRangeException(nameof(rate), rate, "must be finite");
        if (load.IsEmpty) return;
        double mean = 0, drift = 0;
        foreach (int c in load) mean += (double)c / load.Length;
        if (centred)
        {
            foreach (int c in load) drift += (double)Math.Sign(mean - c) / load.Length;
        }

        for (int e = 0; e < load.Length; e++) bias[e] += (float)(rate * (Math.Sign(mean - load[e]) - drift));
    }

    /// <summary>Quantile balancing: the bias at which each expert would have got its share T k / E of this batch, one round of a dual ascent.</summary>
    /// <param name="scores">[T, E]; T k must be a multiple of E.</param>
    /// <param name="beta">[E]: the present dual variable, subtracted from the scores for the choice (a selection bias with the other sign).</param>
    /// <param name="k">1..E-1.</param>
    /// <param name="next">[E]: the next one.</param>
    /// <returns>[T, K]: the choice under <paramref name="beta"/>, best first, equal values to the lowest index.</returns>
    /// <exception cref="ArgumentException">A length is wrong, or T k is no multiple of E.</exception>
    /// <remarks>Megatron-LM <c>megatron/core/transformer/moe/moe_utils.py</c> qb_dual_update: alpha_t is the (k+1)-th largest of scores - beta, next_e the (T k / E + 1)-th largest of scores - alpha.</remarks>
    public static int[] Quantile(ReadOnlySpan<float> scores, ReadOnlySpan<float> beta, int k, Span<float> next)
    {
        int experts = beta.Length;
        if (experts == 0 || scores.Length % experts != 0) throw new ArgumentException($"scores has {scores.Length} values; must be a multiple of experts ({experts})", nameof(scores));
        if (k < 1 || k >= experts) throw new ArgumentOutOfRangeException(nameof(k), k, $"must be in 1..{experts - 1}");
        if (next.Length != experts) throw new ArgumentException($"next has {next.Length} values; must have one per expert ({experts})", nameof(next));
        int tokens = scores.Length / experts;
        if ((long)tokens * k % experts != 0) throw new ArgumentException($"{tokens} tokens with {k} choices cannot be shared equally by {experts} experts", nameof(scores));
        int share = tokens * k / experts;
        var chosen = new int[tokens * k];
        var excess = new float[scores.Length];
        for (int t = 0; t < tokens; t++)
        {
            var row = new float[experts];
            for (int e = 0; e < experts; e++) row[e] = scores[t * experts + e] - beta[e];
            int[] ranked = [.. Enumerable.Range(0, experts).OrderByDescending(e => row[e])];
            ranked.AsSpan(0, k).CopyTo(chosen.AsSpan(t * k));
            for (int e = 0; e < experts; e++) excess[t * experts + e] = scores[t * experts + e] - row[ranked[k]];
        }

        for (int e = 0; e < experts; e++)
        {
            float[] column = [.. Enumerable.Range(0, tokens).Select(t => excess[t * experts + e]).OrderDescending()];
            next[e] = share < tokens ? column[share] : column.Length == 0 ? 0 : column[^1];
        }

        return chosen;
    }
}
