using MoE.Samples.Data.Sets;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Hopfield;

/// <summary>Bags of images, positive where one shows an ankle boot: the protocol of MNIST bags (Ilse et al. 2018) on Fashion-MNIST.</summary>
public sealed class Bags : IDisposable
{
    private const byte Target = 9;

    private Bags(IReadOnlyList<Tensor> bags, float[] labels) => (All, Labels) = (bags, labels);

    /// <summary>Each bag [images, 784], pixels of about zero mean and unit variance.</summary>
    public IReadOnlyList<Tensor> All { get; }

    /// <summary>1 where an image of the target class is in the bag.</summary>
    public float[] Labels { get; }

    /// <summary>Draws bags, half of them positive: sizes are normal, 10 with deviation 2, at least 1.</summary>
    /// <param name="images">Where images come from.</param>
    /// <param name="count">Number of bags.</param>
    /// <param name="random">Draws them.</param>
    public static Bags Draw(FashionMnist images, int count, Random random)
    {
        int[] targets = [.. Enumerable.Range(0, images.Count).Where(i => images.Labels[i] == Target)];
        int[] others = [.. Enumerable.Range(0, images.Count).Where(i => images.Labels[i] != Target)];
        var bags = new Tensor[count];
        var labels = new float[count];
        for (int b = 0; b < count; b++)
        {
            int size = Math.Max(1, (int)Math.Round(10 + 2 * Normal(random)));
            var pixels = new float[size * FashionMnist.Size];
            bool positive = b % 2 == 0;
            // As in the protocol, images are drawn from all classes; a positive bag has at least one of the target.
            int sure = positive ? random.Next(size) : -1;
            for (int i = 0; i < size; i++)
            {
                bool target = i == sure || positive && random.Next(FashionMnist.Classes) == 0;
                int[] from = target ? targets : others;
                int image = from[random.Next(from.Length)];
                for (int p = 0; p < FashionMnist.Size; p++) pixels[i * FashionMnist.Size + p] = (images.Pixels[image * FashionMnist.Size + p] / 255f - 0.286f) / 0.353f;
            }

            bags[b] = tensor(pixels, size, FashionMnist.Size).DetachFromDisposeScope();
            labels[b] = positive ? 1 : 0;
        }

        return new(bags, labels);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var bag in All) bag.Dispose();
    }

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
