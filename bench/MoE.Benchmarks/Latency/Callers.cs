using System.Diagnostics;

namespace MoE.Benchmarks;

/// <summary>Callers that call at once, each on a thread of its own with buffers of its own.</summary>
internal static class Callers
{
    // The first calls bind buffers and bring weights into the caches.
    private const int Warm = 3;

    /// <summary>Times of all calls in milliseconds, and how long all of it took in seconds.</summary>
    /// <param name="engines">One per caller; several may be the same one if it is safe for that.</param>
    /// <param name="inputs">Batches of equal size; caller i begins at the i-th.</param>
    /// <param name="seconds">How long each caller calls; at least ten calls.</param>
    /// <param name="cancellation">Asks to stop.</param>
    public static (double[] Times, double Seconds) Run(IReadOnlyList<IMoEEngine> engines, IReadOnlyList<float[]> inputs, double seconds, CancellationToken cancellation)
    {
        var times = new List<double>[engines.Count];
        var failures = new Exception?[engines.Count];
        using var start = new Barrier(engines.Count + 1);
        var threads = Enumerable.Range(0, engines.Count).Select(i => new Thread(() =>
        {
            try
            {
                times[i] = Call(engines[i], inputs, i, seconds, start, cancellation);
            }
            catch (Exception e)
            {
                failures[i] = e;
                start.RemoveParticipant();
            }
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        start.SignalAndWait(CancellationToken.None);
        long from = Stopwatch.GetTimestamp();
        foreach (var thread in threads) thread.Join();
        double took = Stopwatch.GetElapsedTime(from).TotalSeconds;
        cancellation.ThrowIfCancellationRequested();
        if (failures.FirstOrDefault(static f => f is not null) is { } failure) throw new InvalidOperationException($"{engines[0].Name}: {failure.Message}", failure);
        return ([.. times.SelectMany(static t => t)], took);
    }

    private static List<double> Call(IMoEEngine engine, IReadOnlyList<float[]> inputs, int first, double seconds, Barrier start, CancellationToken cancellation)
    {
        // Pinned: a session's binding to the buffers holds from call to call.
        float[][] x = [.. inputs.Select(static i => Pinned(i))];
        float[] y = Pinned(inputs[0]);
        var times = new List<double>(1 << 16);
        for (int i = 0; i < Warm; i++) engine.Forward(x[(first + i) % x.Length], y);
        start.SignalAndWait(CancellationToken.None);
        long begun = Stopwatch.GetTimestamp();
        for (int i = 0; !cancellation.IsCancellationRequested && (i < 10 || Stopwatch.GetElapsedTime(begun).TotalSeconds < seconds); i++)
        {
            long from = Stopwatch.GetTimestamp();
            engine.Forward(x[(first + i) % x.Length], y);
            times.Add(Stopwatch.GetElapsedTime(from).TotalMilliseconds);
        }

        return times;
    }

    private static float[] Pinned(float[] values)
    {
        float[] pinned = GC.AllocateUninitializedArray<float>(values.Length, pinned: true);
        values.CopyTo(pinned, 0);
        return pinned;
    }
}
