using MoE.Samples.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.TaskExpert;

/// <summary>The recipe of the papers' framework with rates for a net that learns from scratch: Adam, weight decay 1e-6, polynomial decay, gradients cut at norm 10; losses weigh 1 (classes), 50 (boundary, balanced) and 1 (depth).</summary>
public static class DenseTraining
{
    private const double Rate = 1e-2, Decay = 1e-6, Power = 0.9, Clip = 10, BoundaryWeight = 50, PositiveWeight = 0.95;
    private const int Batch = 16;

    /// <summary>Trains a model.</summary>
    /// <param name="model">The model; it is ready to predict afterwards.</param>
    /// <param name="set">To learn from.</param>
    /// <param name="steps">Steps.</param>
    /// <param name="seed">Draws batches: the same for every contender.</param>
    /// <param name="progress">Called with the fraction done; may throw to stop.</param>
    public static void Train(DenseModel model, Mosaics set, int steps, long seed, Action<double> progress)
    {
        var draws = new Draws(seed, 21);
        using var optimizer = optim.Adam(model.parameters(), Rate, weight_decay: Decay);
        float[] images = new float[Batch * Mosaics.Size], boundary = new float[images.Length], depth = new float[images.Length];
        long[] classes = new long[images.Length];
        model.train();
        for (int step = 0; step < steps; step++)
        {
            foreach (var group in optimizer.ParamGroups) group.LearningRate = Rate * Math.Pow(1 - (double)step / steps, Power);
            for (int b = 0; b < Batch; b++)
            {
                int from = draws.Below(set.Count) * Mosaics.Size, to = b * Mosaics.Size;
                set.Images.AsSpan(from, Mosaics.Size).CopyTo(images.AsSpan(to));
                set.Classes.AsSpan(from, Mosaics.Size).CopyTo(classes.AsSpan(to));
                set.Boundary.AsSpan(from, Mosaics.Size).CopyTo(boundary.AsSpan(to));
                set.Depth.AsSpan(from, Mosaics.Size).CopyTo(depth.AsSpan(to));
            }

            using var scope = NewDisposeScope();
            Tensor Map(float[] values) => tensor(values).view(Batch, 1, Mosaics.Side, Mosaics.Side);
            var loss = Loss(model.predict(Map(images)), tensor(classes).view(Batch, Mosaics.Side, Mosaics.Side), Map(boundary), Map(depth));
            optimizer.zero_grad();
            loss.backward();
            nn.utils.clip_grad_norm_(model.parameters(), Clip);
            optimizer.step();
            if (step % 10 == 9) progress((step + 1.0) / steps);
        }

        model.eval();
    }

    /// <summary>The weighed sum of the three tasks' losses.</summary>
    /// <param name="output">Predictions.</param>
    /// <param name="classes">[B, 32, 32].</param>
    /// <param name="boundary">[B, 1, 32, 32].</param>
    /// <param name="depth">[B, 1, 32, 32].</param>
    public static Tensor Loss(DenseOutput output, Tensor classes, Tensor boundary, Tensor depth)
    {
        using var scope = NewDisposeScope();
        var weights = boundary.mul(2 * PositiveWeight - 1).add(1 - PositiveWeight);
        var edges = nn.functional.binary_cross_entropy_with_logits(output.Boundary, boundary, weights);
        return (nn.functional.cross_entropy(output.Classes, classes) + edges * BoundaryWeight + (output.Depth - depth).abs().mean()).MoveToOuterDisposeScope();
    }
}
