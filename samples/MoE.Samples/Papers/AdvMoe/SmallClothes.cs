using MoE.Samples.Data.Sets;
using MoE.Samples.Numerics;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.AdvMoe;

/// <summary>Fashion-MNIST at half its size: each pixel is the mean of four.</summary>
/// <param name="Pixels">[images, 14 * 14], 0..1.</param>
/// <param name="Labels">[images].</param>
public sealed record SmallClothes(float[] Pixels, long[] Labels)
{
    /// <summary>Pixels per side, and per image.</summary>
    public const int Side = 14, Size = Side * Side;

    /// <summary>Number of images.</summary>
    public int Count => Labels.Length;

    /// <summary>Draws images without repetition.</summary>
    /// <param name="images">Where they come from.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="draws">Draws them.</param>
    public static SmallClothes Draw(FashionMnist images, int count, Draws draws)
    {
        int[] order = [.. Enumerable.Range(0, images.Count)];
        draws.Shuffle<int>(order);
        order = order[..Math.Min(count, order.Length)];
        var pixels = new float[order.Length * Size];
        for (int i = 0; i < order.Length; i++)
        {
            var image = images.Pixels.AsSpan(order[i] * FashionMnist.Size, FashionMnist.Size);
            for (int p = 0; p < Size; p++)
            {
                int at = p / Side * 2 * 2 * Side + p % Side * 2;
                pixels[i * Size + p] = (image[at] + image[at + 1] + image[at + 2 * Side] + image[at + 2 * Side + 1]) / (4 * 255f);
            }
        }

        return new(pixels, [.. order.Select(i => (long)images.Labels[i])]);
    }

    /// <summary>Some images, [rows, 1, 14, 14], with their labels.</summary>
    public (Tensor Images, Tensor Labels) Rows(IReadOnlyList<int> rows)
    {
        var pixels = new float[rows.Count * Size];
        for (int i = 0; i < rows.Count; i++) Pixels.AsSpan(rows[i] * Size, Size).CopyTo(pixels.AsSpan(i * Size));
        return (tensor(pixels).view(rows.Count, 1, Side, Side), tensor(rows.Select(r => Labels[r]).ToArray()));
    }
}
