using MoE.Samples.Data.Sets;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Hopfield;

/// <summary>Images as stored patterns: each less its mean, scaled to norm sqrt(784), in double precision.</summary>
public sealed class PatternStore : IDisposable
{
    private PatternStore(Tensor patterns, int[] labels) => (Patterns, Labels) = (patterns, labels);

    /// <summary>[N, 784].</summary>
    public Tensor Patterns { get; }

    /// <summary>[N].</summary>
    public int[] Labels { get; }

    /// <summary>Draws images without replacement.</summary>
    /// <param name="images">Where from.</param>
    /// <param name="count">N.</param>
    /// <param name="random">Draws them.</param>
    public static PatternStore Draw(FashionMnist images, int count, Random random)
    {
        int[] chosen = [.. Enumerable.Range(0, images.Count)];
        random.Shuffle(chosen);
        Array.Resize(ref chosen, count);
        double[] pixels = [.. chosen.SelectMany(i => images.Pixels.AsSpan(i * FashionMnist.Size, FashionMnist.Size).ToArray()).Select(static b => (double)b)];
        using var scope = NewDisposeScope();
        var rows = tensor(pixels, count, FashionMnist.Size);
        rows = rows - rows.mean([1], keepdim: true);
        rows = rows * (Math.Sqrt(FashionMnist.Size) / rows.norm(1, keepdim: true, p: 2f));
        return new(rows.MoveToOuterDisposeScope(), [.. chosen.Select(i => (int)images.Labels[i])]);
    }

    /// <summary>The patterns with one half of their pixels set to zero, [N, 784].</summary>
    /// <param name="lower">The lower half of each image, otherwise the upper.</param>
    public Tensor Halves(bool lower)
    {
        var states = Patterns.clone();
        using var hidden = states.narrow(1, lower ? FashionMnist.Size / 2 : 0, FashionMnist.Size / 2);
        hidden.zero_().Dispose();
        return states;
    }

    /// <inheritdoc/>
    public void Dispose() => Patterns.Dispose();
}
