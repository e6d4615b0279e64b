using MoE.Samples.Data.Sets;

namespace MoE.Samples.Tests.Papers;

/// <summary>Images in the form of Fashion-MNIST.</summary>
internal static class Clothes
{
    /// <summary>A hundred images of noise, ten of each class.</summary>
    public static FashionMnist Noise(int seed)
    {
        byte[] pixels = new byte[100 * FashionMnist.Size];
        new Random(seed).NextBytes(pixels);
        return new(pixels, [.. Enumerable.Range(0, 100).Select(static i => (byte)(i % 10))]);
    }

    /// <summary>Images whose class is plain to see: one bright bar, lower for each class.</summary>
    public static FashionMnist Bars(int count, int seed)
    {
        var random = new Random(seed);
        byte[] pixels = new byte[count * FashionMnist.Size], labels = new byte[count];
        for (int i = 0; i < count; i++)
        {
            labels[i] = (byte)(i % 10);
            for (int p = 0; p < FashionMnist.Size; p++) pixels[i * FashionMnist.Size + p] = (byte)(p / 28 / 2 - 2 == labels[i] ? 200 + random.Next(56) : random.Next(30));
        }

        return new(pixels, labels);
    }
}
