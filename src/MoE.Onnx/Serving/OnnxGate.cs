using Microsoft.ML.OnnxRuntime;

namespace MoE.Onnx;

/// <summary>A gate served by ONNX Runtime, from a model of <see cref="OnnxRouterWriter"/>. Thread-safe, but for <see cref="Dispose"/>.</summary>
public sealed class OnnxGate : IGate, IDisposable
{
    private readonly InferenceSession _session;
    private readonly bool _checkTokens;
    private bool _disposed;

    private OnnxGate(InferenceSession session, OnnxEngineOptions? options)
    {
        _session = session;
        _checkTokens = options?.CheckTokens ?? true;
        try
        {
            Spec = MoE.RouterSpec.FromJson(OrtSessions.Metadata(session, OnnxNames.RouterSpec, "router"));
            Width = session.InputMetadata.TryGetValue(OnnxNames.Tokens, out var input) && input.Dimensions is [_, > 0 and var width] ? width : 0;
            OrtSessions.Require(session,
            [
                (OnnxNames.Tokens, true, typeof(float), Width),
                (OnnxNames.Experts, false, typeof(long), Spec.TopK),
                (OnnxNames.Weights, false, typeof(float), Spec.TopK),
            ]);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Name => "onnx";

    /// <summary>The router.</summary>
    public RouterSpec Spec { get; }

    /// <summary>D.</summary>
    public int Width { get; }

    /// <inheritdoc/>
    public int ExpertCount => Spec.Experts;

    /// <summary>Opens a model file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">Not a model that ONNX Runtime can run, or not a router of ours.</exception>
    /// <exception cref="DllNotFoundException">The application has no native ONNX Runtime.</exception>
    public static OnnxGate Load(string path, OnnxEngineOptions? options = null) => new(OrtSessions.Open(path, options), options);

    /// <summary>Opens a model in memory.</summary>
    /// <param name="model">The file's bytes; not used after the call.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="InvalidDataException">Not a model that ONNX Runtime can run, or not a router of ours.</exception>
    /// <exception cref="DllNotFoundException">The application has no native ONNX Runtime.</exception>
    public static OnnxGate Load(byte[] model, OnnxEngineOptions? options = null) => new(OrtSessions.Open(model, options), options);

    /// <inheritdoc/>
    /// <remarks>Uses the tokens (or the selector, where given) and the padding; a padded token's values are looked at all the same.</remarks>
    /// <exception cref="ArgumentException">A width or length is wrong, a token is not finite, or the input has closed or given experts, which a written graph does not know.</exception>
    /// <exception cref="ObjectDisposedException">The gate was disposed of.</exception>
    public Routing Route(in GateInput input)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!input.ClosedExperts.IsEmpty) throw new ArgumentException("closedExperts is given; a written graph cannot close experts", nameof(input));
        if (!input.GivenExperts.IsEmpty) throw new ArgumentException("givenExperts is given; a written graph cannot replay", nameof(input));
        var seen = input.Selector.IsEmpty ? input.Tokens : input.Selector;
        int tokens = TokenGuard.Check(seen, Width, _checkTokens);
        if (tokens != input.TokenCount)
            throw new ArgumentException($"input has {input.TokenCount} tokens of width {input.Width}; the gate was written for width {Width}", nameof(input));
        if (!input.Padding.IsEmpty && input.Padding.Length != tokens)
            throw new ArgumentException($"padding has {input.Padding.Length} values; must have one per token ({tokens})", nameof(input));
        return tokens == 0 ? OrtRouting.Empty(Spec) : OrtRouting.Run(_session, Spec, seen, Width, input.Padding, []);
    }

    /// <summary>Closes the session. No call may be running.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _session.Dispose();
    }
}
