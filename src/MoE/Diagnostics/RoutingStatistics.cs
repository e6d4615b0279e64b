using System.Numerics;

namespace MoE.Diagnostics;

/// <summary>
/// What a routing says about balance, as functions of it. Loads are counted before drops, because a capacity hides the imbalance that it cuts off; sums are taken in double.
/// Of a <see cref="DenseRouting"/>, every non-zero weight counts as a route.
/// </summary>
public static class RoutingStatistics
{
    /// <summary>Routes that each expert was asked to take, kept and dropped alike.</summary>
    /// <param name="routing">Any routing.</param>
    /// <returns>[E]; the <c>load</c> of <see cref="RouterLosses"/>.</returns>
    public static int[] Demand(Routing routing)
    {
        ArgumentNullException.ThrowIfNull(routing);
        if (routing is not SparseRouting sparse) return routing.Load();
        var demand = new int[routing.ExpertCount];
        foreach (int expert in sparse.ExpertIds)
        {
            if (expert >= 0) demand[expert]++;
        }

        return demand;
    }

    /// <summary>How far the busiest expert is above the mean: max(load) / mean(load) - 1. MaxVio of Wang et al. 2024 (auxiliary-loss-free load balancing).</summary>
    /// <param name="routing">Any routing.</param>
    /// <returns>0 when balanced, E - 1 when one expert takes all; 0 without routes.</returns>
    public static double MaxViolation(Routing routing) => MaxViolation(Demand(routing));

    /// <summary><see cref="MaxViolation(Routing)"/> of loads added up over several routings.</summary>
    /// <param name="load">[E], none negative.</param>
    /// <returns>0 when balanced, E - 1 when one expert takes all; 0 without routes.</returns>
    public static double MaxViolation(ReadOnlySpan<int> load) => Violation(load);

    /// <inheritdoc cref="MaxViolation(ReadOnlySpan{int})"/>
    public static double MaxViolation(ReadOnlySpan<long> load) => Violation(load);

    /// <summary>Coefficient of variation of the loads: standard deviation over n, divided by the mean.</summary>
    /// <param name="routing">Any routing.</param>
    /// <returns>0 when balanced, sqrt(E - 1) when one expert takes all; 0 without routes.</returns>
    public static double LoadVariation(Routing routing) => LoadVariation(Demand(routing));

    /// <summary><see cref="LoadVariation(Routing)"/> of loads added up over several routings.</summary>
    /// <param name="load">[E], none negative.</param>
    /// <returns>0 when balanced, sqrt(E - 1) when one expert takes all; 0 without routes.</returns>
    public static double LoadVariation(ReadOnlySpan<int> load) => Variation(load);

    /// <inheritdoc cref="LoadVariation(ReadOnlySpan{int})"/>
    public static double LoadVariation(ReadOnlySpan<long> load) => Variation(load);

    /// <summary>Entropy of the loads brought to sum one, in nats: the logarithm of how many experts are in use.</summary>
    /// <param name="routing">Any routing.</param>
    /// <returns>ln E when balanced; 0 when one expert takes all, and without routes.</returns>
    public static double LoadEntropy(Routing routing) => LoadEntropy(Demand(routing));

    /// <summary><see cref="LoadEntropy(Routing)"/> of loads added up over several routings.</summary>
    /// <param name="load">[E], none negative.</param>
    /// <returns>ln E when balanced; 0 when one expert takes all, and without routes.</returns>
    public static double LoadEntropy(ReadOnlySpan<int> load) => Entropy(load);

    /// <inheritdoc cref="LoadEntropy(ReadOnlySpan{int})"/>
    public static double LoadEntropy(ReadOnlySpan<long> load) => Entropy(load);

    /// <summary>The mean over tokens of each expert's weight, zero where a token did not reach it. Padded tokens, which have no route, do not count.</summary>
    /// <param name="routing">Any routing.</param>
    /// <returns>[E]; all zero without tokens.</returns>
    public static double[] MeanWeights(Routing routing)
    {
        ArgumentNullException.ThrowIfNull(routing);
        int experts = routing.ExpertCount;
        var mean = new double[experts];
        float[] weights = routing.ToDenseWeights();
        for (int i = 0; i < weights.Length; i++) mean[i % experts] += weights[i];
        int counted = CountedTokens(routing);
        for (int e = 0; e < experts && counted > 0; e++) mean[e] /= counted;
        return mean;
    }

    /// <summary>Entropy of <see cref="MeanWeights"/> brought to sum one, in nats: how many experts the batch as a whole uses, as a logarithm.</summary>
    /// <param name="routing">A routing without negative weights.</param>
    /// <returns>ln E when balanced, 0 when one expert has all the weight or there is none.</returns>
    /// <exception cref="ArgumentException">A mean weight is negative.</exception>
    public static double MeanWeightEntropy(Routing routing)
    {
        double[] mean = MeanWeights(routing);
        int negative = Array.FindIndex(mean, static w => w < 0);
        if (negative >= 0)
            throw new ArgumentException($"the mean weight of expert {negative} is {mean[negative]}; must not be negative", nameof(routing));
        double sum = mean.Sum(), entropy = 0;
        foreach (double w in mean)
        {
            if (w > 0) entropy -= w / sum * Math.Log(w / sum);
        }

        return entropy;
    }

    /// <summary>The share of routes that a capacity dropped.</summary>
    /// <param name="routing">Any routing.</param>
    /// <returns>0..1; 0 without routes and for dropless and dense routings.</returns>
    public static double DropRate(Routing routing)
    {
        ArgumentNullException.ThrowIfNull(routing);
        if (routing is not SparseRouting { Plan: var plan } || plan.DroppedCount == 0) return 0;
        return (double)plan.DroppedCount / (plan.DroppedCount + plan.Permutation.Length);
    }

    /// <summary>The experts that no token chose.</summary>
    /// <param name="routing">Any routing.</param>
    /// <returns>Indices, ascending.</returns>
    public static int[] DeadExperts(Routing routing)
    {
        int[] demand = Demand(routing);
        return Enumerable.Range(0, demand.Length).Where(e => demand[e] == 0).ToArray();
    }

    /// <summary>How many tokens chose both of two experts, drops not looked at.</summary>
    /// <param name="routing">Any routing.</param>
    /// <returns>[E, E], symmetric; the diagonal counts the tokens of each expert.</returns>
    public static long[,] CoActivation(Routing routing)
    {
        ArgumentNullException.ThrowIfNull(routing);
        var pairs = new long[routing.ExpertCount, routing.ExpertCount];
        AddPairs(routing, pairs);
        return pairs;
    }

    /// <summary>
    /// The routing margin of every token: the lowest selection score of its experts minus the highest of the others; after a top-k choice, the gap between the k-th and the next.
    /// A small margin is a choice that rounding can turn; a negative one was given instead of chosen.
    /// </summary>
    /// <param name="routing">Any routing.</param>
    /// <param name="selectionScores">[T, E] of <see cref="ReferenceRouter.SelectionScores"/>: -infinity where an expert cannot be chosen.</param>
    /// <returns>[T]: +infinity where no expert was left to choose, NaN for a token without experts (padding).</returns>
    /// <exception cref="ArgumentException">The length is not T x E.</exception>
    public static float[] Margins(Routing routing, ReadOnlySpan<float> selectionScores)
    {
        ArgumentNullException.ThrowIfNull(routing);
        int experts = routing.ExpertCount;
        if (selectionScores.Length != (long)routing.TokenCount * experts)
            throw new ArgumentException($"selectionScores has {selectionScores.Length} values; must be tokens x experts ({routing.TokenCount} x {experts})", nameof(selectionScores));
        var margins = new float[routing.TokenCount];
        var mine = new bool[experts];
        var chosen = new TokenExperts(routing);
        for (int t = 0; t < margins.Length; t++)
        {
            var own = chosen.Of(t);
            foreach (var route in own) mine[route.Expert] = true;
            float least = float.PositiveInfinity, next = float.NegativeInfinity;
            var row = selectionScores.Slice(t * experts, experts);
            for (int e = 0; e < experts; e++)
            {
                if (mine[e]) least = Math.Min(least, row[e]);
                else next = Math.Max(next, row[e]);
            }

            margins[t] = own.Count == 0 ? float.NaN : next == float.NegativeInfinity ? float.PositiveInfinity : least - next;
            foreach (var route in own) mine[route.Expert] = false;
        }

        return margins;
    }

    internal static void AddPairs(Routing routing, long[,] pairs)
    {
        var chosen = new TokenExperts(routing);
        for (int t = 0; t < routing.TokenCount; t++)
        {
            var own = chosen.Of(t);
            foreach (var first in own)
            {
                foreach (var second in own) pairs[first.Expert, second.Expert]++;
            }
        }
    }

    internal static int CountedTokens(Routing routing)
    {
        var chosen = new TokenExperts(routing);
        int counted = 0;
        for (int t = 0; t < routing.TokenCount; t++)
        {
            if (chosen.Of(t).Count > 0) counted++;
        }

        return counted;
    }

    private static double Violation<T>(ReadOnlySpan<T> load) where T : INumber<T>
    {
        double sum = 0, max = 0;
        foreach (T c in load)
        {
            double count = double.CreateChecked(c);
            sum += count;
            max = Math.Max(max, count);
        }

        return sum == 0 ? 0 : max * load.Length / sum - 1;
    }

    private static double Variation<T>(ReadOnlySpan<T> load) where T : INumber<T>
    {
        double sum = 0, squares = 0;
        foreach (T c in load) sum += double.CreateChecked(c);
        if (sum == 0) return 0;
        double mean = sum / load.Length;
        foreach (T c in load) squares += (double.CreateChecked(c) - mean) * (double.CreateChecked(c) - mean);
        return Math.Sqrt(squares / load.Length) / mean;
    }

    private static double Entropy<T>(ReadOnlySpan<T> load) where T : INumber<T>
    {
        double sum = 0, entropy = 0;
        foreach (T c in load) sum += double.CreateChecked(c);
        foreach (T c in load)
        {
            if (c > T.Zero) entropy -= double.CreateChecked(c) / sum * Math.Log(double.CreateChecked(c) / sum);
        }

        return Math.Max(entropy, 0);
    }
}
