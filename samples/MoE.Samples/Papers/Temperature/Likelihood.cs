namespace MoE.Samples.Papers.Temperature;

/// <summary>The mean log-likelihood of a sample, its gradient, and what an update needs: all from one pass.</summary>
/// <param name="sample">The data.</param>
/// <param name="activation">phi.</param>
public sealed class Likelihood(Pairs sample, GateActivation activation)
{
    // A responsibility beyond this is 0 or 1 to the last digit.
    private const double Certain = 40;

    /// <summary>Mean log-likelihood.</summary>
    public double Value { get; private set; }

    /// <summary>Its gradient in the order of <see cref="Parameters"/>.</summary>
    public double[] Gradient { get; } = new double[Parameters.Count];

    /// <summary>Means of the squared slopes of the logit, weighted by P (1 - P): the curvature of the gate given the experts' responsibilities.</summary>
    public double[,] Curvature { get; } = new double[Parameters.OfGate, Parameters.OfGate];

    /// <summary>Sums of responsibilities times 1, x, xx, y, xy, yy: [2, 6].</summary>
    public double[,] Sums { get; } = new double[2, 6];

    /// <summary>Reads the sample.</summary>
    public void Read(Parameters at)
    {
        Array.Clear(Gradient);
        Array.Clear(Curvature);
        Array.Clear(Sums);
        var (value, slope) = (activation.Value, activation.Slope);
        double beta = at.Slope, tau = at.Temperature, offset = at.Bias - value(0), a1 = at.A(0), a2 = at.A(1), b1 = at.B(0), b2 = at.B(1), v1 = at.Variance(0), v2 = at.Variance(1);
        double c1 = -0.5 * Math.Log(2 * Math.PI * v1), c2 = -0.5 * Math.Log(2 * Math.PI * v2), total = 0;
        double g0 = 0, g1 = 0, g2 = 0, h00 = 0, h01 = 0, h02 = 0, h11 = 0, h12 = 0, h22 = 0;
        Span<double> first = stackalloc double[6], all = stackalloc double[6];
        double[] xs = sample.X, ys = sample.Y;
        for (int i = 0; i < xs.Length; i++)
        {
            double x = xs[i], y = ys[i], z = beta * x, eta = (value(z) + offset) / tau;
            double r1 = y - a1 * x - b1, r2 = y - a2 * x - b2, l2 = c2 - 0.5 * r2 * r2 / v2, d = eta + c1 - 0.5 * r1 * r1 / v1 - l2;
            double responsibility = d > Certain ? 1 : d < -Certain ? 0 : 1 / (1 + Math.Exp(-d)), share = GateActivation.Logistic(eta), difference = responsibility - share;
            total += Softplus(d) + l2 - Softplus(eta);

            double e0 = slope(z) * x / tau, e1 = 1 / tau, e2 = -eta, weight = share * (1 - share);
            g0 += difference * e0;
            g1 += difference * e1;
            g2 += difference * e2;
            h00 += weight * e0 * e0;
            h01 += weight * e0 * e1;
            h02 += weight * e0 * e2;
            h11 += weight * e1 * e1;
            h12 += weight * e1 * e2;
            h22 += weight * e2 * e2;

            double xx = x * x, xy = x * y, yy = y * y;
            all[0] += 1;
            all[1] += x;
            all[2] += xx;
            all[3] += y;
            all[4] += xy;
            all[5] += yy;
            if (responsibility == 0) continue;
            first[0] += responsibility;
            first[1] += responsibility * x;
            first[2] += responsibility * xx;
            first[3] += responsibility * y;
            first[4] += responsibility * xy;
            first[5] += responsibility * yy;
        }

        double n = xs.Length;
        Value = total / n;
        (Gradient[0], Gradient[1], Gradient[2]) = (g0 / n, g1 / n, g2 / n);
        double[] upper = [h00, h01, h02, h11, h12, h22];
        for (int p = 0, u = 0; p < Parameters.OfGate; p++)
        {
            for (int q = p; q < Parameters.OfGate; q++, u++) Curvature[p, q] = Curvature[q, p] = upper[u] / n;
        }

        for (int m = 0; m < 6; m++)
        {
            Sums[0, m] = first[m];
            Sums[1, m] = all[m] - first[m];
        }

        for (int j = 0; j < 2; j++)
        {
            double a = at.A(j), b = at.B(j), v = at.Variance(j), s0 = Sums[j, 0], s1 = Sums[j, 1], s2 = Sums[j, 2], t0 = Sums[j, 3], t1 = Sums[j, 4], yy = Sums[j, 5];
            Gradient[3 + j] = (t1 - a * s2 - b * s1) / v / n;
            Gradient[5 + j] = (t0 - a * s1 - b * s0) / v / n;
            Gradient[7 + j] = 0.5 * ((yy - 2 * a * t1 - 2 * b * t0 + a * a * s2 + 2 * a * b * s1 + b * b * s0) / v - s0) / n;
        }
    }

    private static double Softplus(double z) => z > Certain ? z : z < -Certain ? 0 : z > 0 ? z + Math.Log(1 + Math.Exp(-z)) : Math.Log(1 + Math.Exp(z));
}
