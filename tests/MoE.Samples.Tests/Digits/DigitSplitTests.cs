using MoE.Samples.Data;
using MoE.Samples.Digits;

namespace MoE.Samples.Tests.Digits;

public sealed class DigitSplitTests
{
    private static readonly DigitImages Images = DigitImages.Load(new DataFolders(Path.GetTempPath()));

    [Fact]
    public void A_third_of_every_digit_is_held_out()
    {
        using var split = DigitSplit.Draw(Images, parts: 3, seed: 5);
        Assert.Equal(1797, split.Train.Count + split.Test.Count);
        for (int digit = 0; digit < 10; digit++) Assert.Equal(Images.Labels.Count(l => l == digit) / 3, split.Test.Labels.Count(l => l == digit));
        Assert.Equal([split.Test.Count, 64], split.TestImages.shape);
        Assert.Equal([split.Train.Count], split.TrainLabels.shape);
    }

    [Fact]
    public void Every_image_is_on_one_side()
    {
        using var split = DigitSplit.Draw(Images, parts: 3, seed: 5);
        Assert.Equal(Fingerprints(Images), Fingerprints(split.Train).Concat(Fingerprints(split.Test)).Order());
    }

    [Fact]
    public void The_seed_decides()
    {
        using DigitSplit a = DigitSplit.Draw(Images, 3, 1), same = DigitSplit.Draw(Images, 3, 1), other = DigitSplit.Draw(Images, 3, 2);
        Assert.Equal(a.Test.Pixels, same.Test.Pixels);
        Assert.NotEqual(a.Test.Pixels, other.Test.Pixels);
    }

    [Fact]
    public void A_digit_with_too_few_images_is_named()
    {
        var few = new DigitImages(new float[64 * 2], [0, 0]);
        var e = Assert.Throws<InvalidDataException>(() => DigitSplit.Draw(few, 3, 1));
        Assert.Contains("digit 0 has 2 images; must have at least 3", e.Message, StringComparison.Ordinal);
    }

    private static IEnumerable<string> Fingerprints(DigitImages images) =>
        Enumerable.Range(0, images.Count).Select(i => $"{images.Labels[i]}:{string.Join(',', images.Pixels[(i * 64)..((i + 1) * 64)])}").Order();
}
