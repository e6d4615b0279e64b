using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.TopKGaussian;

/// <summary>Where the fits begin, as in the released code: every atom near a true one, every true one covered, and nearer the larger the sample.</summary>
public static class NearTruth
{
    /// <summary>A start.</summary>
    /// <param name="truth">The true parameters.</param>
    /// <param name="atoms">Atoms to fit, at least as many as the truth has.</param>
    /// <param name="count">n.</param>
    /// <param name="factor">Times the published noise.</param>
    /// <param name="draws">Random numbers.</param>
    public static MixingMeasure Draw(MixingMeasure truth, int atoms, int count, double factor, Draws draws)
    {
        int[] of = [.. Enumerable.Range(0, atoms).Select(i => i < truth.Count ? i : draws.Below(truth.Count))];
        if (atoms > truth.Count) draws.Shuffle<int>(of);
        double spread = factor * 0.005 * Math.Pow(count, -0.083), ofVariance = factor * 0.0005 * Math.Pow(count, -0.25);
        double[] Near(double[] values) => [.. of.Select(t => values[t] + spread * draws.Normal())];
        return new(Near(truth.Slope), Near(truth.Bias), Near(truth.A), Near(truth.B), [.. of.Select(t => truth.Variance[t] + Math.Abs(ofVariance * draws.Normal()))]);
    }
}
