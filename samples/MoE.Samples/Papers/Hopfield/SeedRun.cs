using MoE.Samples.Data;

namespace MoE.Samples.Papers.Hopfield;

/// <summary>All of one seed: accuracies on held-out bags are in percent.</summary>
/// <param name="Retrieval">Stored images.</param>
/// <param name="Hopfield">Hopfield pooling, or what is left of it under ablation.</param>
/// <param name="Mean">Mean pooling.</param>
/// <param name="Max">Max pooling.</param>
/// <param name="Flat">The Hopfield layer at beta = 0.</param>
/// <param name="Shuffled">Hopfield pooling trained on shuffled labels.</param>
public sealed record SeedRun(Retrieval Retrieval, double Hopfield, double Mean, double Max, double Flat, double Shuffled)
{
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
        double Train(Pooling pooling, float[] labels)
        {
            double accuracy = BagTraining.Accuracy(pooling, bags, labels, held, recipe.Epochs, seed, f => progress((done + f) / 5));
            done++;
            return accuracy;
        }

        var contender = associates ? Pooling.Hopfield : Pooling.Flat;
        return new(retrieval, Train(contender, bags.Labels), Train(Pooling.Mean, bags.Labels), Train(Pooling.Max, bags.Labels), Train(Pooling.Flat, bags.Labels), Train(contender, shuffled));
    }
}
