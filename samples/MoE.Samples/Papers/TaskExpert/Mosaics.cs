using MoE.Samples.Data.Sets;
using MoE.Samples.Numerics;
using MoE.Samples.Scenes;

namespace MoE.Samples.Papers.TaskExpert;

/// <summary>Pictures of two to four real items with exact labels of every pixel.</summary>
/// <param name="Images">[pictures, 32 * 32], 0..1.</param>
/// <param name="Classes">[pictures, 32 * 32]: class of the item, 10 for the ground.</param>
/// <param name="Boundary">[pictures, 32 * 32]: 1 where the item to the right or below is another, otherwise 0.</param>
/// <param name="Depth">[pictures, 32 * 32]: nearness, 1 for the largest items, 0 for the ground.</param>
public sealed record Mosaics(float[] Images, long[] Classes, float[] Boundary, float[] Depth)
{
    /// <summary>Pixels per side, and per picture.</summary>
    public const int Side = 32, Size = Side * Side;

    /// <summary>Classes of pixels: ten of items, and the ground.</summary>
    public const int ClassCount = FashionMnist.Classes + 1;

    private const int Smallest = 9, Largest = 20;

    // Of an item's grey; what is darker belongs to what lies behind.
    private const float Visible = 0.1f;

    /// <summary>Number of pictures.</summary>
    public int Count => Images.Length / Size;

    /// <summary>Draws pictures. An item's size is its nearness; near items hide far ones.</summary>
    /// <param name="items">Where items come from.</param>
    /// <param name="count">Number of pictures.</param>
    /// <param name="draws">Draws them.</param>
    public static Mosaics Draw(FashionMnist items, int count, Draws draws)
    {
        var images = new float[count * Size];
        var classes = new long[images.Length];
        float[] boundary = new float[images.Length], depth = new float[images.Length];
        int[] owner = new int[Size];
        for (int picture = 0; picture < count; picture++)
        {
            int at = picture * Size;
            classes.AsSpan(at, Size).Fill(FashionMnist.Classes);
            owner.AsSpan().Clear();
            int[] sizes = [.. Enumerable.Range(0, 2 + draws.Below(3)).Select(_ => Smallest + draws.Below(Largest - Smallest + 1))];
            Array.Sort(sizes);
            for (int i = 0; i < sizes.Length; i++)
            {
                int size = sizes[i], item = draws.Below(items.Count), left = draws.Below(Side - size + 1), top = draws.Below(Side - size + 1);
                float[] grey = ScaledItem.Resize(items.Pixels.AsSpan(item * FashionMnist.Size, FashionMnist.Size), size);
                for (int p = 0; p < grey.Length; p++)
                {
                    if (grey[p] < Visible) continue;
                    int place = (top + p / size) * Side + left + p % size;
                    (images[at + place], classes[at + place], depth[at + place], owner[place]) = (grey[p], items.Labels[item], (size - Smallest + 1f) / (Largest - Smallest + 1), i + 1);
                }
            }

            for (int p = 0; p < Size; p++)
            {
                bool right = p % Side < Side - 1 && owner[p] != owner[p + 1], below = p / Side < Side - 1 && owner[p] != owner[p + Side];
                boundary[at + p] = right || below ? 1 : 0;
            }
        }

        return new(images, classes, boundary, depth);
    }
}
