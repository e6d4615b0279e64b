namespace MoE.Samples.Papers.TopKGaussian;

/// <summary>
/// The top-K softmax gate in double precision, for one input. The library's router is the same function in single precision, which a claim checks; likelihoods of 100,000 samples need more digits.
/// </summary>
/// <param name="Kept">K: experts with a share.</param>
/// <param name="SelectsWithBias">The choice is by slope x + bias, as in the released code; otherwise by slope x, as in the paper's notation. The shares always see the bias.</param>
public readonly record struct SparseGate(int Kept, bool SelectsWithBias = true)
{
    /// <summary>Most experts that one gate here may have.</summary>
    public const int MostExperts = 8;

    /// <summary>The share of every expert; those not kept have none.</summary>
    /// <param name="measure">The parameters.</param>
    /// <param name="x">The input.</param>
    /// <param name="shares">[experts], written.</param>
    public void Shares(MixingMeasure measure, double x, Span<double> shares)
    {
        Logarithms(measure, x, shares);
        for (int j = 0; j < shares.Length; j++) shares[j] = Math.Exp(shares[j]);
    }

    /// <summary>The logarithm of every expert's share; -infinity for those not kept. Ties go to the lowest index.</summary>
    public void Logarithms(MixingMeasure measure, double x, Span<double> logs)
    {
        int count = logs.Length;
        Span<double> scores = stackalloc double[MostExperts];
        for (int j = 0; j < count; j++)
        {
            double score = measure.Slope[j] * x;
            logs[j] = score + measure.Bias[j];
            scores[j] = SelectsWithBias ? logs[j] : score;
        }

        double most = double.NegativeInfinity;
        if (Kept == 1)
        {
            int best = 0;
            for (int j = 1; j < count; j++)
            {
                if (scores[j] > scores[best]) best = j;
            }

            logs.Fill(double.NegativeInfinity);
            logs[best] = 0;
            return;
        }

        for (int j = 0; j < count; j++)
        {
            int better = 0;
            for (int i = 0; i < count; i++)
            {
                if (scores[i] > scores[j] || (scores[i] == scores[j] && i < j)) better++;
            }

            if (better >= Kept) logs[j] = double.NegativeInfinity;
            else most = Math.Max(most, logs[j]);
        }

        double sum = 0;
        for (int j = 0; j < count; j++) sum += logs[j] == most ? 1 : Math.Exp(logs[j] - most);
        double log = most + (sum == 1 ? 0 : Math.Log(sum));
        for (int j = 0; j < count; j++) logs[j] -= log;
    }
}
