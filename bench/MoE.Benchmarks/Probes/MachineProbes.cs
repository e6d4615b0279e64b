namespace MoE.Benchmarks;

/// <summary>Both probes, taken again and again during a run: the speed of a machine drifts.</summary>
internal sealed class MachineProbes : IDisposable
{
    private readonly ReadProbe _read = new();
    private readonly List<ProbeResult> _results = [];

    /// <summary>Measures now and remembers it.</summary>
    public ProbeResult Measure(int threads)
    {
        var result = new ProbeResult(threads, FmaProbe.Measure(threads), _read.Measure(threads));
        _results.Add(result);
        return result;
    }

    /// <summary>Drives weights out of the caches.</summary>
    public void EmptyCaches() => _read.EmptyCaches();

    /// <summary>The median of one quantity by thread count.</summary>
    public SortedDictionary<int, double> Medians(Func<ProbeResult, double> quantity) =>
        new(_results.GroupBy(static r => r.Threads).ToDictionary(static g => g.Key, g => SampleSummary.Of(g.Select(quantity)).Median));

    /// <inheritdoc/>
    public void Dispose() => _read.Dispose();
}
