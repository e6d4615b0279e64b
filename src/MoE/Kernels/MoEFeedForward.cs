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
    private readonly MappedFile? _file;
    // Calls that run, and one for the layer itself until it is disposed; at zero the memory goes.
    private int _holders = 1;
    private int _disposed;

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
        : this(Supported(spec), Checked(precision), path, new ExpertReader(spec, weights, finite: IsQuantised(precision)))
    {
    }

    /// <param name="spec">A layer that <see cref="Supported"/> let through.</param>
    /// <param name="precision">A precision without problems.</param>
    /// <param name="path">The vectors.</param>
    /// <param name="weights">The layer's weights.</param>
    internal MoEFeedForward(MoELayerSpec spec, ExpertPrecision precision, KernelPath path, ExpertReader weights)
    {
        Spec = spec;
        Path = path;
        Precision = precision;
        _shared = spec.Shared is not null;
        _sharedGate = weights.Small.Get(WeightNames.SharedScalarGate);
        _experts = new PackedExpert[weights.Count];
        for (int i = 0; i < _experts.Length; i++) _experts[i] = weights.Pack(i, precision.Weights);
    }

    // On a mapped file, which becomes this layer's.
    private MoEFeedForward(MappedFile file, PackedFile packed)
    {
        (Spec, Precision, Path, _file) = (packed.Spec, packed.Precision, Tiles.Path, file);
        _shared = Spec.Shared is not null;
        _experts = new PackedExpert[Spec.FeedForwardExperts + (_shared ? 1 : 0)];
        for (int i = 0; i < _experts.Length; i++)
        {
            var parts = packed.Sections.AsSpan(4 * i, 4);
            _experts[i] = new PackedExpert(Spec.Expert, Precision.Weights, Spec.Width, i < Spec.FeedForwardExperts ? Spec.Expert.Width : Spec.Shared!.Width, Array.ConvertAll(parts.ToArray(), s => new AlignedBuffer(file, s.Offset, s.Length / sizeof(float))), parts[0].Errors, parts[1].Errors);
        }

        if (Spec.Shared is { SigmoidGate: true }) _sharedGate = new ReadOnlySpan<float>(file.Data + packed.Sections[4 * _experts.Length].Offset, Spec.Width).ToArray();
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

    /// <summary>The weights lie in a mapped file (<see cref="Open"/>), not in memory of the layer's own.</summary>
    public bool IsMapped => _file is not null;

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
    /// <exception cref="ObjectDisposedException">The layer or the workspace is disposed.</exception>
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
    /// <exception cref="ObjectDisposedException">The layer or the workspace is disposed.</exception>
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
        Enter();
        try
        {
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
        finally
        {
            Leave();
        }
    }

    /// <summary>Saves the packed weights to be mapped by <see cref="Open"/>. The file appears under its name only when complete.</summary>
    /// <param name="path">Overwritten if it exists.</param>
    /// <param name="progress">The share that is written, 0..1.</param>
    /// <param name="cancellationToken">Ends it; nothing is left behind.</param>
    /// <exception cref="IOException">The file cannot be written; nothing is left behind.</exception>
    /// <exception cref="ObjectDisposedException">The layer is disposed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public void Save(string path, IProgress<double>? progress = null, CancellationToken cancellationToken = default) => SaveWith(null, path, progress, cancellationToken);

    internal void SaveWith(PackedRouter? router, string path, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        Enter();
        try
        {
            using var writer = new PackedFileWriter(path, PackedFile.Plan(Spec, Precision, hasRouter: router is not null), progress, cancellationToken);
            foreach (var expert in _experts) writer.Add(expert);
            if (_sharedGate is not null) writer.Add(_sharedGate);
            router?.AddTo(writer);
            writer.Commit();
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Packs a layer into a file, one expert at a time: layers larger than memory too. <see cref="Open"/> and <see cref="ManagedMoEEngine.Open"/> map it.</summary>
    /// <param name="path">Overwritten if it exists; it appears under its name only when complete.</param>
    /// <param name="spec">The layer, as for the constructor.</param>
    /// <param name="weights">The tensors of <see cref="WeightNames.Of"/>, such as those of a mapped checkpoint.</param>
    /// <param name="precision">How weights are held and multiplied; null: single precision.</param>
    /// <param name="progress">The share that is written, 0..1.</param>
    /// <param name="cancellationToken">Ends it; nothing is left behind.</param>
    /// <returns>What packing did to the weights, as <see cref="Errors"/>.</returns>
    /// <exception cref="SpecException">As of the constructor.</exception>
    /// <exception cref="ArgumentException">As of the constructor.</exception>
    /// <exception cref="IOException">The file cannot be written; nothing is left behind.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static IReadOnlyList<ExpertError> Pack(string path, MoELayerSpec spec, IWeightSource weights, ExpertPrecision? precision = null, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        var held = Checked(precision);
        var reader = new ExpertReader(Supported(spec), weights, finite: IsQuantised(precision));
        var errors = new ExpertError[reader.Count];
        using var writer = new PackedFileWriter(path, PackedFile.Plan(spec, held, hasRouter: true), progress, cancellationToken);
        for (int i = 0; i < errors.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var expert = reader.Pack(i, held.Weights);
            writer.Add(expert);
            errors[i] = expert.Error;
        }

        if (reader.Small.Get(WeightNames.SharedScalarGate) is { } gate) writer.Add(gate);
        using var router = new PackedRouter(spec, reader.Small);
        router.AddTo(writer);
        writer.Commit();
        return errors;
    }

    /// <summary>
    /// Maps a file of <see cref="Save"/>, <see cref="Pack"/> or <see cref="ManagedMoEEngine.Save"/>: experts are read in place when tokens come to them, so that a layer may be larger than memory and the first token need not wait for the others' experts.
    /// Results have the bits of the layer that was saved. The file must not change while the layer lives.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="verify">Reads the whole file once and compares its checksums; otherwise only the header's is. Damaged weights give wrong numbers, never a read outside of the file.</param>
    /// <param name="cancellationToken">Ends the comparison.</param>
    /// <exception cref="InvalidDataException">No packed layer, cut off or damaged, of another version or of a layout that this library does not read; the message names the file and the rule.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static MoEFeedForward Open(string path, bool verify = false, CancellationToken cancellationToken = default) => OpenWith(path, verify, withRouter: false, out _, cancellationToken);

    internal static MoEFeedForward OpenWith(string path, bool verify, bool withRouter, out PackedRouter? router, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        MappedFile? file = null;
        try
        {
            file = new MappedFile(path);
            var packed = PackedFile.Parse(new ReadOnlySpan<byte>(file.Data, (int)Math.Min(file.Length, int.MaxValue)), file.Length);
            if (withRouter && !packed.HasRouter) throw new InvalidDataException("the file holds experts without a router; open it by MoEFeedForward.Open");
            if (verify) Verify(file, packed, cancellationToken);
            var layer = new MoEFeedForward(file, packed);
            router = withRouter ? PackedRouter.Open(file, packed) : null;
            return layer;
        }
        catch (Exception e)
        {
            file?.Dispose();
            if (e is InvalidDataException or OverflowException) throw new InvalidDataException($"{path}: {e.Message}", e);
            throw;
        }
    }

    private static void Verify(MappedFile file, PackedFile packed, CancellationToken cancellationToken)
    {
        const int Step = 16 << 20;
        for (int i = 0; i < packed.Sections.Length; i++)
        {
            var section = packed.Sections[i];
            uint crc = 0;
            for (long at = 0; at < section.Length; at += Step)
            {
                cancellationToken.ThrowIfCancellationRequested();
                crc = Crc32C.Of(new ReadOnlySpan<byte>(file.Data + section.Offset + at, (int)Math.Min(Step, section.Length - at)), crc);
            }

            if (crc != section.Crc) throw new InvalidDataException($"the checksum of section {i} (bytes {section.Offset}..{section.Offset + section.Length - 1}) does not match");
        }
    }

    /// <summary>Frees the packed weights, or unmaps their file. A call that is running finishes first; later ones are refused.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0) Leave();
    }

    // No call begins on memory that is gone, and none loses it while it runs.
    private void Enter()
    {
        int holders = Volatile.Read(ref _holders);
        while (true)
        {
            ObjectDisposedException.ThrowIf(holders == 0 || Volatile.Read(ref _disposed) != 0, this);
            int seen = Interlocked.CompareExchange(ref _holders, holders + 1, holders);
            if (seen == holders) return;
            holders = seen;
        }
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref _holders) > 0) return;
        foreach (var expert in _experts) expert.Dispose();
        _file?.Dispose();
    }

    private static ExpertPrecision Checked(ExpertPrecision? precision) => (precision ?? ExpertPrecision.Single).Checked();

    private static bool IsQuantised(ExpertPrecision? precision) => precision is { Weights: not (WeightFormat.Single or WeightFormat.BFloat16) };

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
