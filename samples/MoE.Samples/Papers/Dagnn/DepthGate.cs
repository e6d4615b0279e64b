namespace MoE.Samples.Papers.Dagnn;

/// <summary>How the depths of propagation are weighed per node.</summary>
public enum DepthGate
{
    /// <summary>The paper's: a sigmoid per node and depth; weights need not sum to one.</summary>
    Sigmoid,

    /// <summary>A learned softmax over depths.</summary>
    Softmax,

    /// <summary>One for every depth.</summary>
    Sum,

    /// <summary>1 / (K + 1) for every depth.</summary>
    Mean,

    /// <summary>The last depth only.</summary>
    Last,
}
