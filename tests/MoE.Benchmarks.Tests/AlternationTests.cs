namespace MoE.Benchmarks.Tests;

public sealed class AlternationTests
{
    private static readonly SamplePlan Plan = new() { Budget = TimeSpan.Zero, WarmUp = TimeSpan.Zero };

    private readonly ManualClock _clock = new();
    private readonly List<(string Name, int Input)> _log = [];
    private int _evictions;

    [Fact]
    public void EveryContenderHasOneTurnInEveryRound()
    {
        var samples = Measure(Plan with { MinRounds = 4, ColdCaches = true }, Fake("a", 1), Fake("b", 2), Fake("c", 3));
        var turns = Turns(warmUps: 3);
        Assert.Equal("abc bca cab abc", string.Join(' ', turns.Chunk(3).Select(static round => string.Concat(round.Select(static t => t.Name)))));
        Assert.Equal([4, 4, 4], samples.Select(static s => s.Count));
        Assert.Equal([1.0, 2.0, 3.0], samples.Select(static s => s.Distinct().Single()));
        Assert.Equal(turns.Length, _evictions);
    }

    [Fact]
    public void SixteenRoundsShowEveryInputToEveryone()
    {
        Measure(Plan with { MinRounds = 16 }, Fake("a", 1), Fake("b", 1), Fake("c", 1), Fake("d", 1), Fake("e", 1));
        var turns = Turns(warmUps: 5);
        Assert.All(turns.GroupBy(static t => t.Name), static g => Assert.Equal(Enumerable.Range(0, 16), g.Select(static t => t.Input).Order()));
        // In a round, no two contenders are at the same input.
        Assert.All(turns.Chunk(5), static round => Assert.Equal(5, round.Select(static t => t.Input).Distinct().Count()));
    }

    [Fact]
    public void TheBudgetEndsTheRoundsButNotBeforeTheLeastNumber()
    {
        var plan = Plan with { Budget = TimeSpan.FromMilliseconds(100), MinRounds = 5, MaxRounds = 64 };
        Assert.Equal(5, Measure(plan, Fake("slow", 1000))[0].Count);
        Assert.Equal(10, Measure(plan, Fake("middling", 10))[0].Count);
        Assert.Equal(64, Measure(plan, Fake("fast", 0.1))[0].Count);
    }

    [Fact]
    public void ShortCallsAreRepeatedWithinATurnAndDividedByTheirNumber()
    {
        var samples = Measure(Plan with { MinSample = TimeSpan.FromMilliseconds(1), MinRounds = 3 }, Fake("short", 0.3), Fake("long", 5));
        Assert.Equal(3 * 4, Turns(warmUps: 2).Count(static t => t.Name == "short"));
        Assert.Equal(3, Turns(warmUps: 2).Count(static t => t.Name == "long"));
        Assert.All(samples[0], static ms => Assert.Equal(0.3, ms, 6));
    }

    [Fact]
    public void WarmUpLastsAsLongAsItMustAndOneCallAtLeast()
    {
        Measure(Plan with { WarmUp = TimeSpan.FromMilliseconds(9.5), MinRounds = 1, MaxRounds = 1 }, Fake("a", 1), Fake("b", 100));
        Assert.Equal(10 + 1, _log.Count(static t => t.Name == "a"));
        Assert.Equal(1 + 1, _log.Count(static t => t.Name == "b"));
    }

    [Fact]
    public void CancellingStopsBetweenTurns()
    {
        using var cancel = new CancellationTokenSource();
        var alternation = new Alternation(_clock, static () => { });
        Assert.Throws<OperationCanceledException>(() => alternation.Measure([Fake("a", 1), Fake("b", 1)], Plan, cancel.Cancel, cancel.Token));
        Assert.Equal(2, Turns(warmUps: 2).Length);
    }

    private List<double>[] Measure(SamplePlan plan, params IContender[] contenders)
    {
        _log.Clear();
        return new Alternation(_clock, () => _evictions++).Measure(contenders, plan);
    }

    private (string Name, int Input)[] Turns(int warmUps) => [.. _log.Skip(warmUps)];

    private FakeContender Fake(string name, double ms) => new(name, input =>
    {
        _log.Add((name, input));
        _clock.Advance(TimeSpan.FromMilliseconds(ms));
    });

    private sealed class FakeContender(string name, Action<int> run) : IContender
    {
        public string Name => name;

        public void Prepare(int tokens)
        {
        }

        public void Run(int input) => run(input);

        public Answer Read() => new();

        public void Dispose()
        {
        }
    }

    private sealed class ManualClock : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Advance(TimeSpan time) => _ticks += time.Ticks;
    }
}
