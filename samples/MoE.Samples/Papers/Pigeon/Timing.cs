using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Pigeon;

/// <summary>Times contenders in turns, so that a busy machine strikes all of them.</summary>
public static class Timing
{
    /// <summary>The median milliseconds of each.</summary>
    /// <param name="rounds">Turns, after one to warm up.</param>
    /// <param name="contenders">What is timed; results are disposed of.</param>
    public static double[] Median(int rounds, params Func<Tensor>[] contenders)
    {
        var times = new double[contenders.Length][];
        for (int c = 0; c < contenders.Length; c++) times[c] = new double[rounds];
        for (int round = -1; round < rounds; round++)
        {
            for (int c = 0; c < contenders.Length; c++)
            {
                using var scope = NewDisposeScope();
                long start = Stopwatch.GetTimestamp();
                contenders[c]();
                if (round >= 0) times[c][round] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            }
        }

        return [.. times.Select(static t => t.Order().ElementAt(t.Length / 2))];
    }
}
