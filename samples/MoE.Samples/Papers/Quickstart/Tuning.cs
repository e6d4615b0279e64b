using MoE.Samples.Digits;
using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Quickstart;

/// <summary>The learning rate of a model: the only one, or the best on a fifth of the training images.</summary>
public static class Tuning
{
    private const int Parts = 5;

    /// <summary>Trains a model, with every rate of the recipe on trial where there are several.</summary>
    /// <param name="make">Makes it, from the global generator.</param>
    /// <param name="split">The images.</param>
    /// <param name="recipe">How to train.</param>
    /// <param name="seed">Seeds the global generator.</param>
    /// <param name="progress">Called with the fraction done.</param>
    public static TrainedModel Train(Func<nn.Module<Tensor, Tensor>> make, DigitSplit split, Recipe recipe, long seed, Action<double> progress)
    {
        int trials = recipe.Rates.Count > 1 ? recipe.Rates.Count : 0, done = 0;
        void Advance(double fraction) => progress((done + fraction) / (trials + 1));
        double best = recipe.Rates[0], record = double.NegativeInfinity;
        if (trials > 0)
        {
            using var inner = DigitSplit.Draw(split.Train, Parts, seed);
            foreach (double rate in recipe.Rates)
            {
                using var trial = Run(make, inner, recipe, rate, seed, Advance);
                double accuracy = DigitTraining.Accuracy(trial.Model, inner.TestImages, inner.TestLabels);
                if (accuracy > record) (record, best) = (accuracy, rate);
                done++;
            }
        }

        return Run(make, split, recipe, best, seed, Advance);
    }

    private static TrainedModel Run(Func<nn.Module<Tensor, Tensor>> make, DigitSplit split, Recipe recipe, double rate, long seed, Action<double> progress)
    {
        manual_seed(seed);
        var model = make();
        var curve = model is MoEClassifier mixture ? new RouterCurve(mixture.Layer) : null;
        try
        {
            DigitTraining.Train(model, split.TrainImages, split.TrainLabels, recipe.Epochs, rate, progress, curve is null ? null : curve.EndEpoch);
            curve?.Dispose();
            return new(model, curve);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }
}
