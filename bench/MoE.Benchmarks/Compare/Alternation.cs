namespace MoE.Benchmarks;

/// <summary>
/// Lets contenders run in turns, so that a drift of the machine meets all of them alike. In a round every contender has one turn; the one that begins rotates.
/// Inputs rotate too, and at any time contenders are at different inputs: weights in shared memory that one has just read do not help the next.
/// </summary>
public sealed class Alternation
{
    /// <summary>How many inputs rotate.</summary>
    public const int Inputs = 16;

    // Coprime to the number of inputs.
    private const int Stagger = 5;

    private readonly TimeProvider _clock;
    private readonly Action _emptyCaches;

    /// <param name="clock">The clock.</param>
    /// <param name="emptyCaches">Drives weights out of the caches.</param>
    public Alternation(TimeProvider clock, Action emptyCaches)
    {
        _clock = clock;
        _emptyCaches = emptyCaches;
    }

    /// <summary>Measures.</summary>
    /// <param name="contenders">Prepared contenders.</param>
    /// <param name="plan">How long.</param>
    /// <param name="afterRound">Called between rounds, outside the measurement but within the budget.</param>
    /// <param name="cancellation">Looked at between turns.</param>
    /// <returns>Milliseconds per call, one list per contender, all of equal length.</returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public List<double>[] Measure(IReadOnlyList<IContender> contenders, SamplePlan plan, Action? afterRound = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(contenders);
        ArgumentNullException.ThrowIfNull(plan);
        int[] calls = [.. contenders.Select((c, i) => WarmUp(c, i * Stagger, plan, cancellation))];
        var samples = Array.ConvertAll(calls, static _ => new List<double>());
        long start = _clock.GetTimestamp();
        for (int round = 0; round < plan.MaxRounds && (round < plan.MinRounds || _clock.GetElapsedTime(start) < plan.Budget); round++)
        {
            for (int turn = 0; turn < calls.Length; turn++)
            {
                cancellation.ThrowIfCancellationRequested();
                int c = (round + turn) % calls.Length;
                if (plan.ColdCaches) _emptyCaches();
                samples[c].Add(Turn(contenders[c], c * Stagger + round * calls[c], calls[c]).TotalMilliseconds / calls[c]);
            }

            afterRound?.Invoke();
        }

        return samples;
    }

    // Returns how many calls make one turn.
    private int WarmUp(IContender contender, int firstInput, SamplePlan plan, CancellationToken cancellation)
    {
        long start = _clock.GetTimestamp();
        var least = TimeSpan.MaxValue;
        for (int call = 0; call < 1 || _clock.GetElapsedTime(start) < plan.WarmUp; call++)
        {
            cancellation.ThrowIfCancellationRequested();
            var time = Turn(contender, firstInput + call, 1);
            if (time < least) least = time;
        }

        // A call too short for the clock counts as one tick.
        double one = Math.Max(least.Ticks, 1);
        return (int)Math.Max(1, Math.Ceiling(plan.MinSample.Ticks / one));
    }

    private TimeSpan Turn(IContender contender, int firstInput, int calls)
    {
        long start = _clock.GetTimestamp();
        for (int i = 0; i < calls; i++) contender.Run((firstInput + i) % Inputs);
        return _clock.GetElapsedTime(start);
    }
}
