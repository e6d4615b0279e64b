namespace MoE.Samples.Numerics;

/// <summary>Area under the ROC curve: the chance that a positive is scored above a negative, ties counting half.</summary>
public static class Auc
{
    /// <summary>The area; NaN where there are no positives or no negatives.</summary>
    /// <param name="scores">Larger: more likely positive.</param>
    /// <param name="positive">One per score.</param>
    public static double Of(ReadOnlySpan<float> scores, ReadOnlySpan<bool> positive)
    {
        if (scores.Length != positive.Length) throw new ArgumentException($"positive has {positive.Length} values; must have one per score ({scores.Length})", nameof(positive));
        float[] sorted = scores.ToArray();
        int[] order = new int[sorted.Length];
        for (int i = 0; i < order.Length; i++) order[i] = i;
        Array.Sort(sorted, order);
        double ranks = 0, positives = 0;
        for (int from = 0, to; from < sorted.Length; from = to)
        {
            for (to = from + 1; to < sorted.Length && sorted[to] == sorted[from]; to++)
            {
            }

            for (int i = from; i < to; i++)
            {
                if (!positive[order[i]]) continue;
                ranks += (from + to + 1) / 2.0;
                positives++;
            }
        }

        double negatives = sorted.Length - positives;
        return positives > 0 && negatives > 0 ? (ranks - positives * (positives + 1) / 2) / (positives * negatives) : double.NaN;
    }
}
