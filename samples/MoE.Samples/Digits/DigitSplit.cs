using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Digits;

/// <summary>Images as tensors: a part to train on and a part that is held out, every digit in the same proportion.</summary>
public sealed class DigitSplit : IDisposable
{
    private DigitSplit(DigitImages train, DigitImages test)
    {
        (Train, Test) = (train, test);
        (TrainImages, TrainLabels) = Tensors(train);
        (TestImages, TestLabels) = Tensors(test);
    }

    /// <summary>The images to train on.</summary>
    public DigitImages Train { get; }

    /// <summary>The held-out images.</summary>
    public DigitImages Test { get; }

    /// <summary>[images, 64].</summary>
    public Tensor TrainImages { get; }

    /// <summary>[images] int64.</summary>
    public Tensor TrainLabels { get; }

    /// <summary>[images, 64].</summary>
    public Tensor TestImages { get; }

    /// <summary>[images] int64.</summary>
    public Tensor TestLabels { get; }

    /// <summary>Draws a split.</summary>
    /// <param name="images">All images.</param>
    /// <param name="parts">One image in this many is held out, digit by digit.</param>
    /// <param name="seed">Which split.</param>
    /// <exception cref="InvalidDataException">A digit has fewer images than parts.</exception>
    public static DigitSplit Draw(DigitImages images, int parts, long seed)
    {
        var random = new Random((int)(seed % int.MaxValue));
        List<int> train = [], test = [];
        for (int digit = 0; digit < DigitImages.Classes; digit++)
        {
            int[] rows = [.. Enumerable.Range(0, images.Count).Where(i => images.Labels[i] == digit)];
            if (rows.Length < parts) throw new InvalidDataException($"digit {digit} has {rows.Length} images; must have at least {parts}");
            random.Shuffle(rows);
            test.AddRange(rows[..(rows.Length / parts)]);
            train.AddRange(rows[(rows.Length / parts)..]);
        }

        return new(Take(images, train), Take(images, test));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        TrainImages.Dispose();
        TrainLabels.Dispose();
        TestImages.Dispose();
        TestLabels.Dispose();
    }

    private static DigitImages Take(DigitImages images, List<int> rows) => new(
        [.. rows.SelectMany(r => images.Pixels.AsSpan(r * DigitImages.Size, DigitImages.Size).ToArray())],
        [.. rows.Select(r => images.Labels[r])]);

    // Copied into libtorch's own memory: a tensor of a managed array begins at any address, and its products are rounded by the address.
    private static (Tensor Images, Tensor Labels) Tensors(DigitImages images)
    {
        using var scope = NewDisposeScope();
        return (
            tensor(images.Pixels, images.Count, DigitImages.Size).clone().DetachFromDisposeScope(),
            tensor(Array.ConvertAll(images.Labels, static l => (long)l)).clone().DetachFromDisposeScope());
    }
}
