using MoE.Samples.Data;
using MoE.Samples.Digits;
using MoE.Samples.Papers.Quickstart;

namespace MoE.Samples.Tests.Quickstart;

public sealed class TuningTests
{
    [Theory]
    [InlineData(1e-9, 0.02), InlineData(0.02, 1e-9)]
    public void Of_several_rates_the_better_one_trains_the_model(double first, double second)
    {
        using var split = DigitSplit.Draw(DigitImages.Load(new DataFolders(Path.GetTempPath())), parts: 3, seed: 1);
        var fractions = new List<double>();
        using var trained = Tuning.Train(() => DenseClassifier.Make(20), split, new Recipe(1, 8, [first, second]), seed: 1, fractions.Add);
        Assert.True(DigitTraining.Accuracy(trained.Model, split.TestImages, split.TestLabels) > 80);
        // Two trials and the final training, never backwards.
        Assert.Equal(3 * 8, fractions.Count);
        Assert.Equal(fractions.Order(), fractions);
        Assert.Equal(1, fractions[^1], 9);
    }

    [Fact]
    public void Stopping_inside_leaves_no_model()
    {
        using var split = DigitSplit.Draw(DigitImages.Load(new DataFolders(Path.GetTempPath())), parts: 3, seed: 1);
        Assert.Throws<OperationCanceledException>(() => Tuning.Train(() => new MoEClassifier(0.1), split, new Recipe(1, 8, [0.02]), 1, static _ => throw new OperationCanceledException()));
    }
}
