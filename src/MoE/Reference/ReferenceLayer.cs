namespace MoE;

/// <summary>
/// The layer written down once, in plain scalar code with double accumulation: the oracle of everything faster. Experts are added in ascending order, the shared expert last.
/// Thread-safe; allocates per call.
/// </summary>
public sealed class ReferenceLayer : IMoEEngine
{
    private readonly IGate _gate;
    private readonly ReferenceExpert[] _experts;
    private readonly ReferenceExpert? _shared;
    private readonly float[]? _sharedGate;
    private readonly ReferenceSpecial _special;
    private readonly float[]? _bias;

    /// <summary>Makes a layer with the spec's own linear gate.</summary>
    /// <param name="spec">The layer.</param>
    /// <param name="weights">All tensors of <see cref="WeightNames.Of"/>; they are copied.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <exception cref="ArgumentException">Tensors are missing or have the wrong shape; all of them are named.</exception>
    public ReferenceLayer(MoELayerSpec spec, IWeightSource weights)
        : this(spec, weights, null)
    {
    }

    /// <summary>Makes a layer with a gate of the user's own.</summary>
    /// <param name="spec">The layer; its router is used for its number of experts only where <paramref name="gate"/> is given.</param>
    /// <param name="weights">All tensors of <see cref="WeightNames.Of"/>; they are copied.</param>
    /// <param name="gate">The gate, or null for the spec's own.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <exception cref="ArgumentException">Tensors are missing or have the wrong shape, or the gate has another number of experts.</exception>
    public ReferenceLayer(MoELayerSpec spec, IWeightSource weights, IGate? gate)
    {
        var tensors = LayerWeights.Load(spec, weights);
        Spec = spec;
        _gate = gate ?? new LinearGate(spec.Router, tensors.Get(WeightNames.Router)!, tensors.Get(WeightNames.RouterBias), tensors.Get(WeightNames.SelectionBias));
        if (_gate.ExpertCount != spec.Router.Experts)
            throw new ArgumentException($"gate has {_gate.ExpertCount} experts; must have {spec.Router.Experts}", nameof(gate));
        _experts = new ReferenceExpert[spec.FeedForwardExperts];
        for (int e = 0; e < _experts.Length; e++) _experts[e] = ReferenceExpert.Routed(spec, tensors, e);
        _special = new ReferenceSpecial(spec, tensors);
        _bias = tensors.Get(WeightNames.OutputBias);
        if (spec.Shared is null) return;
        _shared = ReferenceExpert.Shared(spec, tensors);
        _sharedGate = tensors.Get(WeightNames.SharedScalarGate);
    }

    /// <inheritdoc/>
    public string Name => "managed-reference";

    /// <inheritdoc/>
    public MoELayerSpec Spec { get; }

    /// <inheritdoc/>
    /// <exception cref="SpecException">The router has schedules: give the step in a <see cref="GateInput"/>.</exception>
    public Routing Route(ReadOnlySpan<float> tokens) => Route(Stepless(tokens));

    /// <summary>Routes with masks, ids or noise.</summary>
    /// <param name="input">What the gate may see.</param>
    public Routing Route(in GateInput input) => _gate.Route(input);

    /// <inheritdoc/>
    /// <exception cref="SpecException">The router has schedules: give the step in a <see cref="GateInput"/>.</exception>
    public void Forward(ReadOnlySpan<float> tokens, Span<float> output) => Forward(Stepless(tokens), output);

    /// <summary>Runs the layer with masks, ids or noise.</summary>
    /// <param name="input">What the gate may see; its tokens are the experts' input.</param>
    /// <param name="output">[T, D], overwritten.</param>
    /// <returns>The routing that was carried out.</returns>
    /// <exception cref="ArgumentException">A width or length is wrong, or a logit is NaN or +infinity.</exception>
    /// <exception cref="InvalidOperationException">The user's gate returned a routing of other tokens or experts.</exception>
    /// <exception cref="NotSupportedException">The user's gate returned a routing with several slots per expert.</exception>
    public Routing Forward(in GateInput input, Span<float> output)
    {
        if (input.Width != Spec.Width)
            throw new ArgumentException($"input has width {input.Width}; must be {Spec.Width}", nameof(input));
        if (output.Length != input.Tokens.Length)
            throw new ArgumentException($"output has {output.Length} values; must have {input.Tokens.Length}", nameof(output));
        if (input.Tokens.Overlaps(output))
            throw new ArgumentException("output overlaps the tokens; must be other memory", nameof(output));
        var routing = Route(input);
        if (routing.TokenCount != input.TokenCount || routing.ExpertCount != Spec.Router.Experts)
            throw new InvalidOperationException($"gate {_gate.Name} returned a routing of {routing.TokenCount} tokens over {routing.ExpertCount} experts; must be {input.TokenCount} over {Spec.Router.Experts}");
        var sum = new double[output.Length];
        AddRouted(routing, input.Tokens, Factors(routing, input), sum);
        if (Spec.KeepsRemainder) AddRemainder(routing, input.Tokens, sum);
        if (Spec.PassDropped && routing is TopKRouting top) AddDropped(top, input.Tokens, sum);
        for (int i = 0; i < sum.Length && _bias is not null; i++) sum[i] += _bias[i % Spec.Width];
        AddShared(input.Tokens, sum);
        for (int i = 0; i < sum.Length; i++) output[i] = (float)sum[i];
        return routing;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private GateInput Stepless(ReadOnlySpan<float> tokens)
    {
        if (_gate is LinearGate { Spec.Schedules: not null }) throw new SpecException([RouterSpec.OneStep("router.")]);
        return new GateInput(tokens, Spec.Width);
    }

    private void AddRouted(Routing routing, ReadOnlySpan<float> tokens, float[]? factors, Span<double> sum)
    {
        int d = Spec.Width;
        var dense = routing as DenseRouting;
        if (dense is { Slots: > 1 })
            throw new NotSupportedException($"a routing with {dense.Slots} slots per expert mixes tokens before the experts; this layer runs token routings");
        for (int e = 0; e < Spec.Router.Experts; e++)
        {
            if (routing is SparseRouting sparse)
            {
                foreach (int route in sparse.Plan.Permutation[sparse.Plan.Offsets[e]..sparse.Plan.Offsets[e + 1]])
                {
                    int t = sparse.TokenOf(route);
                    Run(e, tokens.Slice(t * d, d), sparse.Weights[route], factors is null ? 1 - Spec.OutputMasking : factors[route], sum.Slice(t * d, d));
                }
            }
            else
            {
                for (int t = 0; t < routing.TokenCount; t++)
                    Run(e, tokens.Slice(t * d, d), dense!.Weights[t * Spec.Router.Experts + e], 1 - Spec.OutputMasking, sum.Slice(t * d, d));
            }
        }
    }

    private void Run(int expert, ReadOnlySpan<float> x, double weight, double factor, Span<double> sum)
    {
        var (before, after) = Spec.Weighted == WeightedSide.Input ? (weight, factor) : (1.0, weight * factor);
        if (expert < _experts.Length) _experts[expert].Add(x, before, after, sum);
        else _special.Add(expert - _experts.Length, x, before, after, sum);
    }

    // In training each route's output may be left out; null: the same factor for all.
    private float[]? Factors(Routing routing, in GateInput input)
    {
        if (Spec.OutputMasking == 0 || !input.Training || routing is not SparseRouting sparse) return null;
        string name = NoiseNames.Of(input.NoiseScope ?? NoiseNames.DefaultScope, NoiseNames.OutputMask);
        if (input.Noise is null) throw new InvalidOperationException($"the layer draws {name}, and the noise source is null; give one (for example new SeededNoise(seed))");
        var factors = new float[sparse.RouteCount];
        input.Noise.Fill(name, input.Step, NoiseKind.Uniform, factors);
        foreach (ref float f in factors.AsSpan()) f = f < (float)Spec.OutputMasking ? 0 : 1;
        return factors;
    }

    private void AddRemainder(Routing routing, ReadOnlySpan<float> tokens, Span<double> sum)
    {
        float[] weights = routing.ToDenseWeights();
        int d = Spec.Width, experts = Spec.Router.Experts;
        for (int t = 0; t < routing.TokenCount; t++)
        {
            double rest = 1;
            foreach (float w in weights.AsSpan(t * experts, experts)) rest -= w;
            for (int i = t * d; i < (t + 1) * d; i++) sum[i] += rest * tokens[i];
        }
    }

    private void AddDropped(TopKRouting routing, ReadOnlySpan<float> tokens, Span<double> sum)
    {
        int d = Spec.Width;
        for (int r = 0; r < routing.RouteCount; r++)
        {
            if (routing.ExpertIds[r] < 0 || routing.Plan.IsKept(r)) continue;
            int t = routing.TokenOf(r);
            for (int i = t * d; i < (t + 1) * d; i++) sum[i] += (double)routing.WeightsBeforeDrops[r] * tokens[i];
        }
    }

    private void AddShared(ReadOnlySpan<float> tokens, Span<double> sum)
    {
        if (_shared is null) return;
        int d = Spec.Width;
        for (int i = 0; i < tokens.Length; i += d)
        {
            var x = tokens.Slice(i, d);
            double weight = _sharedGate is null ? 1 : ScoreFunctions.Sigmoid(ReferenceExpert.Dot(_sharedGate, x));
            _shared.Add(x, 1, weight, sum.Slice(i, d));
        }
    }
}
