namespace MoE;

/// <summary>
/// When to stop: rules over L exits in order of cost, the last of which always takes what is left. An exit is a depth of a network or a time step. Exits are numbered from 0.
/// </summary>
public static class ExitRules
{
    /// <summary>
    /// The share of a sample that leaves at each exit (JEI-DNN): <c>P_l = max(0, min(g_l, 1 - sum of the earlier))</c>, and the last takes the rest. Never negative; sums to one.
    /// </summary>
    /// <param name="gates">g of all exits but the last, [L - 1], each in 0..1.</param>
    /// <param name="shares">P, [L], overwritten.</param>
    /// <exception cref="ArgumentException">A length is wrong, or a gate is outside 0..1.</exception>
    public static void Distribution(ReadOnlySpan<float> gates, Span<float> shares)
    {
        if (shares.Length != gates.Length + 1) throw new ArgumentException($"shares has {shares.Length} values; must have one more than gates ({gates.Length})", nameof(shares));
        double left = 1;
        for (int l = 0; l < gates.Length; l++)
        {
            if (!(gates[l] >= 0 && gates[l] <= 1)) throw new ArgumentException($"gates[{l}] = {gates[l]}: must be in 0..1", nameof(gates));
            double share = Math.Max(0, Math.Min(gates[l], left));
            shares[l] = (float)share;
            left -= share;
        }

        shares[^1] = (float)Math.Max(0, left);
    }

    /// <summary>
    /// The exit a sample takes when it stops at the first conditional probability of at least one half: <c>c_l = clip(P_l / prod_{j&lt;l} (1 - c_j), 0, 1)</c> (JEI-DNN).
    /// </summary>
    /// <param name="shares">P, [L], from <see cref="Distribution"/>; at least one.</param>
    public static int Greedy(ReadOnlySpan<float> shares)
    {
        if (shares.IsEmpty) throw new ArgumentException("shares is empty; must have at least one exit", nameof(shares));
        double survive = 1;
        for (int l = 0; l < shares.Length - 1; l++)
        {
            double conditional = survive <= 0 ? 1 : Math.Clamp(shares[l] / survive, 0, 1);
            if (conditional >= 0.5) return l;
            survive *= 1 - conditional;
        }

        return shares.Length - 1;
    }

    /// <summary>The first exit whose confidence reaches the threshold, or the last (Dynamic Confidence, BranchyNet).</summary>
    /// <param name="confidence">One value per exit, [L]; at least one, not NaN.</param>
    /// <param name="threshold">Not NaN.</param>
    /// <exception cref="ArgumentException">There is no exit, or a value is NaN.</exception>
    public static int Threshold(ReadOnlySpan<float> confidence, double threshold)
    {
        if (confidence.IsEmpty) throw new ArgumentException("confidence is empty; must have at least one exit", nameof(confidence));
        if (double.IsNaN(threshold)) throw new ArgumentException("threshold = NaN: must be a number", nameof(threshold));
        for (int l = 0; l < confidence.Length; l++)
        {
            if (float.IsNaN(confidence[l])) throw new ArgumentException($"confidence[{l}] = NaN: must be a number", nameof(confidence));
        }

        for (int l = 0; l < confidence.Length - 1; l++)
        {
            if (confidence[l] >= threshold) return l;
        }

        return confidence.Length - 1;
    }

    /// <summary>The first exit that is right, or the first of all where none is: what no rule can beat.</summary>
    /// <param name="right">Whether each exit is right, [L]; at least one.</param>
    public static int Oracle(ReadOnlySpan<bool> right)
    {
        if (right.IsEmpty) throw new ArgumentException("right is empty; must have at least one exit", nameof(right));
        return Math.Max(right.IndexOf(true), 0);
    }

    /// <summary>The exit of the best utility <c>quality - beta * cost</c>; of equal ones the first (ECO-M2F's targets; with quality = -loss JEI-DNN's).</summary>
    /// <param name="quality">[L], finite; at least one.</param>
    /// <param name="cost">[L], finite.</param>
    /// <param name="beta">Price of the cost, finite and not negative.</param>
    /// <exception cref="ArgumentException">A length is wrong, or a value is not finite.</exception>
    public static int BestUtility(ReadOnlySpan<float> quality, ReadOnlySpan<float> cost, double beta)
    {
        if (quality.IsEmpty || cost.Length != quality.Length) throw new ArgumentException($"quality and cost have {quality.Length} and {cost.Length} values; must be equally many, at least one", nameof(cost));
        if (!double.IsFinite(beta) || beta < 0) throw new ArgumentOutOfRangeException(nameof(beta), beta, "must be finite and not negative");
        int best = -1;
        double most = double.NegativeInfinity;
        for (int l = 0; l < quality.Length; l++)
        {
            if (!float.IsFinite(quality[l]) || !float.IsFinite(cost[l])) throw new ArgumentException($"quality[{l}] = {quality[l]}, cost[{l}] = {cost[l]}: must be finite", nameof(quality));
            double utility = quality[l] - beta * cost[l];
            if (best >= 0 && utility <= most) continue;
            best = l;
            most = utility;
        }

        return best;
    }

    /// <summary>The labels of the sequential gates for a target exit: a gate says "leave" at the target and everywhere after it (JEI-DNN).</summary>
    /// <param name="target">0..L - 1.</param>
    /// <param name="labels">[L - 1], overwritten; one per gate.</param>
    public static void GateLabels(int target, Span<bool> labels)
    {
        if (target < 0 || target > labels.Length) throw new ArgumentOutOfRangeException(nameof(target), target, $"must be in 0..{labels.Length}");
        for (int l = 0; l < labels.Length; l++) labels[l] = l >= target;
    }

    /// <summary>
    /// The threshold of least mean cost among those whose accuracy is at least <paramref name="accuracy"/>, on held-out samples. Candidates are the confidences that occur.
    /// </summary>
    /// <param name="confidence">[N, L], row-major.</param>
    /// <param name="right">[N, L]: whether each exit is right.</param>
    /// <param name="cost">[L], rising.</param>
    /// <param name="accuracy">0..1.</param>
    /// <returns>Threshold, its accuracy and its mean cost; the threshold is +infinity (always the last exit) if none reaches the accuracy.</returns>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static ExitCalibration Calibrate(ReadOnlySpan<float> confidence, ReadOnlySpan<bool> right, ReadOnlySpan<float> cost, double accuracy)
    {
        int exits = cost.Length;
        if (exits == 0 || confidence.Length == 0 || confidence.Length % exits != 0 || right.Length != confidence.Length)
            throw new ArgumentException($"confidence, right and cost have {confidence.Length}, {right.Length} and {exits} values; must be N x L, N x L and L", nameof(confidence));
        float[] candidates = [.. confidence.ToArray().Where(static c => !float.IsNaN(c)).Distinct().Order(), float.PositiveInfinity];
        var best = new ExitCalibration(double.PositiveInfinity, 0, double.PositiveInfinity);
        foreach (float threshold in candidates)
        {
            var found = Measure(confidence, right, cost, threshold);
            bool reaches = found.Accuracy >= accuracy;
            if (float.IsPositiveInfinity(threshold) && double.IsPositiveInfinity(best.MeanCost)) return found;
            if (reaches && found.MeanCost < best.MeanCost) best = found;
        }

        return best;
    }

    private static ExitCalibration Measure(ReadOnlySpan<float> confidence, ReadOnlySpan<bool> right, ReadOnlySpan<float> cost, double threshold)
    {
        int exits = cost.Length, samples = confidence.Length / exits, hits = 0;
        double sum = 0;
        for (int n = 0; n < samples; n++)
        {
            int exit = Threshold(confidence.Slice(n * exits, exits), threshold);
            if (right[n * exits + exit]) hits++;
            sum += cost[exit];
        }

        return new ExitCalibration(threshold, (double)hits / samples, sum / samples);
    }
}
