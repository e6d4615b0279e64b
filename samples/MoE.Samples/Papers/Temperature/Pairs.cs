using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.Temperature;

/// <summary>Inputs, uniform in [-1, 1], and outputs of a mixture.</summary>
/// <param name="X">Inputs.</param>
/// <param name="Y">Outputs.</param>
public sealed record Pairs(double[] X, double[] Y)
{
    /// <summary>Draws n of them.</summary>
    public static Pairs Draw(Parameters truth, GateActivation activation, int count, Draws draws)
    {
        double[] xs = new double[count], ys = new double[count];
        for (int i = 0; i < count; i++)
        {
            double x = draws.Uniform(-1, 1);
            int j = draws.Uniform() < GateActivation.Logistic(truth.Logit(activation, x)) ? 0 : 1;
            xs[i] = x;
            ys[i] = truth.A(j) * x + truth.B(j) + Math.Sqrt(truth.Variance(j)) * draws.Normal();
        }

        return new(xs, ys);
    }
}
