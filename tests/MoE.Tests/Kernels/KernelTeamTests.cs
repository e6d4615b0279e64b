namespace MoE.Tests.Kernels;

/// <summary>The team runs every item once, whoever comes.</summary>
public sealed class KernelTeamTests
{
    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(8)]
    public void Every_item_runs_once(int threads)
    {
        using var team = new KernelTeam(threads);
        for (int round = 0; round < 2000; round++)
        {
            int count = round % 17;
            var job = new Counting(count);
            team.Run(job, count);
            Assert.All(job.Seen, static n => Assert.Equal(1, n));
            if (round % 400 == 0) Thread.Sleep(5); // workers park
        }
    }

    [Fact]
    public void Teams_inside_teams_do_not_wait_for_each_other()
    {
        using var outer = new KernelTeam(4);
        var job = new Nested();
        outer.Run(job, 16);
        Assert.Equal(16 * 10, job.Total);
    }

    [Fact]
    public void A_busy_machine_slows_it_but_does_not_stop_it()
    {
        using var stop = new CancellationTokenSource();
        Thread[] busy = [.. Enumerable.Range(0, 4 * Environment.ProcessorCount).Select(_ => new Thread(() =>
        {
            while (!stop.IsCancellationRequested) Thread.SpinWait(100);
        }) { IsBackground = true })];
        foreach (var thread in busy) thread.Start();
        using (var team = new KernelTeam(4))
        {
            for (int round = 0; round < 20; round++)
            {
                var job = new Counting(9);
                team.Run(job, 9);
                Assert.All(job.Seen, static n => Assert.Equal(1, n));
            }
        }

        stop.Cancel();
        foreach (var thread in busy) thread.Join();
    }

    private sealed class Counting(int count) : IKernelJob
    {
        public int[] Seen { get; } = new int[count];

        public void Run(int item, int worker) => Interlocked.Increment(ref Seen[item]);
    }

    private sealed class Nested : IKernelJob
    {
        private int _total;

        public int Total => _total;

        public void Run(int item, int worker)
        {
            using var team = new KernelTeam(2);
            var job = new Counting(10);
            team.Run(job, 10);
            Interlocked.Add(ref _total, job.Seen.Sum());
        }
    }
}
