namespace MoE.Samples.Papers.Temperature;

/// <summary>
/// Maximum likelihood: experts in closed form given their responsibilities, the gate by damped Newton steps, both from one pass; a gate step is halved until the likelihood does not fall. Along a ridge of equal likelihood
/// the gradient is zero, so a fit stays where it came onto the ridge.
/// </summary>
/// <param name="Activation">phi.</param>
public sealed record MaximumLikelihood(GateActivation Activation)
{
    private const int MostIterations = 300, Halvings = 20;
    private const double Tolerance = 1e-9, Damping = 1e-9, Rounding = 1e-13, LongestStep = 1;

    /// <summary>The temperature stays where it begins, which makes the others identifiable.</summary>
    public bool PinsTemperature { get; init; }

    /// <summary>The experts stay where they begin.</summary>
    public bool KeepsExperts { get; init; }

    /// <summary>What a fit ended with.</summary>
    /// <param name="Parameters">The parameters.</param>
    /// <param name="Iterations">Passes over the data.</param>
    /// <param name="Gradient">Largest entry of the gradient that is free; below 1e-9 but for fits cut off.</param>
    public readonly record struct Fit(Parameters Parameters, int Iterations, double Gradient);

    /// <summary>Fits a sample.</summary>
    public Fit Run(Pairs sample, Parameters start)
    {
        var likelihood = new Likelihood(sample, Activation);
        var at = start;
        likelihood.Read(at);
        int iteration = 1;
        for (; iteration < MostIterations && Steepest(likelihood) > Tolerance; iteration++)
        {
            double before = likelihood.Value, length = 1;
            double[] step = GateStep(likelihood);
            double[] experts = KeepsExperts ? at.Values[Parameters.OfGate..] : Experts(likelihood.Sums);
            for (int halving = 0; ; halving++, length /= 2)
            {
                if (halving == Halvings) length = 0;
                var next = new Parameters([.. Enumerable.Range(0, Parameters.OfGate).Select(p => at.Values[p] + length * step[p]), .. experts]);
                likelihood.Read(next);
                if (likelihood.Value < before - Rounding && length > 0) continue;
                at = next;
                break;
            }
        }

        return new(at, iteration, Steepest(likelihood));
    }

    private double Steepest(Likelihood likelihood)
    {
        double steepest = 0;
        for (int p = 0; p < Parameters.Count; p++)
        {
            bool free = p < Parameters.OfGate ? !(PinsTemperature && p == 2) : !KeepsExperts;
            if (free) steepest = Math.Max(steepest, Math.Abs(likelihood.Gradient[p]));
        }

        return steepest;
    }

    private double[] GateStep(Likelihood likelihood)
    {
        int count = PinsTemperature ? 2 : Parameters.OfGate;
        double trace = 0;
        for (int p = 0; p < count; p++) trace += likelihood.Curvature[p, p];
        double[,] matrix = new double[count, count + 1];
        for (int p = 0; p < count; p++)
        {
            for (int q = 0; q < count; q++) matrix[p, q] = likelihood.Curvature[p, q] + (p == q ? Damping * trace + double.Epsilon : 0);
            matrix[p, count] = likelihood.Gradient[p];
        }

        for (int p = 0; p < count; p++)
        {
            for (int r = p + 1; r < count; r++)
            {
                double factor = matrix[r, p] / matrix[p, p];
                for (int q = p; q <= count; q++) matrix[r, q] -= factor * matrix[p, q];
            }
        }

        double[] step = new double[Parameters.OfGate];
        for (int p = count - 1; p >= 0; p--)
        {
            double rest = matrix[p, count];
            for (int q = p + 1; q < count; q++) rest -= matrix[p, q] * step[q];
            step[p] = matrix[p, p] > 0 ? rest / matrix[p, p] : 0;
        }

        double longest = step.Max(Math.Abs);
        return longest <= LongestStep ? step : [.. step.Select(s => s * LongestStep / longest)];
    }

    private static double[] Experts(double[,] sums)
    {
        double[] values = new double[6];
        for (int j = 0; j < 2; j++)
        {
            double s0 = sums[j, 0], s1 = sums[j, 1], s2 = sums[j, 2], t0 = sums[j, 3], t1 = sums[j, 4], yy = sums[j, 5];
            double a = (s0 * t1 - s1 * t0) / (s0 * s2 - s1 * s1), b = (t0 - a * s1) / s0;
            values[j] = a;
            values[2 + j] = b;
            values[4 + j] = Math.Log(Math.Max((yy - 2 * a * t1 - 2 * b * t0 + a * a * s2 + 2 * a * b * s1 + b * b * s0) / s0, 1e-6));
        }

        return values;
    }
}
