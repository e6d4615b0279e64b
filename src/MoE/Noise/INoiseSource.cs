namespace MoE;

/// <summary>
/// Named draws. A draw is a function of (source, name, step), so every engine, thread count and order of calls gives the same numbers, and a recording can replace it.
/// </summary>
public interface INoiseSource
{
    /// <summary>Fills a buffer.</summary>
    /// <param name="name">What the noise is for, for example <c>layers.3.gate.jitter</c>.</param>
    /// <param name="step">Training step or call number; equal (name, step) gives equal numbers.</param>
    /// <param name="kind">The distribution.</param>
    /// <param name="destination">Overwritten.</param>
    /// <exception cref="KeyNotFoundException">A recording has no such draw.</exception>
    void Fill(string name, long step, NoiseKind kind, Span<float> destination);
}
