namespace MoE;

/// <summary>The checks that every managed router makes at its boundary.</summary>
internal static class RouterGuard
{
    /// <summary>Checks lengths and values; returns T.</summary>
    public static int Check(ReadOnlySpan<float> logits, RouterSpec spec, in RouteOptions options)
    {
        int e = spec.Experts, k = spec.TopK;
        if (logits.Length % e != 0)
            throw new ArgumentException($"logits has {logits.Length} values; must be a multiple of experts ({e})", nameof(logits));
        int tokens = logits.Length / e;
        if (options.SelectionBias.Length != (spec.UsesSelectionBias ? e : 0))
            throw new ArgumentException($"selectionBias has {options.SelectionBias.Length} values; must have {(spec.UsesSelectionBias ? e : 0)} for this spec", "selectionBias");
        CheckOptional(options.Padding.Length, tokens, "padding", "one per token");
        CheckOptional(options.ClosedExperts.Length, e, "closedExperts", "one per expert");
        CheckOptional(options.GivenExperts.Length, tokens * k, "givenExperts", "tokens x k");
        for (int i = 0; i < options.SelectionBias.Length; i++)
        {
            if (!float.IsFinite(options.SelectionBias[i]))
                throw new ArgumentException($"selectionBias[{i}] = {options.SelectionBias[i]}: must be finite", "selectionBias");
        }

        for (int i = 0; i < options.GivenExperts.Length; i++)
        {
            if (options.GivenExperts[i] < -1 || options.GivenExperts[i] >= e)
                throw new ArgumentException($"givenExperts[{i}] = {options.GivenExperts[i]}: must be -1 (none) or in 0..{e - 1}", "givenExperts");
        }

        if (!options.ClosedExperts.IsEmpty && !options.ClosedExperts.Contains(false))
            throw new ArgumentException("closedExperts closes every expert; at least one must be open", "closedExperts");
        if (!options.SkipLogitCheck) CheckLogits(logits, e, options.Padding, options.ClosedExperts);
        return tokens;
    }

    private static void CheckOptional(int length, int expected, string name, string rule)
    {
        if (length != 0 && length != expected)
            throw new ArgumentException($"{name} has {length} values; must have {expected} ({rule})", name);
    }

    private static void CheckLogits(ReadOnlySpan<float> logits, int experts, ReadOnlySpan<bool> padding, ReadOnlySpan<bool> closed)
    {
        for (int t = 0; t * experts < logits.Length; t++)
        {
            if (!padding.IsEmpty && padding[t]) continue;
            bool open = false;
            for (int e = 0; e < experts; e++)
            {
                float l = logits[t * experts + e];
                if (float.IsNaN(l) || float.IsPositiveInfinity(l))
                    throw new ArgumentException($"logits[{t}, {e}] = {l}: must be finite or -infinity", "logits");
                open |= !float.IsNegativeInfinity(l) && (closed.IsEmpty || !closed[e]);
            }

            if (!open) throw new ArgumentException($"logits[{t}, *]: every open expert has -infinity; one must be finite", "logits");
        }
    }
}
