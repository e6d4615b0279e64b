using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.TopKGaussian;

/// <summary>
/// The paper's condition on the number of kept experts without any fit: densities of three atoms ever closer to a truth of two. A cell of two atoms shares the mass of its true one, neither part small: parameters stay in a compact set, as in the theory.
/// </summary>
public static class Neighbourhood
{
    private const double Far = 1e-1, Near = 1e-3, LeastPart = 0.2;

    /// <summary>The mean Hellinger distance near the truth over that further away; 0.01 where the density converges as the parameters do.</summary>
    /// <param name="seed">Draws directions and parts, the same for both distances.</param>
    /// <param name="kept">Experts kept of three.</param>
    /// <param name="count">Directions.</param>
    public static double Ratio(long seed, int kept, int count = 20) => Mean(seed, kept, Near, count) / Mean(seed, kept, Far, count);

    private static double Mean(long seed, int kept, double distance, int count)
    {
        var truth = MixingMeasure.Mild;
        var hellinger = new HellingerDistance(100, 1500);
        var draws = new Draws(seed, 99);
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            int twice = draws.Below(truth.Count);
            int[] of = [.. Enumerable.Range(0, truth.Count), twice];
            double part = draws.Uniform(LeastPart, 1 - LeastPart);
            double[] Near(double[] values) => [.. of.Select(t => values[t] + distance * draws.Normal())];
            double[] biases = Near(truth.Bias);
            biases[twice] += Math.Log(part);
            biases[^1] += Math.Log(1 - part);
            var measure = new MixingMeasure(Near(truth.Slope), biases, Near(truth.A), Near(truth.B), [.. Near(truth.Variance).Select(static v => Math.Max(v, 0.01))]);
            sum += hellinger.Of(measure, new SparseGate(kept), truth, new SparseGate(truth.Count));
        }

        return sum / count;
    }
}
