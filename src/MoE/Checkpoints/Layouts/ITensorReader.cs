namespace MoE.Checkpoints;

/// <summary>A stored tensor as single-precision numbers, whatever its type.</summary>
internal interface ITensorReader
{
    /// <summary>Reads numbers that lie together.</summary>
    /// <param name="start">The first one, counted row-major over the whole tensor.</param>
    /// <param name="destination">Where they go.</param>
    void Read(long start, Span<float> destination);
}
