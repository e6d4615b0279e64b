namespace MoE;

/// <summary>Runs one layer. Implemented by the managed, the torch and the ONNX engine; all give the same experts and, within tolerance, the same numbers.</summary>
public interface IMoEEngine : IDisposable
{
    /// <summary>Name of the engine, for logs and tables.</summary>
    string Name { get; }

    /// <summary>The layer it runs.</summary>
    MoELayerSpec Spec { get; }

    /// <summary>Routes tokens without running the experts.</summary>
    /// <param name="tokens">[T, D], row-major.</param>
    /// <exception cref="ArgumentException">The length is no multiple of D, or a logit is NaN or +infinity.</exception>
    Routing Route(ReadOnlySpan<float> tokens);

    /// <summary>Runs the layer.</summary>
    /// <param name="tokens">[T, D], row-major; T may be zero.</param>
    /// <param name="output">[T, D], overwritten; must not overlap <paramref name="tokens"/>.</param>
    /// <exception cref="ArgumentException">A length is wrong, or a logit is NaN or +infinity.</exception>
    void Forward(ReadOnlySpan<float> tokens, Span<float> output);
}
