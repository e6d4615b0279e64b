using MoE.Samples.Numerics;
using MoE.Samples.Ratings;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Mmoe.Dtrn;

/// <summary>Trains a model on the ratings.</summary>
/// <param name="Most">Rows to train on at most, and half as many to test on.</param>
/// <param name="Epochs">Passes.</param>
public sealed record DtrnStudy(int Most, int Epochs)
{
    private const double Rate = 3e-3;
    private const int Batch = 512, Reading = 2048;

    /// <summary>What came of it.</summary>
    /// <param name="Auc">On test rows, one per task.</param>
    /// <param name="Norms">Largest difference of norm conditions between tasks; NaN where not refined.</param>
    /// <param name="Gates">Largest difference of refinement weights between tasks; likewise.</param>
    public sealed record Outcome(double[] Auc, double Norms, double Gates);

    /// <summary>Trains one.</summary>
    /// <param name="data">The ratings.</param>
    /// <param name="architecture">MMoE or PLE.</param>
    /// <param name="refined">With interest and refinement modules.</param>
    /// <param name="seed">Draws rows, weights and order; models of a seed see the same rows.</param>
    /// <param name="progress">Takes the fraction done; may throw to stop.</param>
    public Outcome Run(RatingSequences data, TaskArchitecture architecture, bool refined, long seed, Action<double> progress)
    {
        using var scope = NewDisposeScope();
        int[] train = data.Training, test = data.Testing;
        var draws = new Draws(seed, 41);
        draws.Shuffle<int>(train);
        draws.Shuffle<int>(test);
        (train, test) = (train[..Math.Min(Most, train.Length)], test[..Math.Min(Most / 2, test.Length)]);
        manual_seed(seed);
        using var model = new DtrnModel(data, architecture, refined);
        using var optimizer = optim.Adam(model.parameters(), Rate);
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            draws.Shuffle<int>(train);
            foreach (int[] rows in train.Chunk(Batch))
            {
                using var step = NewDisposeScope();
                optimizer.zero_grad();
                var batch = data.Take(rows);
                (nn.functional.binary_cross_entropy_with_logits(model.call(batch), batch.Labels) * TaskModel.Tasks).backward();
                optimizer.step();
            }

            progress((epoch + 1.0) / Epochs);
        }

        using var guard = no_grad();
        var scores = new List<float>();
        foreach (int[] rows in test.Chunk(Reading))
        {
            using var step = NewDisposeScope();
            scores.AddRange(model.call(data.Take(rows)).contiguous().data<float>().ToArray());
        }

        double Of(int task, Func<(bool Like, bool Extreme), bool> label)
        {
            float[] of = [.. Enumerable.Range(0, test.Length).Select(i => scores[2 * i + task])];
            bool[] positive = [.. test.Select(r => label(data.Labels(r)))];
            return Auc.Of(of, positive);
        }

        var (norms, gates) = refined ? model.Apart(data.Take(test.AsSpan(0, Math.Min(256, test.Length)))) : (double.NaN, double.NaN);
        return new([Of(0, static l => l.Like), Of(1, static l => l.Extreme)], norms, gates);
    }
}
