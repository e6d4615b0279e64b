using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Hopfield;

/// <summary>The released recipe: one bag per step, AdamW 5e-4 with weight decay 1e-4.</summary>
public static class BagTraining
{
    /// <summary>Trains on bags and gives the accuracy on others, in percent.</summary>
    /// <param name="pooling">The contender.</param>
    /// <param name="encoded">With the encoder.</param>
    /// <param name="train">Bags to learn from.</param>
    /// <param name="labels">Their labels, or others for a control.</param>
    /// <param name="test">Held-out bags.</param>
    /// <param name="epochs">Passes over the bags.</param>
    /// <param name="seed">Draws weights and order.</param>
    /// <param name="progress">Called with the fraction done; may throw to stop.</param>
    public static double Accuracy(Pooling pooling, bool encoded, Bags train, float[] labels, Bags test, int epochs, long seed, Action<double> progress)
    {
        manual_seed(seed);
        var random = new Random((int)(seed % int.MaxValue));
        using var model = new BagClassifier(pooling, (int)train.All[0].shape[1], encoded);
        using var optimizer = optim.AdamW(model.parameters(), 5e-4, weight_decay: 1e-4);
        using var zero = zeros(1);
        using var one = ones(1);
        int[] order = [.. Enumerable.Range(0, labels.Length)];
        for (int epoch = 0; epoch < epochs; epoch++)
        {
            random.Shuffle(order);
            foreach (int bag in order)
            {
                using var step = NewDisposeScope();
                optimizer.zero_grad();
                nn.functional.binary_cross_entropy_with_logits(model.call(train.All[bag]), labels[bag] > 0 ? one : zero).backward();
                optimizer.step();
            }

            progress((epoch + 1.0) / epochs);
        }

        using var guard = no_grad();
        using var scope = NewDisposeScope();
        int right = Enumerable.Range(0, test.Labels.Length).Count(b => model.call(test.All[b]).item<float>() > 0 == test.Labels[b] > 0);
        return 100.0 * right / test.Labels.Length;
    }
}
