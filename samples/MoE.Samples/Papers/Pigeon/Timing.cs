using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Pigeon;

/// <summary>Times contenders in turns and keeps the least of each: what else a machine does only adds.</summary>
public static class Timing
{
    /// <summary>The least milliseconds of each.</summary>
    /// <param name="rounds">Turns, after one to warm up.</param>
    /// <param name="contenders">What is timed; results are disposed of.</param>
    public static double[] Least(int rounds, params Func<Tensor>[] contenders)
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

        return [.. times.Select(static t => t.Min())];
    }
}
