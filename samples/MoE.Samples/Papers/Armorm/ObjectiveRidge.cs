using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Armorm;

/// <summary>Stage 1: one ridge regression per objective, no intercept, over the responses that have its rating; the penalty is the best of nine on a fifth held back.</summary>
public static class ObjectiveRidge
{
    /// <summary>Fits on responses to learn from and predicts all: r = W h, one row of J per response.</summary>
    public static double[][] Rewards(RewardData data, Random random)
    {
        using var scope = NewDisposeScope();
        var all = Matrix(data.Features);
        double[][] rewards = [.. data.Features.Select(_ => new double[data.Objectives.Count])];
        for (int j = 0; j < data.Objectives.Count; j++)
        {
            using var inner = NewDisposeScope();
            int[] rated = [.. Enumerable.Range(0, data.Train.Length).Where(i => data.Train[i] && !double.IsNaN(data.Ratings[i][j]))];
            random.Shuffle(rated);
            int held = rated.Length / 5;
            var fit = Part(rated[held..]);
            var check = Part(rated[..held]);
            double alpha = Enumerable.Range(-4, 9).Select(static p => Math.Pow(10, p)).MinBy(a => (check.X.matmul(Solve(fit.X, fit.Y, a)) - check.Y).square().sum().item<double>());
            var whole = Part(rated);
            double[] predicted = [.. all.matmul(Solve(whole.X, whole.Y, alpha)).data<double>()];
            for (int i = 0; i < predicted.Length; i++) rewards[i][j] = predicted[i];

            (Tensor X, Tensor Y) Part(int[] rows) => (Matrix([.. rows.Select(i => data.Features[i])]), tensor(rows.Select(i => data.Ratings[i][j]).ToArray()));
        }

        return rewards;
    }

    /// <summary>(X^T X + alpha I)^-1 X^T y.</summary>
    public static Tensor Solve(Tensor x, Tensor y, double alpha)
    {
        using var scope = NewDisposeScope();
        return linalg.solve(x.t().matmul(x) + eye(x.shape[1], dtype: ScalarType.Float64) * alpha, x.t().matmul(y)).MoveToOuterDisposeScope();
    }

    private static Tensor Matrix(double[][] rows) => tensor(rows.SelectMany(static r => r).ToArray(), rows.Length, rows[0].Length);
}
