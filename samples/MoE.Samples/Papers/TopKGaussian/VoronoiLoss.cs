namespace MoE.Samples.Papers.TopKGaussian;

/// <summary>The paper's losses between mixing measures: atoms are compared with the true one in whose Voronoi cell they lie, and the worst K cells count.</summary>
public static class VoronoiLoss
{
    // r-bar of cells of 1, 2, 3 atoms; larger ones at least 7.
    private static readonly double[] Orders = [0, 1, 4, 6, 7];

    /// <summary>D1: every error to the first power.</summary>
    /// <param name="fit">The fitted atoms.</param>
    /// <param name="truth">The true ones.</param>
    /// <param name="kept">K of the truth.</param>
    public static double First(MixingMeasure fit, MixingMeasure truth, int kept) => Loss(fit, truth, kept, static _ => 1);

    /// <summary>D2: cells of m atoms take slope and intercept to the power r(m), a and the variance to r(m) / 2.</summary>
    /// <inheritdoc cref="First"/>
    public static double Second(MixingMeasure fit, MixingMeasure truth, int kept) => Loss(fit, truth, kept, static atoms => Orders[Math.Min(atoms, Orders.Length - 1)]);

    /// <summary>The cell of every fitted atom.</summary>
    public static int[] Cells(MixingMeasure fit, MixingMeasure truth) =>
        [.. Enumerable.Range(0, fit.Count).Select(i => Enumerable.Range(0, truth.Count).MinBy(j => fit.Distance(i, truth, j)))];

    /// <summary>
    /// Moves slopes and biases, which are free up to a common shift, so that the cell of the last true expert, whose slope and bias are 0, has a mean slope of 0 and a mass of 1. A fit that left that cell empty stays as it is.
    /// </summary>
    public static MixingMeasure Centred(MixingMeasure fit, MixingMeasure truth)
    {
        int[] cells = Cells(fit, truth);
        double mass = 0, slope = 0;
        for (int i = 0; i < fit.Count; i++)
        {
            if (cells[i] != truth.Count - 1) continue;
            mass += Math.Exp(fit.Bias[i]);
            slope += Math.Exp(fit.Bias[i]) * fit.Slope[i];
        }

        if (!(mass > 0)) return fit;
        return fit with { Slope = [.. fit.Slope.Select(s => s - slope / mass)], Bias = [.. fit.Bias.Select(b => b - Math.Log(mass))] };
    }

    // The parts of the cells add up, so the worst K cells are the K largest.
    private static double Loss(MixingMeasure fit, MixingMeasure truth, int kept, Func<int, double> order)
    {
        int[] cells = Cells(fit, truth);
        return Enumerable.Range(0, truth.Count).Select(j =>
        {
            int[] atoms = [.. Enumerable.Range(0, fit.Count).Where(i => cells[i] == j)];
            double r = order(atoms.Length), half = r == 1 ? 1 : r / 2, mass = 0, errors = 0;
            foreach (int i in atoms)
            {
                double weight = Math.Exp(fit.Bias[i]);
                mass += weight;
                errors += weight * (Math.Pow(Math.Abs(fit.Slope[i] - truth.Slope[j]), r) + Math.Pow(Math.Abs(fit.A[i] - truth.A[j]), half)
                    + Math.Pow(Math.Abs(fit.B[i] - truth.B[j]), r) + Math.Pow(Math.Abs(fit.Variance[i] - truth.Variance[j]), half));
            }

            return errors + Math.Abs(mass - Math.Exp(truth.Bias[j]));
        }).OrderDescending().Take(kept).Sum();
    }
}
