namespace MoE;

/// <summary>Scores balanced over a batch, for the choice.</summary>
internal static class BatchBalances
{
    /// <summary>[T, E] values to choose by, or null where the call balances nothing. Padded rows stay zero.</summary>
    public static float[]? Balanced(ReadOnlySpan<float> logits, RouterSpec spec, in RouteOptions options)
    {
        if (!options.Training || spec.Select is not TopKSelection { Balance: { } balance }) return null;
        int experts = spec.Experts;
        var rows = new List<int>();
        for (int t = 0; t * experts < logits.Length; t++)
        {
            if (options.Padding.IsEmpty || !options.Padding[t]) rows.Add(t);
        }

        var packed = new float[rows.Count * experts];
        for (int i = 0; i < rows.Count; i++) logits.Slice(rows[i] * experts, experts).CopyTo(packed.AsSpan(i * experts));
        float[] values = balance.Method switch
        {
            BalanceMethod.Auction => BalancedAssignment.Assign(packed, experts, balance.Iterations).ToMap(),
            _ => Sinkhorn.Normalize(packed, experts, balance.Method == BalanceMethod.LogSinkhorn, balance.Tolerance, balance.Iterations),
        };
        var all = new float[logits.Length];
        for (int i = 0; i < rows.Count; i++) values.AsSpan(i * experts, experts).CopyTo(all.AsSpan(rows[i] * experts));
        return all;
    }
}
