namespace MoE.Benchmarks;

/// <summary>What a comparison tells whoever watches it. Never called while something is timed.</summary>
public interface ICompareView
{
    /// <summary>The run begins.</summary>
    void Begin(int cases);

    /// <summary>A step begins, such as drawing weights or measuring a case.</summary>
    void Doing(string step);

    /// <summary>A sign of life within the step.</summary>
    void Tick();

    /// <summary>A case is done; the rows may be none.</summary>
    void Done(BenchCase @case, IReadOnlyList<CompareRow> rows);

    /// <summary>Something went wrong; the run goes on.</summary>
    void Problem(string problem);
}
