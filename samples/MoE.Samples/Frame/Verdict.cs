namespace MoE.Samples.Frame;

/// <summary>What became of a claim.</summary>
public enum Verdict
{
    /// <summary>The whole interval lies within the bound.</summary>
    Holds,

    /// <summary>The whole interval lies outside the bound.</summary>
    Fails,

    /// <summary>The interval crosses the bound, or there is no interval.</summary>
    Inconclusive,

    /// <summary>There is no measurement.</summary>
    NotRun,
}
