using MoE.Samples.Numerics;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Mmoe.Synthetic;

/// <summary>
/// Two regression tasks whose weights have a cosine of p, for several repetitions at once: y_k = w_k x + sum_i sin(alpha_i w_k x + beta_i) + noise (Ma et al. 2018, section 3.2). The paper leaves open c, m, alpha and beta; those of Tang et al.
/// 2020 are taken: c = 1, m = 10, alpha and beta standard normal.
/// </summary>
public static class SyntheticTasks
{
    /// <summary>Inputs, and sines per task.</summary>
    public const int Width = 100, Sines = 10;

    private const double NoiseDeviation = 0.1;

    /// <summary>Draws data.</summary>
    /// <param name="seed">Draws; repetitions differ in everything.</param>
    /// <param name="correlation">p: the cosine between the weights of the tasks.</param>
    /// <param name="repetitions">R.</param>
    /// <param name="count">N.</param>
    /// <returns>x [R, N, 100] and y [R, N, 2].</returns>
    public static (Tensor X, Tensor Y) Draw(long seed, double correlation, int repetitions, int count)
    {
        float[] x = new float[repetitions * count * Width], y = new float[repetitions * count * 2];
        // The draws do not depend on p: sweeps are paired.
        Parallel.For(0, repetitions, r => Repetition(new Draws(seed, 11, r), correlation, x.AsSpan(r * count * Width, count * Width), y.AsSpan(r * count * 2, count * 2)));
        return (tensor(x, repetitions, count, Width), tensor(y, repetitions, count, 2));
    }

    private static void Repetition(Draws draws, double correlation, Span<float> x, Span<float> y)
    {
        double[] first = Direction(draws, []), second = Direction(draws, first);
        double[][] weights = [first, [.. first.Zip(second, (a, b) => correlation * a + Math.Sqrt(1 - correlation * correlation) * b)]];
        double[] alpha = [.. Enumerable.Range(0, Sines).Select(_ => draws.Normal())], beta = [.. alpha.Select(_ => draws.Normal())];
        for (int i = 0; i < y.Length / 2; i++)
        {
            var row = x.Slice(i * Width, Width);
            for (int d = 0; d < Width; d++) row[d] = (float)draws.Normal();
            for (int task = 0; task < 2; task++)
            {
                double product = 0;
                for (int d = 0; d < Width; d++) product += weights[task][d] * row[d];
                double value = product + NoiseDeviation * draws.Normal();
                for (int s = 0; s < Sines; s++) value += Math.Sin(alpha[s] * product + beta[s]);
                y[2 * i + task] = (float)value;
            }
        }
    }

    // A direction of length 1, at right angles to another.
    private static double[] Direction(Draws draws, double[] other)
    {
        double[] direction = [.. Enumerable.Range(0, Width).Select(_ => draws.Normal())];
        double along = direction.Zip(other, static (a, b) => a * b).Sum();
        for (int d = 0; d < other.Length; d++) direction[d] -= along * other[d];
        double length = Math.Sqrt(direction.Sum(static v => v * v));
        return [.. direction.Select(v => v / length)];
    }
}
