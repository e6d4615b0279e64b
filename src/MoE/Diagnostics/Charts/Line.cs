namespace MoE.Diagnostics;

/// <summary>A line of a chart with the range over seeds behind it.</summary>
/// <param name="Name">Name, written at the end of the line.</param>
/// <param name="Runs">One curve per seed, all of the same length.</param>
internal sealed record Line(string Name, IReadOnlyList<IReadOnlyList<double>> Runs)
{
    /// <summary>Number of points.</summary>
    public int Count => Runs[0].Count;

    /// <summary>The mean over seeds.</summary>
    public double Mean(int i) => Runs.Average(r => r[i]);

    /// <summary>The least value over seeds.</summary>
    public double Least(int i) => Runs.Min(r => r[i]);

    /// <summary>The largest value over seeds.</summary>
    public double Most(int i) => Runs.Max(r => r[i]);
}
