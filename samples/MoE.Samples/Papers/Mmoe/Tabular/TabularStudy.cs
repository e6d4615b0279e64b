using MoE.Samples.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Mmoe.Tabular;

/// <summary>Trains an architecture on a table: 60 % to train, 20 % to choose the epoch, 20 % to test, redrawn per seed, the same for all models of a seed.</summary>
/// <param name="Most">Rows to train on at most.</param>
/// <param name="Epochs">Passes.</param>
public sealed record TabularStudy(int Most, int Epochs)
{
    private const double Rate = 2e-3;
    private const int Batch = 512, Reading = 4096;

    /// <summary>AUC on the test rows, one per task, of the epoch with the best validation AUC of the first task.</summary>
    /// <param name="data">The table.</param>
    /// <param name="architecture">What to train.</param>
    /// <param name="seed">Draws split, weights and order.</param>
    /// <param name="progress">Takes the fraction done; may throw to stop.</param>
    public double[] Run(TabularData data, TaskArchitecture architecture, long seed, Action<double> progress)
    {
        using var scope = NewDisposeScope();
        int[] rows = [.. Enumerable.Range(0, data.Rows)];
        new Draws(seed, 21).Shuffle<int>(rows);
        int training = (int)(0.6 * rows.Length), validating = (int)(0.8 * rows.Length);
        int[] train = rows[..Math.Min(training, Most)], valid = rows[training..validating], test = rows[validating..];
        manual_seed(seed);
        using var model = new TaskModel(architecture, data.Width);
        using var optimizer = optim.Adam(model.parameters(), Rate);
        var (x, y) = (data.X(train), data.Y(train));
        double best = double.NegativeInfinity;
        double[] tested = [];
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            using var order = NewDisposeScope();
            foreach (var batch in randperm(train.Length).split(Batch))
            {
                using var step = NewDisposeScope();
                optimizer.zero_grad();
                var input = x.index_select(0, batch);
                // Both losses count alike, as means over the rows.
                (nn.functional.binary_cross_entropy_with_logits(model.call([input, input]), y.index_select(0, batch)) * TaskModel.Tasks).backward();
                optimizer.step();
            }

            double validated = Aucs(model, data, valid)[0];
            if (validated > best) (best, tested) = (validated, Aucs(model, data, test));
            progress((epoch + 1.0) / Epochs);
        }

        return tested;
    }

    private static double[] Aucs(TaskModel model, TabularData data, int[] rows)
    {
        using var guard = no_grad();
        float[] scores = new float[rows.Length * TaskModel.Tasks];
        for (int from = 0; from < rows.Length; from += Reading)
        {
            using var scope = NewDisposeScope();
            var x = data.X(rows.AsSpan(from, Math.Min(Reading, rows.Length - from)));
            model.call([x, x]).contiguous().data<float>().ToArray().CopyTo(scores, from * TaskModel.Tasks);
        }

        return [.. Enumerable.Range(0, TaskModel.Tasks).Select(t =>
        {
            float[] of = [.. Enumerable.Range(0, rows.Length).Select(i => scores[i * TaskModel.Tasks + t])];
            bool[] positive = [.. rows.Select(r => data.Labels[t][r])];
            return Auc.Of(of, positive);
        })];
    }
}
