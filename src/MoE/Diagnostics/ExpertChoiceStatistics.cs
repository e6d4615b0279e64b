namespace MoE;

/// <summary>What expert choice leaves uneven: how many experts took each token, and how light the weights were (V-MoE's metrics).</summary>
/// <param name="LeastExperts">The fewest experts of a token.</param>
/// <param name="MostExperts">The most experts of a token.</param>
/// <param name="LeastWeight">The smallest weight of a kept route; 0 without routes.</param>
/// <param name="LargestWeight">The largest weight of a kept route; 0 without routes.</param>
/// <param name="AtLeast">Entry i: the share of tokens with at least 2^i experts, for 2^i up to E.</param>
public sealed record ExpertChoiceStatistics(int LeastExperts, int MostExperts, float LeastWeight, float LargestWeight, IReadOnlyList<double> AtLeast)
{
    /// <summary>Measures a routing.</summary>
    /// <param name="routing">Any sparse routing.</param>
    public static ExpertChoiceStatistics Of(SparseRouting routing)
    {
        ArgumentNullException.ThrowIfNull(routing);
        var counts = new int[routing.TokenCount];
        float least = float.PositiveInfinity, largest = float.NegativeInfinity;
        foreach (int r in routing.Plan.Permutation)
        {
            counts[routing.TokenOf(r)]++;
            least = Math.Min(least, routing.Weights[r]);
            largest = Math.Max(largest, routing.Weights[r]);
        }

        var shares = new List<double>();
        for (int n = 1; n <= routing.ExpertCount; n *= 2) shares.Add(counts.Length == 0 ? 0 : (double)counts.Count(c => c >= n) / counts.Length);
        bool any = routing.Plan.Permutation.Length > 0;
        return new ExpertChoiceStatistics(counts.DefaultIfEmpty().Min(), counts.DefaultIfEmpty().Max(), any ? least : 0, any ? largest : 0, shares);
    }
}
