using System.Diagnostics;

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
        var format = (WeightFormat)random.Next(6);
        var activations = format >= WeightFormat.Int8PerRow && random.Next(2) == 0 ? ActivationFormat.Int8 : ActivationFormat.Single;
        // Against the weights that are held: what few bits do to the weights themselves has no bound for a single token.
        QuantizedFeedForwardTests.IsWithinItsTerms(spec, tokens, new ExpertPrecision(format, activations), seed, MoEFeedForward.DefaultPath, workspace);
    }

    private static void Products(Random random, MoEWorkspace workspace)
    {
        int[] counts = [.. Enumerable.Range(0, random.Next(1, 8)).Select(_ => random.Next(0, 60))];
        var sample = new GroupedGemmTests.Sample(counts, random.Next(1, 90), random.Next(1, 90), (WeightLayout)random.Next(2), random.Next(2) == 0, random.Next(2) == 0, random.Next(2) == 0, random.Next(2) == 0, random.Next(1 << 20));
        GroupedGemmTests.Agrees(sample, sample.Run(workspace));
    }
}
