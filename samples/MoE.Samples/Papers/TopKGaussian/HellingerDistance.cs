namespace MoE.Samples.Papers.TopKGaussian;

/// <summary>The mean over inputs in [0, 1] of the Hellinger distance between two conditional densities, by a grid.</summary>
/// <param name="inputs">Midpoints over [0, 1].</param>
/// <param name="outputs">Points over [-10, 20], where all outputs of the truths here lie.</param>
public sealed class HellingerDistance(int inputs = 200, int outputs = 1500)
{
    private const double Low = -10, High = 20;

    /// <summary>The distance, 0..1.</summary>
    public double Of(MixingMeasure first, SparseGate firstGate, MixingMeasure second, SparseGate secondGate)
    {
        double[] f = new double[outputs], g = new double[outputs];
        double sum = 0, step = (High - Low) / outputs;
        for (int i = 0; i < inputs; i++)
        {
            double x = (i + 0.5) / inputs;
            Density(first, firstGate, x, f);
            Density(second, secondGate, x, g);
            double squares = 0;
            for (int p = 0; p < outputs; p++)
            {
                double difference = Math.Sqrt(f[p]) - Math.Sqrt(g[p]);
                squares += difference * difference;
            }

            sum += Math.Sqrt(0.5 * squares * step);
        }

        return sum / inputs;
    }

    private void Density(MixingMeasure measure, SparseGate gate, double x, double[] density)
    {
        Array.Clear(density);
        Span<double> shares = stackalloc double[measure.Count];
        gate.Shares(measure, x, shares);
        double step = (High - Low) / outputs;
        for (int j = 0; j < shares.Length; j++)
        {
            if (shares[j] == 0) continue;
            double mean = measure.A[j] * x + measure.B[j], deviation = Math.Sqrt(measure.Variance[j]), factor = shares[j] / (deviation * Math.Sqrt(2 * Math.PI));
            // Beyond twelve deviations a density adds nothing in double precision to a grid of this size.
            int from = Math.Max(0, (int)((mean - 12 * deviation - Low) / step)), to = (int)Math.Min(outputs, Math.Max(0, (mean + 12 * deviation - Low) / step + 1));
            for (int p = from; p < to; p++)
            {
                double rest = (Low + (p + 0.5) * step - mean) / deviation;
                density[p] += factor * Math.Exp(-0.5 * rest * rest);
            }
        }
    }
}
