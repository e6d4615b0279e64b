namespace MoE;

/// <summary>
/// The experts of a layer on packed weights: what <see cref="ReferenceLayer"/> computes, with register tiles, the gather folded into the packing of rows, gate and up in one pass with the activation behind
/// it, and the weighted sum behind the last product. Thread-safe for concurrent callers that have a <see cref="MoEWorkspace"/> each. Allocates nothing once the workspace has grown.
/// </summary>
/// <remarks>
/// A token's output has the same bits whatever the other tokens, the number of threads and the size of the chunks: every sum runs in one order. Other <see cref="KernelPath"/>s may differ in the last bits, where the
/// hardware has no fused multiply-add.
/// </remarks>
public sealed unsafe class MoEFeedForward : IDisposable
{
    private const long HiddenBytes = 16 << 20;

    private readonly PackedExpert[] _experts;
    private readonly float[]? _sharedGate;
    private readonly bool _shared;

    /// <summary>Packs the experts of a layer. The router is not looked at.</summary>
    /// <param name="spec">The layer: experts that are feed-forward networks, and a shared expert. Not supported: special experts, an output bias, dropped routes that pass, a kept remainder, output masking.</param>
    /// <param name="weights">The tensors of <see cref="WeightNames.Of"/>; they are copied.</param>
    /// <param name="precision">How weights are held and multiplied; null: single precision.</param>
    /// <exception cref="SpecException">The spec or the precision has problems, or something that is not supported; all are named.</exception>
    /// <exception cref="ArgumentException">Tensors are missing or have the wrong shape, or are to be quantised and hold NaN or infinity; all of them are named.</exception>
    public MoEFeedForward(MoELayerSpec spec, IWeightSource weights, ExpertPrecision? precision = null)
        : this(spec, weights, Tiles.Path, precision)
    {
    }

    internal MoEFeedForward(MoELayerSpec spec, IWeightSource weights, KernelPath path, ExpertPrecision? precision = null)
        : this(Supported(spec), LayerWeights.Load(spec, weights), path, precision)
    {
    }

    /// <param name="spec">A layer that <see cref="Supported"/> let through.</param>
    /// <param name="tensors">Its tensors.</param>
    /// <param name="path">The vectors.</param>
    /// <param name="precision">How weights are held and multiplied; null: single precision.</param>
    internal MoEFeedForward(MoELayerSpec spec, LayerWeights tensors, KernelPath path, ExpertPrecision? precision = null)
    {
        Spec = spec;
        Path = path;
        Precision = (precision ?? ExpertPrecision.Single).Checked();
        var format = Precision.Weights;
        if (format is not (WeightFormat.Single or WeightFormat.BFloat16) && !tensors.AreFinite) CheckFinite(tensors);
        _shared = spec.Shared is not null;
        _sharedGate = tensors.Get(WeightNames.SharedScalarGate);
        int d = spec.Width, f = spec.Expert.Width, e = spec.FeedForwardExperts;
        _experts = new PackedExpert[e + (_shared ? 1 : 0)];
        for (int i = 0; i < e; i++)
        {
            ReadOnlySpan<float> Part(string name, int size) => tensors.Share(name, i, size);
            _experts[i] = new PackedExpert(spec.Expert, format, d, f, Part(WeightNames.ExpertGate, f * d), Part(WeightNames.ExpertUp, f * d), Part(WeightNames.ExpertDown, f * d), Part(WeightNames.ExpertGateBias, f), Part(WeightNames.ExpertUpBias, f), Part(WeightNames.ExpertDownBias, d));
        }

        if (_shared)
            _experts[e] = new PackedExpert(spec.Expert, format, d, spec.Shared!.Width, tensors.Get(WeightNames.SharedGate), tensors.Get(WeightNames.SharedUp), tensors.Get(WeightNames.SharedDown), tensors.Get(WeightNames.SharedGateBias), tensors.Get(WeightNames.SharedUpBias), tensors.Get(WeightNames.SharedDownBias));
    }

    /// <summary>The layer.</summary>
    public MoELayerSpec Spec { get; }

    /// <summary>The vectors it uses.</summary>
    public KernelPath Path { get; }

    /// <summary>How weights are held and multiplied.</summary>
    public ExpertPrecision Precision { get; }

    /// <summary>What packing did to the weights: one per expert, then that of the shared expert if there is one. All zero in single precision.</summary>
    public IReadOnlyList<ExpertError> Errors => [.. _experts.Select(static e => e.Error)];

    /// <summary>The vectors that the layers of this process use.</summary>
    public static KernelPath DefaultPath => Tiles.Path;

    /// <summary>Bytes of packed weights: those of the weights, with widths rounded up to the panel (32; 16 for the inner width of a GLU).</summary>
    public long PackedBytes => _experts.Sum(static e => e.Bytes);

    /// <summary>Tokens that are computed at once: as many as have 16 MB of hidden numbers, and between 512 and 4096 routes.</summary>
    /// <param name="choices">Most routes of a token, positive.</param>
    public int ChunkTokens(int choices)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(choices);
        long routes = Math.Clamp(HiddenBytes / (sizeof(float) * (long)Spec.Expert.Width), 512, 4096);
        return (int)Math.Max(1, routes / choices);
    }

    /// <summary>What of a spec this class does not run.</summary>
    /// <param name="spec">A layer.</param>
    public static IEnumerable<SpecProblem> Unsupported(MoELayerSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        const string Rule = "is run by ReferenceLayer, not by the packed experts";
        if (spec.Special is not null) yield return new SpecProblem("special", spec.Special.ToString(), Rule);
        if (spec.OutputBias) yield return new SpecProblem("output_bias", "true", Rule);
        if (spec.PassDropped) yield return new SpecProblem("pass_dropped", "true", Rule);
        if (spec.KeepsRemainder) yield return new SpecProblem("keeps_remainder", "true", Rule);
        if (spec.OutputMasking != 0) yield return new SpecProblem("output_masking", spec.OutputMasking.ToString(System.Globalization.CultureInfo.InvariantCulture), Rule);
    }

    /// <summary>The spec, or an exception with all of its problems or all that is not run.</summary>
    internal static MoELayerSpec Supported(MoELayerSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        spec.Checked();
        SpecException.ThrowIfAny([.. Unsupported(spec)]);
        return spec;
    }

    /// <summary>Runs the experts.</summary>
    /// <param name="tokens">[T, D], row-major; T may be zero.</param>
    /// <param name="routing">Where the tokens go.</param>
    /// <param name="output">[T, D], overwritten; other memory than the tokens.</param>
    /// <param name="workspace">The caller's own.</param>
    /// <exception cref="ArgumentException">A length is wrong, the routing is of other tokens or experts, or the memory overlaps.</exception>
    public void Forward(ReadOnlySpan<float> tokens, SparseRouting routing, Span<float> output, MoEWorkspace workspace)
    {
        ArgumentNullException.ThrowIfNull(routing);
        Forward(tokens, new Routes(routing), output, workspace);
    }

    /// <summary>Runs the experts on a routing in memory of the caller's.</summary>
    /// <param name="tokens">[T, D], row-major; T may be zero.</param>
    /// <param name="routing">Where the tokens go.</param>
    /// <param name="output">[T, D], overwritten; other memory than the tokens.</param>
    /// <param name="workspace">The caller's own.</param>
    /// <exception cref="ArgumentException">A length is wrong, the routing is of other tokens or experts, or the memory overlaps.</exception>
    public void Forward(ReadOnlySpan<float> tokens, RoutingBuffer routing, Span<float> output, MoEWorkspace workspace)
    {
        ArgumentNullException.ThrowIfNull(routing);
        Forward(tokens, new Routes(routing), output, workspace);
    }

    private void Forward(ReadOnlySpan<float> tokens, in Routes routing, Span<float> output, MoEWorkspace workspace)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        int d = Spec.Width, count = tokens.Length / d;
        if (tokens.Length % d != 0) throw new ArgumentException($"tokens has {tokens.Length} values; must be a multiple of the width ({d})", nameof(tokens));
        if (output.Length != tokens.Length) throw new ArgumentException($"output has {output.Length} values; must have {tokens.Length}", nameof(output));
        if (tokens.Overlaps(output)) throw new ArgumentException("output overlaps the tokens; must be other memory", nameof(output));
        if (routing.TokenCount != count || routing.ExpertCount != Spec.Router.Experts)
            throw new ArgumentException($"routing is of {routing.TokenCount} tokens over {routing.ExpertCount} experts; must be {count} over {Spec.Router.Experts}", nameof(routing));
        int chunk = ChunkTokens(routing.MostChoices);
        fixed (float* x = tokens, y = output)
        {
            Span<int> cursors = workspace.Run.Cursors(routing.Offsets);
            for (int from = 0; from < count; from += chunk)
            {
                int to = Math.Min(from + chunk, count);
                Collect(tokens, routing, cursors, from, to, workspace.Run);
                workspace.Run.Compute(x, y, workspace);
            }
        }
    }

    /// <summary>Frees the packed weights. Not while a call runs.</summary>
    public void Dispose()
    {
        foreach (var expert in _experts) expert.Dispose();
    }

    // The plan's order is by expert, then by token, so a chunk is a run of every expert's routes.
    private void Collect(ReadOnlySpan<float> tokens, in Routes routing, Span<int> cursors, int from, int to, FeedForwardRun run)
    {
        run.Begin(_experts, Spec.Expert, Precision, Path, Spec.Width, routing.ExpertCount, Spec.Weighted == WeightedSide.Input, from, to);
        for (int e = 0; e < routing.ExpertCount; e++)
        {
            for (; cursors[e] < routing.Offsets[e + 1]; cursors[e]++)
            {
                int route = routing.Permutation[cursors[e]], token = routing.TokenOf(route);
                if (token >= to) break;
                run.AddRow(token, routing.Weights[route]);
            }

            run.EndExpert(e);
        }

        if (!_shared) return;
        for (int t = from; t < to; t++) run.AddRow(t, SharedWeight(tokens.Slice(t * Spec.Width, Spec.Width)));
        run.EndExpert(_experts.Length - 1);
    }

    private static void CheckFinite(LayerWeights tensors)
    {
        string[] names = [WeightNames.ExpertGate, WeightNames.ExpertUp, WeightNames.ExpertDown, WeightNames.SharedGate, WeightNames.SharedUp, WeightNames.SharedDown];
        var problems = new List<string>();
        foreach (string name in names)
        {
            if (tensors.Get(name) is not { } values) continue;
            int at = values.AsSpan().IndexOfAnyExceptInRange(float.MinValue, float.MaxValue);
            if (at >= 0) problems.Add($"{name}[{at}] = {values[at]}; must be finite to be quantised");
        }

        if (problems.Count > 0) throw new ArgumentException(string.Join("; ", problems), nameof(tensors));
    }

    private float SharedWeight(ReadOnlySpan<float> token) => _sharedGate is null ? 1 : (float)ScoreFunctions.Sigmoid(ReferenceExpert.Dot(_sharedGate, token));

    /// <summary>What the layer needs of a routing, whatever holds it.</summary>
    private readonly ref struct Routes
    {
        private readonly SparseRouting? _routing;

        public Routes(SparseRouting routing)
        {
            _routing = routing;
            (TokenCount, ExpertCount, MostChoices) = (routing.TokenCount, routing.ExpertCount, routing is TopKRouting top ? top.Choices : routing.ExpertCount);
            Offsets = routing.Plan.Offsets;
            Permutation = routing.Plan.Permutation;
            Weights = routing.Weights;
        }

        public Routes(RoutingBuffer routing)
        {
            (TokenCount, ExpertCount, MostChoices) = (routing.TokenCount, routing.ExpertCount, Math.Max(routing.Choices, 1));
            Offsets = routing.Offsets;
            Permutation = routing.Permutation;
            Weights = routing.Weights;
        }

        public int TokenCount { get; }

        public int ExpertCount { get; }

        public int MostChoices { get; }

        public ReadOnlySpan<int> Offsets { get; }

        public ReadOnlySpan<int> Permutation { get; }

        public ReadOnlySpan<float> Weights { get; }

        public int TokenOf(int route) => _routing is null ? route / MostChoices : _routing.TokenOf(route);
    }
}
