using System.Diagnostics;
using MoE.Tests.Reference;

namespace MoE.Tests.Kernels;

/// <summary>Ten minutes of layers of random shapes, formats, threads and batches on workspaces that live on.</summary>
public sealed class SoakTests
{
    private static readonly TimeSpan s_long = TimeSpan.FromMinutes(10), s_warm = TimeSpan.FromMinutes(1);

    [Fact, Trait("Category", "Long")]
    public void Ten_minutes_are_right_and_take_no_more_memory()
    {
        var random = new Random(20261127);
        using var one = new MoEWorkspace();
        using var three = new MoEWorkspace(3);
        var clock = Stopwatch.StartNew();
        long warm = 0;
        for (int i = 0; clock.Elapsed < s_long; i++)
        {
            Layer(random, i % 2 == 0 ? one : three);
            Products(random, i % 2 == 0 ? one : three);
            if (i % 50 != 0) continue;
            GC.Collect();
            GC.WaitForPendingFinalizers();
            long memory = Process.GetCurrentProcess().WorkingSet64;
            if (clock.Elapsed < s_warm) warm = Math.Max(warm, memory);
            // The workspaces grow to the largest shape; nothing else may stay.
            else Assert.True(memory < warm + (64 << 20), $"{memory >> 20} MB after {clock.Elapsed}, {warm >> 20} MB after a minute");
        }
    }

    private static void Layer(Random random, MoEWorkspace workspace)
    {
        int d = random.Next(1, 130), f = random.Next(1, 130), e = random.Next(1, 20), k = random.Next(1, Math.Min(e, 6) + 1), tokens = random.Next(0, 200), seed = random.Next();
        var spec = LayerProfiles.Mixtral(d, f, e, k);
        var weights = LayerOracle.RandomWeights(spec, seed);
        float[] x = Draw.Normal(tokens * d, seed), expected = new float[x.Length], actual = new float[x.Length];
        using var reference = new ReferenceLayer(spec, weights);
        reference.Forward(x, expected);
        var format = (WeightFormat)random.Next(5);
        var activations = format >= WeightFormat.Int8PerRow && random.Next(2) == 0 ? ActivationFormat.Int8 : ActivationFormat.Single;
        using var layer = new MoEFeedForward(spec, weights, new ExpertPrecision(format, activations));
        layer.Forward(x, (SparseRouting)reference.Route(x), actual, workspace);
        double norm = Math.Sqrt(expected.Sum(static v => (double)v * v)), error = Math.Sqrt(expected.Zip(actual, static (a, b) => Math.Pow(a - b, 2)).Sum());
        // Small widths cancel, as in the tests of each format.
        double bound = format switch { WeightFormat.Single => 1e-5, WeightFormat.BFloat16 => 0.02, WeightFormat.Int4PerBlock => 0.3, _ => 0.05 };
        Assert.True(error <= bound * (norm + Math.Sqrt((double)expected.Length * f)) + 1e-6, $"relative error {error / norm} of {format}, {activations}, D {d}, F {f}, E {e}, K {k}, T {tokens}, seed {seed}");
    }

    private static void Products(Random random, MoEWorkspace workspace)
    {
        int[] counts = [.. Enumerable.Range(0, random.Next(1, 8)).Select(_ => random.Next(0, 60))];
        var sample = new GroupedGemmTests.Sample(counts, random.Next(1, 90), random.Next(1, 90), (WeightLayout)random.Next(2), random.Next(2) == 0, random.Next(2) == 0, random.Next(2) == 0, random.Next(2) == 0, random.Next(1 << 20));
        GroupedGemmTests.Agrees(sample, sample.Run(workspace));
    }
}
