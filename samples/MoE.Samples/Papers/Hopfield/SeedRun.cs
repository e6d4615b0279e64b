using MoE.Samples.Data.Sets;

namespace MoE.Samples.Papers.Hopfield;

/// <summary>All of one seed: accuracies on held-out bags are in percent.</summary>
/// <param name="Retrieval">Stored images.</param>
/// <param name="Pixels">Poolings of pixels, as released.</param>
/// <param name="Encoded">Poolings behind an encoder.</param>
/// <param name="Flat">The Hopfield layer at beta = 0, on pixels.</param>
/// <param name="Shuffled">Hopfield pooling of pixels trained on shuffled labels.</param>
public sealed record SeedRun(Retrieval Retrieval, SeedRun.Poolings Pixels, SeedRun.Poolings Encoded, double Flat, double Shuffled)
{
    /// <summary>Accuracies of the contenders.</summary>
    /// <param name="Hopfield">Hopfield pooling, or what is left of it under ablation.</param>
    /// <param name="Mean">Mean pooling.</param>
    /// <param name="Max">Max pooling.</param>
    public sealed record Poolings(double Hopfield, double Mean, double Max);

    /// <summary>Draws, trains and measures; every contender sees the same bags.</summary>
    public static SeedRun Of(FashionMnist train, FashionMnist test, HopfieldSample.Recipe recipe, long seed, bool associates, Action<double> progress)
    {
        var random = new Random((int)(seed % int.MaxValue));
        Retrieval retrieval;
        using (var store = PatternStore.Draw(train, recipe.Stored, random)) retrieval = Retrieval.Of(store, associates);
        using var bags = Bags.Draw(train, recipe.TrainBags, random);
        using var held = Bags.Draw(test, recipe.TestBags, random);
        float[] shuffled = [.. bags.Labels];
        random.Shuffle(shuffled);
        int done = 0;
        double Train(Pooling pooling, bool encoded, float[] labels)
        {
            double accuracy = BagTraining.Accuracy(pooling, encoded, bags, labels, held, recipe.Epochs, seed, f => progress((done + f) / 8));
            done++;
            return accuracy;
        }

        var contender = associates ? Pooling.Hopfield : Pooling.Flat;
        Poolings Contest(bool encoded) => new(Train(contender, encoded, bags.Labels), Train(Pooling.Mean, encoded, bags.Labels), Train(Pooling.Max, encoded, bags.Labels));
        return new(retrieval, Contest(false), Contest(true), Train(Pooling.Flat, false, bags.Labels), Train(contender, false, shuffled));
    }
}
