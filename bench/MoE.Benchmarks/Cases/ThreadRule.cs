namespace MoE.Benchmarks;

/// <summary>The thread counts of a promise.</summary>
public enum ThreadRule
{
    /// <summary>Every count asked for.</summary>
    Each,

    /// <summary>One thread only.</summary>
    One,
}
