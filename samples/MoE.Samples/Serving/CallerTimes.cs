using System.Diagnostics;

namespace MoE.Samples.Serving;

/// <summary>How long calls of a layer take, in microseconds.</summary>
/// <param name="Alone">The median of one caller with one token.</param>
/// <param name="Median">The median of several callers at once, each with a batch.</param>
/// <param name="Worst">What 99 of 100 of those calls stay under.</param>
public sealed record CallerTimes(double Alone, double Median, double Worst)
{
    /// <summary>Callers at once.</summary>
    public const int Callers = 4;

    /// <summary>Tokens of a batch.</summary>
    public const int Batch = 16;

    // The first calls of a caller bind its buffers and warm its caches.
    private const int Warm = 20;

    /// <summary>Measures. Every caller has a thread, buffers and an engine of its own, or the same one if it is safe for several.</summary>
    /// <param name="engines">One per caller; the first one also runs alone.</param>
    /// <param name="tokens">[T, D], T at least <see cref="Batch"/>.</param>
    /// <param name="calls">Calls of a caller, at least 1.</param>
    /// <param name="cancellation">Asks to stop.</param>
    /// <exception cref="InvalidOperationException">A call failed; the first failure is inside.</exception>
    public static CallerTimes Of(IReadOnlyList<IMoEEngine> engines, float[] tokens, int calls, CancellationToken cancellation)
    {
        int width = engines[0].Spec.Width, rows = tokens.Length / width;
        double[] alone = Times(engines[0], [.. tokens.AsSpan(0, width)], calls, null, cancellation);
        var times = new double[engines.Count][];
        var failures = new Exception?[engines.Count];
        using var start = new Barrier(engines.Count);
        var threads = Enumerable.Range(0, engines.Count).Select(i => new Thread(() =>
        {
            // What a thread throws would end the program.
            try
            {
                float[] batch = [.. Enumerable.Range(0, Batch).SelectMany(r => tokens.AsSpan((i * Batch + r) % rows * width, width).ToArray())];
                times[i] = Times(engines[i], batch, calls, start, cancellation);
            }
            catch (Exception e)
            {
                failures[i] = e;
                start.RemoveParticipant();
            }
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        cancellation.ThrowIfCancellationRequested();
        if (failures.FirstOrDefault(static f => f is not null) is { } failure) throw new InvalidOperationException($"a caller of {engines[0].Name} failed: {failure.Message}", failure);
        double[] all = [.. times.SelectMany(static t => t).Order()];
        Array.Sort(alone);
        return new(alone[alone.Length / 2], all[all.Length / 2], all[Math.Min(all.Length - 1, all.Length * 99 / 100)]);
    }

    private static double[] Times(IMoEEngine engine, float[] tokens, int calls, Barrier? start, CancellationToken cancellation)
    {
        // Pinned, so that a session's binding to it holds from call to call.
        float[] x = GC.AllocateArray<float>(tokens.Length, pinned: true), y = GC.AllocateArray<float>(tokens.Length, pinned: true);
        tokens.CopyTo(x, 0);
        var times = new double[calls];
        for (int i = 0; i < Warm && !cancellation.IsCancellationRequested; i++) engine.Forward(x, y);
        start?.SignalAndWait(CancellationToken.None);
        for (int i = 0; i < calls && !cancellation.IsCancellationRequested; i++)
        {
            long from = Stopwatch.GetTimestamp();
            engine.Forward(x, y);
            times[i] = Stopwatch.GetElapsedTime(from).TotalMicroseconds;
        }

        return times;
    }
}
