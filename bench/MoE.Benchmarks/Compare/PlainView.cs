namespace MoE.Benchmarks;

/// <summary>One line per case, for files and pipes.</summary>
internal sealed class PlainView(TextWriter writer, TimeProvider clock) : ICompareView
{
    private readonly long _start = clock.GetTimestamp();
    private int _cases;
    private int _done;

    /// <inheritdoc/>
    public void Begin(int cases) => _cases = cases;

    /// <inheritdoc/>
    public void Doing(string step)
    {
    }

    /// <inheritdoc/>
    public void Tick()
    {
    }

    /// <inheritdoc/>
    public void Done(BenchCase @case, IReadOnlyList<CompareRow> rows)
    {
        var times = rows.Select(static r => $"{r.Contender} {CompareTable.Milliseconds(r.MedianMs)} ms");
        writer.WriteLine($"[{++_done}/{_cases}, {clock.GetElapsedTime(_start).TotalSeconds:0} s] {@case}: {string.Join(", ", times)}");
    }

    /// <inheritdoc/>
    public void Problem(string problem) => writer.WriteLine($"PROBLEM {problem}");
}
