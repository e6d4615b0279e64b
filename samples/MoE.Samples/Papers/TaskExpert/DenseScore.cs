using static TorchSharp.torch;

namespace MoE.Samples.Papers.TaskExpert;

/// <summary>Scores on held-out pictures.</summary>
/// <param name="MeanIoU">Mean intersection over union of the eleven classes, in percent.</param>
/// <param name="BoundaryF">F measure of the boundary at the best threshold for all pictures, in percent.</param>
/// <param name="DepthError">Root mean square error of depth.</param>
/// <param name="BetweenTasks">Mean total variation of two tasks' gates on a picture, over taps, pairs and pictures; 0 without gates.</param>
/// <param name="BetweenPictures">Mean total variation of a task's gate on two pictures.</param>
/// <param name="RowError">Largest difference of the sum of a gate's weights from one.</param>
/// <param name="MemoryWeight">Mean weight of the last slot, which is the memory where there is one.</param>
public sealed record DenseScore(double MeanIoU, double BoundaryF, double DepthError, double BetweenTasks, double BetweenPictures, double RowError, double MemoryWeight)
{
    private const int Batch = 50, Thresholds = 50;

    /// <summary>Multi-task gain over another model: the mean of the three relative gains, in percent.</summary>
    public double GainOver(DenseScore other) => 100.0 / 3 * (MeanIoU / other.MeanIoU - 1 + (BoundaryF / other.BoundaryF - 1) + (1 - DepthError / other.DepthError));

    /// <summary>Scores a model.</summary>
    public static DenseScore Of(DenseModel model, Mosaics set)
    {
        using var guard = no_grad();
        long[] both = new long[Mosaics.ClassCount], either = new long[Mosaics.ClassCount];
        long[] positives = new long[Thresholds + 1], right = new long[Thresholds + 1];
        double squares = 0, tasks = 0, pictures = 0, rows = 0, memory = 0;
        int batches = 0;
        for (int from = 0; from < set.Count; from += Batch, batches++)
        {
            using var scope = NewDisposeScope();
            int count = Math.Min(Batch, set.Count - from), at = from * Mosaics.Size, pixels = count * Mosaics.Size;
            var output = model.predict(tensor(set.Images[at..(at + pixels)]).view(count, 1, Mosaics.Side, Mosaics.Side));
            long[] classes = [.. output.Classes.argmax(1).flatten().data<long>()];
            float[] boundary = [.. output.Boundary.sigmoid().flatten().data<float>()], depth = [.. output.Depth.flatten().data<float>()];
            for (int p = 0; p < pixels; p++)
            {
                long said = classes[p], truth = set.Classes[at + p];
                either[said]++;
                if (said == truth) both[said]++;
                else either[truth]++;
                int level = (int)(boundary[p] * Thresholds);
                positives[level]++;
                if (set.Boundary[at + p] > 0) right[level]++;
                double error = depth[p] - set.Depth[at + p];
                squares += error * error;
            }

            foreach (var weights in output.Weights)
            {
                for (int a = 0; a < weights.Count; a++)
                {
                    rows = Math.Max(rows, weights[a].sum(1).sub(1).abs().max().item<float>());
                    pictures += Variation(weights[a], weights[a].roll(1, 0L)) / (output.Weights.Count * weights.Count);
                    memory += weights[a].select(1, weights[a].shape[1] - 1).mean().item<float>() / (output.Weights.Count * weights.Count);
                    for (int b = 0; b < a; b++) tasks += Variation(weights[a], weights[b]) / (output.Weights.Count * weights.Count * (weights.Count - 1) / 2.0);
                }
            }
        }

        double iou = Enumerable.Range(0, Mosaics.ClassCount).Where(c => either[c] > 0).Average(c => 100.0 * both[c] / either[c]);
        return new(iou, BestF(positives, right), Math.Sqrt(squares / (set.Count * Mosaics.Size)), tasks / batches, pictures / batches, rows, memory / batches);
    }

    private static double Variation(Tensor a, Tensor b) => a.sub(b).abs().sum(1).mean().item<float>() / 2;

    // 2 TP / (said + true) over all thresholds.
    private static double BestF(long[] positives, long[] right)
    {
        long truth = right.Sum(), said = 0, hit = 0;
        double best = 0;
        for (int level = Thresholds; level >= 0; level--)
        {
            said += positives[level];
            hit += right[level];
            if (said + truth > 0) best = Math.Max(best, 200.0 * hit / (said + truth));
        }

        return best;
    }
}
