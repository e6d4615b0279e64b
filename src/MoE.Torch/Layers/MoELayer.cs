using MoE.Checkpoints;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A mixture-of-experts layer: replaces a feed-forward block anywhere, as a <c>Module&lt;Tensor, Tensor&gt;</c> over the last dimension. <see cref="route"/> also returns the routing and the named losses.
/// With the spec's own parts the parameters carry the names of <see cref="WeightNames"/>.
/// </summary>
/// <example><code>
/// var layer = new MoELayer(LayerProfiles.Mixtral(width: 64, expertWidth: 128, experts: 8)) { Losses = [RouterLoss.LoadBalancing(0.01)] };
/// using var result = layer.route(x);
/// (task + result.TotalLoss()).backward();
/// </code></example>
public sealed class MoELayer : nn.Module<Tensor, Tensor>
{
    private readonly TorchGate router;
    private readonly ExpertBank experts;
    private readonly nn.Module<Tensor, Tensor>? shared;
    private readonly Linear? shared_gate;
    private readonly Parameter? output_bias;

    /// <summary>Makes a layer from a spec.</summary>
    /// <param name="spec">The layer.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public MoELayer(MoELayerSpec spec, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(MoELayer))
    {
        ArgumentNullException.ThrowIfNull(spec);
        Spec = spec.Checked();
        Weighted = spec.Weighted;
        router = new TopKGate(spec.Router, spec.Width, spec.RouterBias, dtype, device, generator);
        experts = new StackedExperts(spec.Expert, spec.Router.Experts, spec.Width, dtype, device, generator, spec.Special);
        if (spec.OutputBias) output_bias = Initial.Zeros([spec.Width], dtype, device);
        if (spec.Shared is not null)
        {
            shared = new SharedExpert(spec.Expert, spec.Shared, spec.Width, dtype, device, generator);
            if (spec.Shared.SigmoidGate)
            {
                shared_gate = nn.Linear(spec.Width, 1, hasBias: false, device: device, dtype: dtype);
                shared_gate.weight = Initial.Linear([1, spec.Width], spec.Width, dtype, device, generator);
            }
        }

        RegisterComponents();
    }

    /// <summary>Makes a layer from parts of your own.</summary>
    /// <param name="router">The gate; owned by the layer from now on, as are all parts.</param>
    /// <param name="experts">The experts, as many as the gate's.</param>
    /// <param name="shared">A module that sees every token, or null.</param>
    /// <param name="weighted">Where the routing weight is applied.</param>
    /// <exception cref="ArgumentException">The gate and the experts differ in number.</exception>
    public MoELayer(TorchGate router, ExpertBank experts, nn.Module<Tensor, Tensor>? shared = null, WeightedSide weighted = WeightedSide.Output)
        : base(nameof(MoELayer))
    {
        ArgumentNullException.ThrowIfNull(router);
        ArgumentNullException.ThrowIfNull(experts);
        if (router.Experts != experts.Experts)
            throw new ArgumentException($"experts holds {experts.Experts}; must hold as many as the gate has ({router.Experts})", nameof(experts));
        this.router = router;
        this.experts = experts;
        this.shared = shared;
        Weighted = weighted;
        RegisterComponents();
    }

    /// <summary>A layer of a published model, from a folder with <c>config.json</c> and safetensors files as <see cref="HuggingFaceCheckpoint"/> opens it.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="layer">The number of a mixture-of-experts layer.</param>
    /// <param name="dtype">Type of the parameters; null: that of the published weights.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="progress">Told the share that is copied, 0..1.</param>
    /// <param name="cancellation">Stops between experts.</param>
    /// <returns>The layer in training mode, as new modules are.</returns>
    /// <exception cref="InvalidDataException">A file is damaged, or weights and configuration do not agree: all tensors in question are named.</exception>
    /// <exception cref="IOException">A file is missing or cannot be read.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The model has no such layer, or it is dense.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static MoELayer FromPretrained(string folder, int layer, ScalarType? dtype = null, Device? device = null, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        using var model = HuggingFaceCheckpoint.Open(folder);
        var weights = model.Layer(layer);
        var made = new MoELayer(weights.Spec, dtype ?? PretrainedType.Of(model.Config), device);
        try
        {
            made.load_weights(weights, progress, cancellation);
            return made;
        }
        catch
        {
            made.Dispose();
            throw;
        }
    }

    /// <summary>The spec, or null for a layer made from parts.</summary>
    public MoELayerSpec? Spec { get; }

    /// <summary>The gate.</summary>
    public TorchGate Router => router;

    /// <summary>The experts.</summary>
    public ExpertBank Experts => experts;

    /// <summary>Where the routing weight is applied.</summary>
    public WeightedSide Weighted { get; }

    /// <summary>The losses that <see cref="route"/> computes in training, by name.</summary>
    public IReadOnlyList<RouterLoss> Losses { get; set; } = [];

    /// <summary>The training step of calls without a context, for routers and losses with schedules; zero or more. A context carries its own.</summary>
    public long Step { get; set; }

    /// <summary>
    /// The experts' inputs carry the gradient of the routing weights (st-moe <c>straight_through_dispatch_tensor</c>): the forward pass is the same, and the gate also learns from what its experts receive.
    /// </summary>
    public bool StraightThroughDispatch { get; set; }

    /// <summary>The experts' inputs are multiplied by it; the gate and the residual paths see the token itself. MoE++: k.</summary>
    public double InputScale { get; set; } = 1;

    /// <summary>Called with every result, also where the layer is called as a plain module; see <see cref="RouterLossCollector"/>. The tensors live until the call ends: keep an alias of what you need.</summary>
    public event Action<MoELayer, MoEResult>? Routed;

    /// <summary>Choices per token; can be changed between calls. Null for a gate without such a number.</summary>
    public int? top_k
    {
        get => router.top_k;
        set => router.top_k = value;
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return route(x).Output.MoveToOuterDisposeScope();
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="x">[..., D], of the parameters' type; the number of tokens may be zero.</param>
    /// <param name="context">Masks, ids, replay. Masks may have the leading dimensions of <paramref name="x"/> instead of [T].</param>
    /// <returns>Output, routing and, in training mode, the named losses.</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong, or a logit cannot be routed.</exception>
    public MoEResult route(Tensor x, GateContext? context = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.dim() < 1) throw new ArgumentException($"x has shape {TensorGuard.Shape(x)}; must be [..., D]", nameof(x));
        TensorGuard.Floating(x, nameof(x));
        using var scope = NewDisposeScope();
        long width = x.shape[^1];
        if (Spec is not null && width != Spec.Width)
            throw new ArgumentException($"x has shape {TensorGuard.Shape(x)}; must be [..., {Spec.Width}]", nameof(x));
        var tokens_TD = x.reshape(width == 0 ? 0 : x.numel() / width, width);
        context = Flatten(context ?? (Step == 0 ? GateContext.Empty : new GateContext { Step = Step }), tokens_TD.shape[0]);
        // Where nobody says how long sequences are, they are the dimension in front of the last.
        if (context.SequenceLength == 0 && x.dim() > 2 && x.shape[^2] > 0) context = context with { SequenceLength = checked((int)x.shape[^2]) };
        var routing = router.call(tokens_TD, context);
        if (context.Padding is { } padding && routing.Spec is null) routing = routing.WithoutPadding(padding);
        var output_TD = Mix(tokens_TD, routing, context);
        if (output_bias is not null) output_TD = output_TD + output_bias;
        if (shared is not null) output_TD = output_TD + Shared(tokens_TD);
        long[] shape = [.. x.shape[..^1], output_TD.shape[^1]];
        var losses = training ? Losses.ToDictionary(static l => l.Name, l => l.Of(routing, context.Padding, context.Step)) : [];
        var result = new MoEResult(output_TD.reshape(shape), routing, losses);
        Routed?.Invoke(this, result);
        return result.MoveToOuterDisposeScope();
    }

    /// <summary>Runs the routed experts alone, for a routing that was made elsewhere (given, replayed, mixed by hand). No gate, no shared expert, no losses.</summary>
    /// <param name="tokens">[T, D].</param>
    /// <param name="routing">Of as many tokens and experts.</param>
    /// <returns>[T, Do].</returns>
    /// <exception cref="ArgumentException">The sizes differ.</exception>
    public Tensor mix(Tensor tokens, RoutingTensors routing)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(routing);
        if (tokens.dim() != 2 || tokens.shape[0] != routing.TokenCount || routing.ExpertCount != experts.Experts)
            throw new ArgumentException($"tokens has shape {TensorGuard.Shape(tokens)}, the routing {routing.TokenCount} tokens and {routing.ExpertCount} experts; must be as many tokens and {experts.Experts} experts", nameof(routing));
        using var scope = NewDisposeScope();
        return Mix(tokens, routing, GateContext.Empty).MoveToOuterDisposeScope();
    }

    // Rows by ascending expert, summed in that order in single precision at least.
    private Tensor Mix(Tensor tokens_TD, RoutingTensors routing, GateContext context)
    {
        var sum_TD = Plain && experts is StackedExperts stacked && stacked.Mixed(tokens_TD, routing) is { } mixed_TD ? mixed_TD : Sum(tokens_TD, routing, context);
        if (Spec is { KeepsRemainder: true }) sum_TD = sum_TD.add(tokens_TD.to(sum_TD.dtype).mul(routing.ToDenseWeights().sum(1, keepdim: true).neg().add(1)));
        if (Spec is { PassDropped: true } && routing.Kept is { } kept)
        {
            var passed_T1 = routing.WeightsBeforeDrops.masked_fill(kept.logical_or(routing.ExpertIds.lt(0)), 0).sum(1, keepdim: true);
            sum_TD = sum_TD.add(tokens_TD.to(sum_TD.dtype).mul(passed_T1));
        }

        return sum_TD.to(tokens_TD.dtype);
    }

    // Nothing happens between gather, experts and weighted sum that only the composition does.
    private bool Plain => InputScale == 1 && !StraightThroughDispatch && Weighted == WeightedSide.Output && Spec is not { OutputMasking: > 0 };

    private Tensor Sum(Tensor tokens_TD, RoutingTensors routing, GateContext context)
    {
        var (order_N, counts_E) = Dispatching.ByExpert(routing);
        var segments = new ExpertSegments(HostReads.Int64(counts_E));
        var routes_R = order_N.narrow(0, 0, segments.Rows);
        var tokens_R = routes_R.div(routing.Choices, RoundingMode.floor);
        var weights_R1 = routing.Weights.flatten().index_select(0, routes_R).unsqueeze(1);
        var rows_RD = tokens_TD.index_select(0, tokens_R);
        if (InputScale != 1) rows_RD = rows_RD.mul(InputScale);
        if (StraightThroughDispatch) rows_RD = rows_RD.mul(weights_R1.sub(weights_R1.detach()).add(1).to(rows_RD.dtype));
        if (Weighted == WeightedSide.Input) rows_RD = rows_RD.mul(weights_R1.to(rows_RD.dtype));
        var out_RD = experts.call(rows_RD, segments);
        var sum_TD = zeros([tokens_TD.shape[0], out_RD.shape[1]], dtype: weights_R1.dtype, device: tokens_TD.device);
        var wide_RD = out_RD.to(weights_R1.dtype);
        if (Weighted == WeightedSide.Output) wide_RD = wide_RD.mul(weights_R1);
        if (Spec is { OutputMasking: > 0 and var masking }) wide_RD = Masked(wide_RD, masking, routes_R, routing, context);
        return sum_TD.index_add(0, tokens_R, wide_RD, 1);
    }

    // Expert output masking: routes are left out in training, and evaluation takes the mean.
    private Tensor Masked(Tensor wide_RD, double masking, Tensor routes_R, RoutingTensors routing, GateContext context)
    {
        if (!training) return wide_RD.mul(1 - masking);
        var uniform_TK = NoiseDraw.Of(context, NoiseNames.OutputMask, NoiseKind.Uniform, routing.ExpertIds.shape, wide_RD);
        return wide_RD.masked_fill(uniform_TK.flatten().index_select(0, routes_R).lt((float)masking).unsqueeze(1), 0);
    }

    private Tensor Shared(Tensor tokens_TD)
    {
        var y_TD = shared!.call(tokens_TD);
        return shared_gate is null ? y_TD : shared_gate.call(tokens_TD).sigmoid().mul(y_TD);
    }

    private static GateContext Flatten(GateContext context, long tokens)
    {
        if (ReferenceEquals(context, GateContext.Empty)) return context;
        return context with
        {
            Selector = context.Selector is { } s && s.dim() != 2 ? s.reshape(tokens, s.shape[^1]) : context.Selector,
            PreviousLogits = context.PreviousLogits is { } l && l.dim() != 2 ? l.reshape(tokens, l.shape[^1]) : context.PreviousLogits,
            Padding = Flat(context.Padding),
            TokenIds = Flat(context.TokenIds),
            TaskIds = Flat(context.TaskIds),
            TypeIds = Flat(context.TypeIds),
        };

        static Tensor? Flat(Tensor? perToken) => perToken is null || perToken.dim() == 1 ? perToken : perToken.flatten();
    }
}
