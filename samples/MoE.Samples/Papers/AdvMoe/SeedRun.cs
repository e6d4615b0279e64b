using MoE.Samples.Data.Sets;
using MoE.Samples.Numerics;

namespace MoE.Samples.Papers.AdvMoe;

/// <summary>The scores of one seed.</summary>
/// <param name="Of">By contender.</param>
public sealed record SeedRun(IReadOnlyDictionary<Contender, RobustScore> Of)
{
    /// <summary>Draws, trains and tests all contenders on the same images.</summary>
    public static SeedRun Run(FashionMnist train, FashionMnist test, AdvMoeSample.Recipe recipe, long seed, bool alternates, Action<double> progress)
    {
        SmallClothes set = SmallClothes.Draw(train, recipe.TrainImages, new Draws(seed, 1)), held = SmallClothes.Draw(test, recipe.TestImages, new Draws(seed, 2));
        var scores = new Dictionary<Contender, RobustScore>();
        var contenders = Enum.GetValues<Contender>();
        foreach (var contender in contenders)
        {
            var trained = contender == Contender.Alternating && !alternates ? Contender.Joint : contender;
            using var net = RobustTraining.Train(trained, set, recipe.Epochs, seed, f => progress((scores.Count + 0.8 * f) / contenders.Length));
            scores.Add(contender, RobustScore.Of(net, held, seed));
            progress((double)scores.Count / contenders.Length);
        }

        return new(scores);
    }
}
