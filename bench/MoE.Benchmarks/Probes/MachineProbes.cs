namespace MoE.Benchmarks;

/// <summary>Both probes, taken in turns with the contenders: the speed of a machine drifts, and its neighbours come and go.</summary>
internal sealed class MachineProbes : IDisposable
{
    private readonly ReadProbe _read = new();
    private readonly List<ProbeResult> _turns = [];
    private readonly List<ProbeResult> _cases = [];

    /// <summary>One short turn of both.</summary>
    public void Turn(int threads) => _turns.Add(new ProbeResult(threads, FmaProbe.Measure(threads), _read.Measure(threads)));

    /// <summary>The median of the turns since the last call; null without any.</summary>
    public ProbeResult? EndCase()
    {
        if (_turns.Count == 0) return null;
        var result = new ProbeResult(_turns[0].Threads, Median(_turns, static p => p.FmaGflops), Median(_turns, static p => p.ReadGbs));
        _turns.Clear();
        _cases.Add(result);
        return result;
    }

    /// <summary>Drives weights out of the caches.</summary>
    public void EmptyCaches() => _read.EmptyCaches();

    /// <summary>The median of one quantity over the cases, by thread count.</summary>
    public SortedDictionary<int, double> Medians(Func<ProbeResult, double> quantity) =>
        new(_cases.GroupBy(static r => r.Threads).ToDictionary(static g => g.Key, g => Median(g, quantity)));

    /// <inheritdoc/>
    public void Dispose() => _read.Dispose();

    private static double Median(IEnumerable<ProbeResult> results, Func<ProbeResult, double> quantity) => SampleSummary.Of(results.Select(quantity)).Median;
}
