using System.Diagnostics;

namespace MoE.Benchmarks;

/// <summary>Runs the same work on several threads at the same moment.</summary>
internal static class Team
{
    /// <summary>The shortest time from the first member's start to the last member's end.</summary>
    /// <param name="members">Threads, this one included.</param>
    /// <param name="repeats">How often.</param>
    /// <param name="work">Given the member's number.</param>
    public static TimeSpan Best(int members, int repeats, Action<int> work)
    {
        var starts = new long[repeats, members];
        var ends = new long[repeats, members];
        using var barrier = new Barrier(members);
        var threads = new Thread[members - 1];
        for (int i = 0; i < threads.Length; i++)
        {
            int member = i + 1;
            threads[i] = new Thread(() => Member(member)) { IsBackground = true };
            threads[i].Start();
        }

        Member(0);
        foreach (var thread in threads) thread.Join();
        return Enumerable.Range(0, repeats).Min(Span);

        void Member(int member)
        {
            for (int r = 0; r < repeats; r++)
            {
                barrier.SignalAndWait();
                starts[r, member] = Stopwatch.GetTimestamp();
                work(member);
                ends[r, member] = Stopwatch.GetTimestamp();
            }
        }

        TimeSpan Span(int repeat) => Stopwatch.GetElapsedTime(
            Enumerable.Range(0, members).Min(m => starts[repeat, m]),
            Enumerable.Range(0, members).Max(m => ends[repeat, m]));
    }
}
