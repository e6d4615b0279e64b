using MoE.Samples.Data.Sets;
using MoE.Samples.Papers.Hopfield;

namespace MoE.Samples.Tests.Papers;

public sealed class HopfieldTests
{
    private static readonly HopfieldSample.Recipe Tiny = new(Seeds: 2, Stored: 20, TrainBags: 40, TestBags: 30, Epochs: 2);

    [Fact]
    public void Identities_hold_and_everything_is_measured()
    {
        var result = PaperRun.Of(Sample());
        PaperRun.EverythingMeasured(result);
        foreach (string id in new[] { "mean-at-zero", "nearest-at-infinity", "attention", "energy", "regime-global", "regime-single", "no-retrieval-at-zero" }) Assert.Equal("holds", PaperRun.Verdict(result, id));
        // Random images are nearly orthogonal: half of one is far nearer to its own than to any other.
        Assert.Equal(100, PaperRun.Measured(result, "retrieval"));
    }

    [Fact]
    public void Without_association_nothing_is_retrieved_and_no_state_is_single()
    {
        var result = PaperRun.Of(Sample(), "--ablate", "association");
        foreach (string id in new[] { "retrieval", "regime-single", "regime-metastable" }) Assert.Equal("fails", PaperRun.Verdict(result, id));
        Assert.Equal("fails", PaperRun.Verdict(result, "pooling-beats-mean"));
        Assert.Equal("holds", PaperRun.Verdict(result, "attention"));
    }

    private static HopfieldSample Sample() => new(Tiny, Images(1), Images(2));

    private static FashionMnist Images(int seed)
    {
        var random = new Random(seed);
        var pixels = new byte[100 * FashionMnist.Size];
        random.NextBytes(pixels);
        return new(pixels, [.. Enumerable.Range(0, 100).Select(static i => (byte)(i % 10))]);
    }
}
