using MoE.Samples.Data.Sets;

namespace MoE.Samples.Papers.Hmode;

/// <summary>Images with a dot on everything that counts.</summary>
/// <param name="Images">[images, side * side], 0..1.</param>
/// <param name="Density">[images, side * side]: a Gaussian per dot, which sums to one within the image.</param>
/// <param name="Counts">[images]: dots.</param>
/// <param name="Side">Pixels per side.</param>
public sealed record CountingSet(float[] Images, float[] Density, int[] Counts, int Side)
{
    /// <summary>Number of images.</summary>
    public int Count => Counts.Length;

    /// <summary>Largest difference of an integrated density from its number of dots.</summary>
    public double IntegrationError => Enumerable.Range(0, Count).Max(i => Math.Abs(Density.AsSpan(i * Side * Side, Side * Side).ToArray().Sum(static d => (double)d) - Counts[i]));

    /// <summary>Some images of a set of cells, at half their size.</summary>
    /// <param name="cells">The cells.</param>
    /// <param name="first">The first image.</param>
    /// <param name="count">How many.</param>
    public static CountingSet Of(VggCells cells, int first, int count)
    {
        const int Side = VggCells.Side / 2;
        // Half of the sigma of 2.5 pixels that is usual at full size, rounded up.
        const double Sigma = 1.5;
        float[] images = new float[count * Side * Side], density = new float[images.Length];
        for (int i = 0; i < count; i++)
        {
            var pixels = cells.Pixels.AsSpan((first + i) * VggCells.Side * VggCells.Side, VggCells.Side * VggCells.Side);
            for (int y = 0; y < Side; y++)
            {
                for (int x = 0; x < Side; x++)
                {
                    int at = 2 * y * VggCells.Side + 2 * x;
                    images[(i * Side + y) * Side + x] = (pixels[at] + pixels[at + 1] + pixels[at + VggCells.Side] + pixels[at + VggCells.Side + 1]) / (4 * 255f);
                }
            }

            foreach (var (x, y) in cells.Dots[first + i]) AddDot(density.AsSpan(i * Side * Side, Side * Side), Side, (x - 0.5) / 2, (y - 0.5) / 2, Sigma);
        }

        return new(images, density, [.. Enumerable.Range(first, count).Select(i => cells.Dots[i].Count)], Side);
    }

    /// <summary>Adds a Gaussian whose part within the image is scaled to a sum of one.</summary>
    /// <param name="density">[side * side].</param>
    /// <param name="side">Pixels per side.</param>
    /// <param name="x">Column of the centre; whole numbers are centres of pixels.</param>
    /// <param name="y">Row.</param>
    /// <param name="sigma">In pixels, positive.</param>
    public static void AddDot(Span<float> density, int side, double x, double y, double sigma)
    {
        int reach = (int)Math.Ceiling(4 * sigma), left = Math.Max(0, (int)x - reach), right = Math.Min(side - 1, (int)x + reach), top = Math.Max(0, (int)y - reach), bottom = Math.Min(side - 1, (int)y + reach);
        double Value(int row, int column) => Math.Exp(-((row - y) * (row - y) + (column - x) * (column - x)) / (2 * sigma * sigma));
        double total = 0;
        for (int row = top; row <= bottom; row++)
        {
            for (int column = left; column <= right; column++) total += Value(row, column);
        }

        for (int row = top; row <= bottom; row++)
        {
            for (int column = left; column <= right; column++) density[row * side + column] += (float)(Value(row, column) / total);
        }
    }
}
