namespace MoE.Samples.Papers.TopKGaussian;

/// <summary>One pass over a sample: the mean log-likelihood and all sums that the updates need.</summary>
internal sealed class Moments(int experts)
{
    // Beyond this a responsibility is below the last digit of its rivals'.
    private const double Negligible = 40;

    /// <summary>Sums of responsibilities times 1, x, xx, y, xy, yy: [experts, 6].</summary>
    public double[,] Sums { get; } = new double[experts, 6];

    /// <summary>Sums of (responsibility - share) times x and 1: [experts, 2].</summary>
    public double[,] Gate { get; } = new double[experts, 2];

    /// <summary>Mean log-likelihood.</summary>
    public double Likelihood { get; private set; }

    /// <summary>Reads the sample.</summary>
    public void Read(Sample sample, MixingMeasure measure, SparseGate gate)
    {
        int k = experts;
        Array.Clear(Sums);
        Array.Clear(Gate);
        Span<double> logs = stackalloc double[k], joint = stackalloc double[k], constants = stackalloc double[k], precisions = stackalloc double[k];
        for (int j = 0; j < k; j++)
        {
            constants[j] = -0.5 * Math.Log(2 * Math.PI * measure.Variance[j]);
            precisions[j] = 0.5 / measure.Variance[j];
        }

        double total = 0;
        for (int i = 0; i < sample.Count; i++)
        {
            double x = sample.X[i], y = sample.Y[i];
            gate.Logarithms(measure, x, logs);
            double most = double.NegativeInfinity;
            for (int j = 0; j < k; j++)
            {
                double rest = y - measure.A[j] * x - measure.B[j];
                joint[j] = logs[j] + constants[j] - rest * rest * precisions[j];
                most = Math.Max(most, joint[j]);
            }

            double sum = 0;
            for (int j = 0; j < k; j++)
            {
                double behind = joint[j] - most;
                joint[j] = behind == 0 ? 1 : behind < -Negligible ? 0 : Math.Exp(behind);
                sum += joint[j];
            }

            total += most + (sum == 1 ? 0 : Math.Log(sum));
            for (int j = 0; j < k; j++)
            {
                if (double.IsNegativeInfinity(logs[j])) continue;
                double r = joint[j] / sum, difference = r - (logs[j] == 0 ? 1 : Math.Exp(logs[j]));
                Gate[j, 0] += difference * x;
                Gate[j, 1] += difference;
                if (r == 0) continue;
                Sums[j, 0] += r;
                Sums[j, 1] += r * x;
                Sums[j, 2] += r * x * x;
                Sums[j, 3] += r * y;
                Sums[j, 4] += r * x * y;
                Sums[j, 5] += r * y * y;
            }
        }

        Likelihood = total / sample.Count;
    }
}
