namespace MoE.Samples.Papers.TopKGaussian;

/// <summary>
/// Maximum likelihood by EM: experts in closed form, the gate by a quadratic bound of the log-softmax. The chosen experts change with the gate, so a gate step is halved until the likelihood does not fall.
/// </summary>
/// <param name="Gate">Top-K gate of the fit.</param>
/// <param name="MostIterations">Iterations at most.</param>
public sealed record ExpectationMaximisation(SparseGate Gate, int MostIterations = 2000)
{
    // The published bound has curvature 1/4; with halving it may be applied to all experts at once.
    private const double Curvature = 4;
    private const int Halvings = 12;
    private const double LeastVariance = 1e-6, LeastWeight = 1e-8;

    /// <summary>Leaves the experts where they begin.</summary>
    public bool KeepsExperts { get; init; }

    /// <summary>Leaves the gate where it begins.</summary>
    public bool KeepsGate { get; init; }

    /// <summary>What a fit ended with.</summary>
    /// <param name="Measure">The parameters.</param>
    /// <param name="Likelihoods">The mean log-likelihood of the start and after every iteration.</param>
    public sealed record Fit(MixingMeasure Measure, IReadOnlyList<double> Likelihoods);

    /// <summary>Fits a sample.</summary>
    /// <param name="sample">The data.</param>
    /// <param name="start">Where to begin.</param>
    public Fit Run(Sample sample, MixingMeasure start)
    {
        double tolerance = sample.Count >= 10_000 ? 1e-7 : 1e-6;
        double sumX = sample.X.Sum(), sumXX = sample.X.Sum(static x => x * x), determinant = sumXX * sample.Count - sumX * sumX;
        var measure = start;
        var moments = new Moments(start.Count);
        moments.Read(sample, measure, Gate);
        var likelihoods = new List<double> { moments.Likelihood };
        for (int iteration = 0; iteration < MostIterations; iteration++)
        {
            var experts = measure.Copy();
            if (!KeepsExperts) UpdateExperts(experts, moments.Sums);
            double[,] steps = new double[start.Count, 2];
            for (int j = 0; j < start.Count && !KeepsGate; j++)
            {
                steps[j, 0] = Curvature * (sample.Count * moments.Gate[j, 0] - sumX * moments.Gate[j, 1]) / determinant;
                steps[j, 1] = Curvature * (sumXX * moments.Gate[j, 1] - sumX * moments.Gate[j, 0]) / determinant;
            }

            double before = likelihoods[^1], length = 1;
            bool moves = steps.Cast<double>().Any(static s => s != 0);
            for (int halving = 0; ; halving++, length /= 2)
            {
                // The last resort is the old gate: then EM for the experts alone, which never falls.
                if (!moves || halving == Halvings) length = 0;
                var next = experts.Copy();
                for (int j = 0; j < start.Count && length > 0; j++)
                {
                    next.Slope[j] += length * steps[j, 0];
                    next.Bias[j] += length * steps[j, 1];
                }

                moments.Read(sample, next, Gate);
                if (moments.Likelihood < before && length > 0) continue;
                measure = next;
                break;
            }

            likelihoods.Add(moments.Likelihood);
            if (Math.Abs(moments.Likelihood - before) < tolerance) break;
        }

        return new(measure, likelihoods);
    }

    private static void UpdateExperts(MixingMeasure measure, double[,] sums)
    {
        for (int j = 0; j < measure.Count; j++)
        {
            double s0 = sums[j, 0], s1 = sums[j, 1], s2 = sums[j, 2], t0 = sums[j, 3], t1 = sums[j, 4], yy = sums[j, 5];
            double determinant = s0 * s2 - s1 * s1;
            // An expert that sees no two different inputs keeps its line.
            if (s0 < LeastWeight || determinant <= 1e-12 * s0 * s2) continue;
            double a = (s0 * t1 - s1 * t0) / determinant, b = (t0 - a * s1) / s0;
            measure.A[j] = a;
            measure.B[j] = b;
            measure.Variance[j] = Math.Max((yy - 2 * a * t1 - 2 * b * t0 + a * a * s2 + 2 * a * b * s1 + b * b * s0) / s0, LeastVariance);
        }
    }
}
