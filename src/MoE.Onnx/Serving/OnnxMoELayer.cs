using Microsoft.ML.OnnxRuntime;

namespace MoE.Onnx;

/// <summary>
/// A layer served by ONNX Runtime on the CPU, from a model of <see cref="OnnxLayerWriter"/>. Calls read and write the caller's memory in place, and allocate nothing as long as
/// a caller keeps its buffers and T. Thread-safe, but for <see cref="Dispose"/>: concurrent calls share the session's threads.
/// </summary>
public sealed class OnnxMoELayer : IMoEEngine
{
    private readonly InferenceSession _session;
    private readonly OnnxGate? _gate;
    private readonly bool _checkTokens;
    private readonly OrtLane?[] _lanes = new OrtLane?[Math.Max(4, 2 * Environment.ProcessorCount)];
    private bool _disposed;

    private OnnxMoELayer(InferenceSession session, OnnxEngineOptions? options, OnnxGate? gate = null)
    {
        _session = session;
        _gate = gate;
        _checkTokens = options?.CheckTokens ?? true;
        try
        {
            Spec = MoELayerSpec.FromJson(OrtSessions.Metadata(session, OnnxNames.LayerSpec, "layer"));
            HasRouting = session.OutputMetadata.ContainsKey(OnnxNames.Experts);
            (string, bool, Type, int)[] layer = [(OnnxNames.Tokens, true, typeof(float), Spec.Width), (OnnxNames.Output, false, typeof(float), Spec.Width)];
            (string, bool, Type, int)[] routing = [(OnnxNames.Experts, false, typeof(long), Spec.Router.TopK), (OnnxNames.Weights, false, typeof(float), Spec.Router.TopK)];
            OrtSessions.Require(session, HasRouting ? [.. layer, .. routing] : layer);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Name => "onnx";

    /// <inheritdoc/>
    public MoELayerSpec Spec { get; }

    /// <summary>The model has routing outputs; see <see cref="OnnxLayerOptions.RoutingOutputs"/>.</summary>
    public bool HasRouting { get; }

    /// <summary>It can route: by the model's own outputs, or, made by <see cref="Create"/>, by a router beside it.</summary>
    public bool CanRoute => HasRouting || _gate is not null;

    /// <summary>Opens a model file. External data is looked for beside it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">Not a model that ONNX Runtime can run, or not a layer of ours.</exception>
    /// <exception cref="DllNotFoundException">The application has no native ONNX Runtime.</exception>
    public static OnnxMoELayer Load(string path, OnnxEngineOptions? options = null) => new(OrtSessions.Open(path, options), options);

    /// <summary>Opens a model in memory.</summary>
    /// <param name="model">The file's bytes; not used after the call.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="InvalidDataException">Not a model that ONNX Runtime can run, or not a layer of ours.</exception>
    /// <exception cref="DllNotFoundException">The application has no native ONNX Runtime.</exception>
    public static OnnxMoELayer Load(byte[] model, OnnxEngineOptions? options = null) => new(OrtSessions.Open(model, options), options);

    /// <summary>Serves a layer without a file. The weights are copied into the session.</summary>
    /// <param name="spec">The layer.</param>
    /// <param name="weights">All tensors of <see cref="WeightNames.Of"/>, finite.</param>
    /// <param name="form">The operators to use.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="SpecException">The spec has problems of its own.</exception>
    /// <exception cref="OnnxExportException">The form cannot express the layer; every reason is named.</exception>
    /// <exception cref="ArgumentException">Tensors are missing, misshapen or not finite; all of them are named.</exception>
    /// <exception cref="DllNotFoundException">The application has no native ONNX Runtime.</exception>
    public static OnnxMoELayer Create(MoELayerSpec spec, IWeightSource weights, OnnxLayerForm form, OnnxEngineOptions? options = null)
    {
        byte[] model = OnnxWriter.ToBytes(OnnxLayerWriter.Build(spec, weights, form));
        var gate = OnnxGate.Load(OnnxWriter.ToBytes(OnnxRouterWriter.Build(spec.Router, weights, spec.RouterBias)), options);
        try
        {
            return new OnnxMoELayer(OrtSessions.Open(model, options), options, gate);
        }
        catch
        {
            gate.Dispose();
            throw;
        }
    }

    /// <summary>Routes tokens.</summary>
    /// <param name="tokens">[T, D], row-major, finite; T may be zero.</param>
    /// <remarks>An engine of <see cref="Create"/> has a router of its own for this. One that was loaded runs the whole layer, since ONNX Runtime runs graphs whole; <see cref="OnnxGate"/> serves a router alone.</remarks>
    /// <exception cref="ArgumentException">The length is no multiple of D, a token is not finite, or a weight came out so.</exception>
    /// <exception cref="NotSupportedException">The model has no routing outputs.</exception>
    /// <exception cref="ObjectDisposedException">The engine was disposed of.</exception>
    public Routing Route(ReadOnlySpan<float> tokens)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_gate is not null) return _gate.Route(new GateInput(tokens, Spec.Width));
        RequireRouting();
        int count = TokenGuard.Check(tokens, Spec.Width, _checkTokens);
        return count == 0 ? OrtRouting.Empty(Spec.Router) : OrtRouting.Run(_session, Spec.Router, tokens, Spec.Width, [], []);
    }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The engine was disposed of.</exception>
    public unsafe void Forward(ReadOnlySpan<float> tokens, Span<float> output)
    {
        int count = Check(tokens, output);
        if (count == 0) return;
        var lane = Rent();
        try
        {
            fixed (float* x = tokens, y = output) lane.Run((nint)x, (nint)y, count);
        }
        catch
        {
            lane.Dispose();
            throw;
        }

        Return(lane);
    }

    /// <summary>Runs the layer and reports the routing that it used.</summary>
    /// <param name="tokens">[T, D], row-major, finite; T may be zero.</param>
    /// <param name="output">[T, D], overwritten; must not overlap <paramref name="tokens"/>.</param>
    /// <returns>The routing.</returns>
    /// <exception cref="ArgumentException">A length is wrong, a token is not finite, or a weight came out so.</exception>
    /// <exception cref="NotSupportedException">The model has no routing outputs.</exception>
    /// <exception cref="ObjectDisposedException">The engine was disposed of.</exception>
    public Routing ForwardAndRoute(ReadOnlySpan<float> tokens, Span<float> output)
    {
        int count = Check(tokens, output);
        RequireRouting();
        return count == 0 ? OrtRouting.Empty(Spec.Router) : OrtRouting.Run(_session, Spec.Router, tokens, Spec.Width, [], output);
    }

    /// <summary>Closes the session. No call may be running.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        foreach (var lane in _lanes) lane?.Dispose();
        _gate?.Dispose();
        _session.Dispose();
    }

    private int Check(ReadOnlySpan<float> tokens, Span<float> output)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (output.Length != tokens.Length)
            throw new ArgumentException($"output has {output.Length} values; must have {tokens.Length}", nameof(output));
        if (tokens.Overlaps(output))
            throw new ArgumentException("output overlaps the tokens; must be other memory", nameof(output));
        return TokenGuard.Check(tokens, Spec.Width, _checkTokens);
    }

    private void RequireRouting()
    {
        if (!HasRouting)
            throw new NotSupportedException($"the model has no outputs {OnnxNames.Experts} and {OnnxNames.Weights}; write it with {nameof(OnnxLayerOptions)}.{nameof(OnnxLayerOptions.RoutingOutputs)}");
    }

    // A caller that runs alone gets the same lane every time, and with it the values bound last.
    private OrtLane Rent()
    {
        for (int i = 0; i < _lanes.Length; i++)
        {
            if (Interlocked.Exchange(ref _lanes[i], null) is { } lane) return lane;
        }

        return new OrtLane(_session, Spec.Width);
    }

    private void Return(OrtLane lane)
    {
        for (int i = 0; i < _lanes.Length; i++)
        {
            if (Interlocked.CompareExchange(ref _lanes[i], lane, null) is null) return;
        }

        lane.Dispose();
    }
}
