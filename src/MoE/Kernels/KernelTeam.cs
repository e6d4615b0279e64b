namespace MoE;

/// <summary>Work in numbered items that may run in any order and on any thread.</summary>
internal interface IKernelJob
{
    /// <summary>Runs one item. Does not throw.</summary>
    /// <param name="item">From zero.</param>
    /// <param name="worker">0 for the caller, then 1..threads-1: for scratch memory of its own.</param>
    void Run(int item, int worker);
}

/// <summary>
/// A few threads that take numbered items from a counter. The caller takes items too and does not wait for workers that never come, so a busy machine or a starved pool slows it down but cannot stop it.
/// Workers spin briefly between calls and then park. Not for concurrent callers: one team per workspace.
/// </summary>
internal sealed class KernelTeam : IDisposable
{
    private const int Spins = 2000;
    private const long Closed = int.MaxValue;

    private readonly Worker[] _workers;
    private IKernelJob? _job;
    private int _count;
    // Epoch in the high half, next item in the low half; a claim succeeds only if neither moved since the job was read.
    private long _next = Closed;
    private int _done;
    private volatile bool _stopping;

    /// <param name="threads">Caller included, positive.</param>
    public KernelTeam(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        Threads = threads;
        _workers = new Worker[threads - 1];
        for (int i = 0; i < _workers.Length; i++) _workers[i] = new Worker(this, i + 1);
    }

    public int Threads { get; }

    /// <summary>Runs all items and returns when the last has ended.</summary>
    public void Run(IKernelJob job, int count)
    {
        if (count == 0) return;
        if (_workers.Length == 0 || count == 1)
        {
            for (int i = 0; i < count; i++) job.Run(i, 0);
            return;
        }

        long epoch = (Volatile.Read(ref _next) >> 32) + 1;
        Volatile.Write(ref _next, epoch << 32 | Closed);
        Volatile.Write(ref _job, job);
        Volatile.Write(ref _count, count);
        Volatile.Write(ref _done, 0);
        Interlocked.Exchange(ref _next, (epoch + 1) << 32);
        foreach (var worker in _workers) worker.Wake();
        Work(0);
        var spin = new SpinWait();
        while (Volatile.Read(ref _done) < count) spin.SpinOnce(sleep1Threshold: -1);
        Volatile.Write(ref _job, null);
    }

    public void Dispose()
    {
        _stopping = true;
        foreach (var worker in _workers) worker.Stop();
    }

    private void Work(int worker)
    {
        while (true)
        {
            long next = Volatile.Read(ref _next);
            var job = Volatile.Read(ref _job);
            int count = Volatile.Read(ref _count), item = (int)next;
            if (item >= count || job is null) return;
            if (Interlocked.CompareExchange(ref _next, next + 1, next) != next) continue;
            job.Run(item, worker);
            Interlocked.Increment(ref _done);
        }
    }

    private sealed class Worker
    {
        private readonly KernelTeam _team;
        private readonly int _number;
        private readonly SemaphoreSlim _signal = new(0);
        private readonly Thread _thread;
        private int _parked;

        public Worker(KernelTeam team, int number)
        {
            _team = team;
            _number = number;
            _thread = new Thread(Loop) { IsBackground = true, Name = $"MoE kernel {number}" };
            _thread.Start();
        }

        public void Wake()
        {
            if (Interlocked.Exchange(ref _parked, 0) == 1) _signal.Release();
        }

        public void Stop()
        {
            Wake();
            _thread.Join();
            _signal.Dispose();
        }

        private void Loop()
        {
            long seen = 0;
            while (!_team._stopping)
            {
                long epoch = Wait(seen);
                if (_team._stopping) return;
                seen = epoch;
                _team.Work(_number);
            }
        }

        // Returns when there is another epoch than the one last seen.
        private long Wait(long seen)
        {
            for (int i = 0; i < Spins; i++)
            {
                long epoch = Volatile.Read(ref _team._next) >> 32;
                if (epoch != seen || _team._stopping) return epoch;
                Thread.SpinWait(8);
            }

            while (true)
            {
                Interlocked.Exchange(ref _parked, 1);
                long epoch = Volatile.Read(ref _team._next) >> 32;
                if (epoch != seen || _team._stopping)
                {
                    // Whoever takes the mark off owns the signal: a release that was already sent is taken.
                    if (Interlocked.Exchange(ref _parked, 0) == 0) _signal.Wait();
                    return epoch;
                }

                _signal.Wait();
            }
        }
    }
}
