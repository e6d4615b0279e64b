namespace MoE.Tests.Blocks;

public sealed class BlockSelectionTests
{
    [Theory, InlineData(0.1), InlineData(0.25), InlineData(0.5), InlineData(0.9)]
    public void The_causal_share_keeps_the_ratio_of_the_triangle(double ratio)
    {
        const int n = 400;
        int k = (int)Math.Round(BlockSelection.CausalShare(ratio) * n);
        var mask = new bool[n * n];
        BlockSelection.TopKPerRow(Draw.Normal(n * n, 3), n, k, causal: true, mask);
        double kept = mask.Count(static m => m) / (n * (n + 1) / 2.0);
        // Rounding of k and the diagonal: both fall with 1/n.
        Assert.Equal(ratio, kept, 4.0 / n);
    }

    [Fact]
    public void Each_row_keeps_its_best_blocks()
    {
        var mask = new bool[9];
        BlockSelection.TopKPerRow([1, 9, 9, 2, 1, 9, 1, 3, 2], 3, 2, causal: true, mask);
        Assert.Equal([true, false, false, true, true, false, false, true, true], mask);
        BlockSelection.TopKPerRow([1, 9, 9, 2, 1, 9, 1, 3, 2], 3, 1, causal: false, mask);
        Assert.Equal([false, true, false, false, false, true, false, true, false], mask);
    }

    [Fact]
    public void A_threshold_never_closes_the_diagonal_of_a_causal_grid()
    {
        var mask = new bool[4];
        BlockSelection.Threshold([0, 1, 1, 0], 2, 0.5, causal: true, mask);
        Assert.Equal([true, false, true, true], mask);
        BlockSelection.Threshold([0, 1, 1, 0], 2, 0.5, causal: false, mask);
        Assert.Equal([false, true, true, false], mask);
    }

    [Fact]
    public void Bad_input_is_refused_by_name()
    {
        Assert.Throws<ArgumentException>("scores", () => BlockSelection.TopKPerRow(new float[6], 3, 1, causal: true, new bool[6]));
        Assert.Throws<ArgumentException>("mask", () => BlockSelection.TopKPerRow(new float[9], 3, 1, causal: true, new bool[8]));
        Assert.Throws<ArgumentException>("scores", () => BlockSelection.Threshold([float.NaN], 1, 0, causal: false, new bool[1]));
        Assert.Throws<ArgumentOutOfRangeException>("ratio", () => BlockSelection.CausalShare(1.5));
    }
}
