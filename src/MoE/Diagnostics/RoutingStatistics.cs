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
    public static double MaxViolation(ReadOnlySpan<int> load)
    {
        double sum = 0, max = 0;
        foreach (int c in load)
        {
            sum += c;
            max = Math.Max(max, c);
        }

        return sum == 0 ? 0 : max * load.Length / sum - 1;
    }

    /// <summary>Coefficient of variation of the loads: standard deviation over n, divided by the mean.</summary>
    /// <param name="routing">Any routing.</param>
    /// <returns>0 when balanced, sqrt(E - 1) when one expert takes all; 0 without routes.</returns>
    public static double LoadVariation(Routing routing) => LoadVariation(Demand(routing));

    /// <summary><see cref="LoadVariation(Routing)"/> of loads added up over several routings.</summary>
    /// <param name="load">[E], none negative.</param>
    /// <returns>0 when balanced, sqrt(E - 1) when one expert takes all; 0 without routes.</returns>
    public static double LoadVariation(ReadOnlySpan<int> load) => Math.Sqrt(RouterLosses.Load(load, VarianceKind.Biased));

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

    private static int CountedTokens(Routing routing)
    {
        if (routing is not SparseRouting sparse) return routing.TokenCount;
        var counted = new HashSet<int>();
        for (int r = 0; r < sparse.RouteCount; r++)
        {
            if (sparse.ExpertIds[r] >= 0) counted.Add(sparse.TokenOf(r));
        }

        return counted.Count;
    }
}
