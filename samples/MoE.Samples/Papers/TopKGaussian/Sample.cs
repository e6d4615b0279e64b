using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.TopKGaussian;

/// <summary>Inputs and outputs drawn from a mixture.</summary>
/// <param name="X">Inputs.</param>
/// <param name="Y">Outputs.</param>
public sealed record Sample(double[] X, double[] Y)
{
    /// <summary>Number of pairs.</summary>
    public int Count => X.Length;

    /// <summary>Draws one.</summary>
    /// <param name="truth">The mixture.</param>
    /// <param name="gate">Its gate.</param>
    /// <param name="count">n.</param>
    /// <param name="normal">Standard normal inputs, as in the released code; otherwise uniform in [0, 1], as in the text.</param>
    /// <param name="draws">Random numbers.</param>
    public static Sample Draw(MixingMeasure truth, SparseGate gate, int count, bool normal, Draws draws)
    {
        double[] xs = new double[count], ys = new double[count];
        Span<double> shares = stackalloc double[truth.Count];
        for (int i = 0; i < count; i++)
        {
            double x = normal ? draws.Normal() : draws.Uniform(), u = draws.Uniform();
            gate.Shares(truth, x, shares);
            int j = 0;
            while (j < shares.Length - 1 && u >= shares[j]) u -= shares[j++];
            xs[i] = x;
            ys[i] = truth.A[j] * x + truth.B[j] + Math.Sqrt(truth.Variance[j]) * draws.Normal();
        }

        return new(xs, ys);
    }
}
