using Microsoft.ML.OnnxRuntime;

namespace MoE.Onnx;

/// <summary>
/// A layer served by ONNX Runtime on the CPU, from a model of <see cref="OnnxLayerWriter"/>. Calls read and write the caller's memory in place, and allocate nothing as long as
/// a caller keeps its buffers and T. Thread-safe: concurrent calls share the session's threads, and a layer that is disposed of under running calls closes behind the last of them.
/// </summary>
public sealed class OnnxMoELayer : IMoEEngine
{
    private readonly InferenceSession _session;
    private readonly OnnxGate? _gate;
    private readonly bool _checkTokens;
    private readonly OrtLane?[] _lanes = new OrtLane?[Math.Max(4, 2 * Environment.ProcessorCount)];
    private readonly WeightMemory? _memory;

    // The owner counts for one, each running call for one more; who makes it zero closes.
    private int _users = 1;
    private int _disposed;

    private OnnxMoELayer(InferenceSession session, OnnxEngineOptions? options, OnnxGate? gate = null, WeightMemory? memory = null)
    {
        _session = session;
        _gate = gate;
        _memory = memory;
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

    /// <summary>Where the weights lie; null for a layer that was loaded, whose weights ONNX Runtime holds.</summary>
    public OnnxLayerMemory? Memory => _memory?.Sizes;

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

    /// <summary>
    /// Serves a layer without a file, over the caller's memory: what the form reads as the source holds it is used in place where the source is an <see cref="IPinnableWeightSource"/>; the rest is made once, in memory of the layer's own.
    /// <see cref="Memory"/> says how much is where.
    /// </summary>
    /// <remarks>
    /// In place: everything in single precision of <see cref="OnnxLayerForm.Portable"/> and <see cref="OnnxLayerForm.Loop"/>, and of <see cref="OnnxLayerForm.Contrib"/> all but gate and up of a GLU, which its operator wants interleaved.
    /// ONNX Runtime packs a copy of its own of the matrices of <see cref="OnnxLayerForm.Portable"/>, unless <see cref="OnnxEngineOptions.Prepacking"/> is off.
    /// </remarks>
    /// <param name="spec">The layer.</param>
    /// <param name="weights">All tensors of <see cref="WeightNames.Of"/>, finite; unchanged as long as the layer lives.</param>
    /// <param name="form">The operators to use.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <param name="layer">What the graph holds; null: the defaults.</param>
    /// <exception cref="SpecException">The spec has problems of its own.</exception>
    /// <exception cref="OnnxExportException">The form cannot express the layer; every reason is named.</exception>
    /// <exception cref="ArgumentException">Tensors are missing, misshapen or not finite; all of them are named.</exception>
    /// <exception cref="NotSupportedException">The native ONNX Runtime is too old.</exception>
    /// <exception cref="DllNotFoundException">The application has no native ONNX Runtime.</exception>
    public static OnnxMoELayer Create(MoELayerSpec spec, IWeightSource weights, OnnxLayerForm form, OnnxEngineOptions? options = null, OnnxLayerOptions? layer = null)
    {
        var model = OnnxLayerWriter.Build(spec, weights, form, layer);
        var memory = new WeightMemory(model, weights, options?.Prepacking ?? true);
        OnnxGate? gate = null;
        try
        {
            gate = OnnxGate.Load(OnnxWriter.ToBytes(OnnxRouterWriter.Build(spec.Router, weights, spec.RouterBias)), options);
            return new OnnxMoELayer(OrtSessions.Open(model, memory, options), options, gate, memory);
        }
        catch
        {
            gate?.Dispose();
            memory.Dispose();
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
        Enter();
        try
        {
            if (_gate is not null) return _gate.Route(new GateInput(tokens, Spec.Width));
            RequireRouting();
            int count = TokenGuard.Check(tokens, Spec.Width, _checkTokens);
            return count == 0 ? OrtRouting.Empty(Spec.Router) : OrtRouting.Run(_session, Spec.Router, tokens, Spec.Width, [], []);
        }
        finally
        {
            Leave();
        }
    }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The engine was disposed of.</exception>
    public unsafe void Forward(ReadOnlySpan<float> tokens, Span<float> output)
    {
        Enter();
        try
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
        finally
        {
            Leave();
        }
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
        Enter();
        try
        {
            int count = Check(tokens, output);
            RequireRouting();
            return count == 0 ? OrtRouting.Empty(Spec.Router) : OrtRouting.Run(_session, Spec.Router, tokens, Spec.Width, [], output);
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Closes the session and gives the weights' memory back; with calls running, when the last of them ends. Later calls are refused.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0) Leave();
    }

    private void Enter()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        int users = Volatile.Read(ref _users);
        while (true)
        {
            ObjectDisposedException.ThrowIf(users == 0, this);
            int seen = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (seen == users) return;
            users = seen;
        }
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref _users) > 0) return;
        foreach (var lane in _lanes) lane?.Dispose();
        _gate?.Dispose();
        _session.Dispose();
        _memory?.Dispose();
    }

    private int Check(ReadOnlySpan<float> tokens, Span<float> output)
    {
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
