namespace MoE;

/// <summary>Masks over units (channels, layers, edges, blocks): which are on. Equal scores go to the lowest index.</summary>
public static class UnitMasks
{
    /// <summary>The units that carry the share <paramref name="mass"/> of all activation (Fire Together Wire Together; top-p).</summary>
    /// <param name="activation">Non-negative and finite, [n]; need not sum to one.</param>
    /// <param name="mass">0..1. At 1 every unit with activation is on, whatever the cut.</param>
    /// <param name="cut">What happens to the unit that reaches the mass.</param>
    /// <param name="mask">[n], overwritten.</param>
    /// <returns>The number of units that are on; 0 where there is no activation at all.</returns>
    /// <exception cref="ArgumentException">A length differs, or an activation is negative or not finite.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The mass is outside 0..1.</exception>
    public static int TopMass(ReadOnlySpan<float> activation, double mass, MassCut cut, Span<bool> mask)
    {
        CheckMask(activation, mask);
        if (!(mass >= 0 && mass <= 1)) throw new ArgumentOutOfRangeException(nameof(mass), mass, "must be in 0..1");
        double total = 0;
        for (int i = 0; i < activation.Length; i++)
        {
            if (!(activation[i] >= 0) || float.IsInfinity(activation[i]))
                throw new ArgumentException($"activation[{i}] = {activation[i]}: must be finite and not negative", nameof(activation));
            total += activation[i];
        }

        mask.Clear();
        int on = 0;
        double sum = 0;
        foreach (int i in Descending(activation))
        {
            if (activation[i] == 0) break;
            double before = sum;
            sum += activation[i];
            bool keep = mass == 1 || (cut == MassCut.Crossing ? before < mass * total : sum / total - mass <= 1e-5);
            if (!keep) break;
            mask[i] = true;
            on++;
        }

        return on;
    }

    /// <summary>Units that are on for too much: those that respond to at least a number of examples are off (hyperactive neurons, Hussaini et al. 2023). Counted are examples with a response, not its size.</summary>
    /// <param name="responses">[examples, n], not NaN; a response is anything above zero.</param>
    /// <param name="threshold">Responses from which a unit is off; 0: all stay on.</param>
    /// <param name="mask">[n], overwritten: true where a unit stays on.</param>
    /// <returns>The number of units that are off.</returns>
    /// <exception cref="ArgumentException">The length of responses is no multiple of n, or a response is NaN.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The threshold is negative.</exception>
    public static int WithoutHyperactive(ReadOnlySpan<float> responses, int threshold, Span<bool> mask)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threshold);
        if (mask.IsEmpty ? !responses.IsEmpty : responses.Length % mask.Length != 0)
            throw new ArgumentException($"responses has {responses.Length} values; must be a multiple of the units ({mask.Length})", nameof(responses));
        int off = 0;
        for (int u = 0; u < mask.Length; u++)
        {
            int active = 0;
            for (int at = u; at < responses.Length; at += mask.Length)
            {
                if (float.IsNaN(responses[at])) throw new ArgumentException($"responses[{at}] = NaN: must be a number", nameof(responses));
                if (responses[at] > 0) active++;
            }

            mask[u] = threshold == 0 || active < threshold;
            if (!mask[u]) off++;
        }

        return off;
    }

    /// <summary>The k best units.</summary>
    /// <param name="scores">Not NaN, [n].</param>
    /// <param name="k">0..n.</param>
    /// <param name="mask">[n], overwritten.</param>
    /// <exception cref="ArgumentException">A length differs, or a score is NaN.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k is outside 0..n.</exception>
    public static void TopK(ReadOnlySpan<float> scores, int k, Span<bool> mask)
    {
        CheckMask(scores, mask);
        if (k < 0 || k > scores.Length) throw new ArgumentOutOfRangeException(nameof(k), k, $"must be in 0..{scores.Length}");
        for (int i = 0; i < scores.Length; i++)
        {
            if (float.IsNaN(scores[i])) throw new ArgumentException($"scores[{i}] = NaN: must be a number", nameof(scores));
        }

        mask.Clear();
        foreach (int i in Descending(scores).AsSpan(0, k)) mask[i] = true;
    }

    /// <summary>The best share of the units: ceil(ratio * n) of them (HyperDrop, top-k pooling).</summary>
    /// <param name="scores">Not NaN, [n].</param>
    /// <param name="ratio">0..1.</param>
    /// <param name="mask">[n], overwritten.</param>
    /// <returns>The number of units that are on.</returns>
    /// <exception cref="ArgumentException">A length differs, or a score is NaN.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The ratio is outside 0..1.</exception>
    public static int TopRatio(ReadOnlySpan<float> scores, double ratio, Span<bool> mask)
    {
        if (!(ratio >= 0 && ratio <= 1)) throw new ArgumentOutOfRangeException(nameof(ratio), ratio, "must be in 0..1");
        int k = (int)Math.Ceiling(ratio * scores.Length);
        TopK(scores, k, mask);
        return k;
    }

    /// <summary>
    /// k units without replacement, each draw in proportion to exp(logit) among those left: the k largest of logit + Gumbel noise (CommFormer's edges; Kool et al. 2019).
    /// </summary>
    /// <param name="logits">Not NaN, [n].</param>
    /// <param name="k">0..n.</param>
    /// <param name="noise">Source of the Gumbel draw.</param>
    /// <param name="name">Name of the draw.</param>
    /// <param name="step">Step of the draw.</param>
    /// <param name="mask">[n], overwritten.</param>
    /// <exception cref="ArgumentException">A length differs, or a logit is NaN.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k is outside 0..n.</exception>
    public static void GumbelTopK(ReadOnlySpan<float> logits, int k, INoiseSource noise, string name, long step, Span<bool> mask)
    {
        ArgumentNullException.ThrowIfNull(noise);
        var noisy = new float[logits.Length];
        noise.Fill(name, step, NoiseKind.Gumbel, noisy);
        for (int i = 0; i < noisy.Length; i++) noisy[i] += logits[i];
        TopK(noisy, k, mask);
    }

    // Stable: equal values in rising index order.
    private static int[] Descending(ReadOnlySpan<float> values)
    {
        float[] keys = values.ToArray();
        int[] order = new int[keys.Length];
        for (int i = 0; i < order.Length; i++) order[i] = i;
        Array.Sort(order, (a, b) => keys[a] != keys[b] ? keys[b].CompareTo(keys[a]) : a.CompareTo(b));
        return order;
    }

    private static void CheckMask(ReadOnlySpan<float> values, Span<bool> mask)
    {
        if (mask.Length != values.Length) throw new ArgumentException($"mask has {mask.Length} values; must have {values.Length}", nameof(mask));
    }
}
