using CsCheck;

namespace MoE.Tests;

/// <summary>Random inputs. Tests that need no generator take fixed seeds, so a failure repeats.</summary>
internal static class Draw
{
    public static float[] Normal(int count, int seed, double scale = 1)
    {
        var random = new Random(seed);
        var values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (float)(scale * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return values;
    }

    /// <summary>Values on a coarse grid, so that ties are common.</summary>
    public static float[] Coarse(int count, int seed) => Array.ConvertAll(Normal(count, seed, 2), MathF.Round);

    /// <summary>Whole numbers below a limit.</summary>
    public static int[] Integers(int count, int below, int seed)
    {
        var random = new Random(seed);
        int[] values = new int[count];
        for (int i = 0; i < count; i++) values[i] = random.Next(below);
        return values;
    }

    public static int[] Permutation(int count, int seed)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        new Random(seed).Shuffle(order);
        return order;
    }

    /// <summary>Whole numbers that seed <see cref="Normal"/>: small to print, and every failure repeats.</summary>
    public static Gen<int> Seed => Gen.Int[0, int.MaxValue];
}
