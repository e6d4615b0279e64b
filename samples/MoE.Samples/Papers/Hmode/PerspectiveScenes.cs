using MoE.Samples.Data.Sets;
using MoE.Samples.Numerics;
using MoE.Samples.Scenes;

namespace MoE.Samples.Papers.Hmode;

/// <summary>Crowds of real items under a law of perspective: 4 pixels large at the top of the picture, 14 at the bottom. Trousers and bags count, all other items do not.</summary>
public static class PerspectiveScenes
{
    /// <summary>Pixels per side.</summary>
    public const int Side = 64;

    private const int Fewest = 5, Most = 60;
    private const double Far = 4, Near = 14, Sigma = 1.5;
    private static readonly byte[] s_counted = [1, 8];

    /// <summary>Draws scenes. Every second item counts, by chance.</summary>
    /// <param name="items">Where items come from.</param>
    /// <param name="count">Number of scenes.</param>
    /// <param name="perspective">Without it the size of an item is that of another row, drawn at random: the same sizes, at any place.</param>
    /// <param name="draws">Draws them.</param>
    public static CountingSet Draw(FashionMnist items, int count, bool perspective, Draws draws)
    {
        int[] counted = [.. Enumerable.Range(0, items.Count).Where(i => s_counted.Contains(items.Labels[i]))];
        int[] others = [.. Enumerable.Range(0, items.Count).Where(i => !s_counted.Contains(items.Labels[i]))];
        float[] images = new float[count * Side * Side], density = new float[images.Length];
        int[] counts = new int[count];
        for (int scene = 0; scene < count; scene++)
        {
            var canvas = images.AsSpan(scene * Side * Side, Side * Side);
            double[] rows = [.. Enumerable.Range(0, Fewest + draws.Below(Most - Fewest + 1)).Select(_ => draws.Uniform(0, Side - 1))];
            // Near items hide far ones.
            Array.Sort(rows);
            foreach (double row in rows)
            {
                double column = draws.Uniform(0, Side - 1), law = perspective ? row : draws.Uniform(0, Side - 1);
                int size = (int)Math.Round(Far + (Near - Far) * law / (Side - 1));
                bool counting = draws.Below(2) == 0;
                int[] from = counting ? counted : others;
                Paste(canvas, ScaledItem.Resize(items.Pixels.AsSpan(from[draws.Below(from.Length)] * FashionMnist.Size, FashionMnist.Size), size), size, column, row);
                if (!counting) continue;
                counts[scene]++;
                CountingSet.AddDot(density.AsSpan(scene * Side * Side, Side * Side), Side, column, row, Sigma);
            }
        }

        return new(images, density, counts, Side);
    }

    // The item's grey is also how much it hides: black around it is air.
    private static void Paste(Span<float> canvas, ReadOnlySpan<float> item, int size, double x, double y)
    {
        int left = (int)Math.Round(x - (size - 1) / 2.0), top = (int)Math.Round(y - (size - 1) / 2.0);
        for (int row = Math.Max(0, -top); row < Math.Min(size, Side - top); row++)
        {
            for (int column = Math.Max(0, -left); column < Math.Min(size, Side - left); column++)
            {
                ref float pixel = ref canvas[(top + row) * Side + left + column];
                float grey = item[row * size + column], hides = Math.Min(1, 2 * grey);
                pixel = grey * hides + pixel * (1 - hides);
            }
        }
    }
}
