namespace MoE.Benchmarks;

/// <summary>How much a comparison measures; each size contains the ones before it.</summary>
public enum CompareSize
{
    /// <summary>Under three minutes on two quiet cores.</summary>
    Quick,

    /// <summary>Large batches and sweeps as well.</summary>
    Full,
}
