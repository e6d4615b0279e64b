namespace MoE;

/// <summary>The gate of a <see cref="RouterSpec"/> with a linear scorer: logits = x W^T + b. Thread-safe.</summary>
public sealed class LinearGate : IGate
{
    private readonly float[] _weight;
    private readonly float[] _bias;
    private readonly float[] _selectionBias;
    private readonly int _width;

    /// <summary>Makes a gate. The arrays are kept, not copied.</summary>
    /// <param name="spec">The router.</param>
    /// <param name="weight">[E, D], row-major.</param>
    /// <param name="bias">[E] or null.</param>
    /// <param name="selectionBias">[E] where the spec uses one, otherwise null.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public LinearGate(RouterSpec spec, float[] weight, float[]? bias = null, float[]? selectionBias = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(weight);
        Spec = spec.Checked();
        if (weight.Length == 0 || weight.Length % spec.Experts != 0)
            throw new ArgumentException($"weight has {weight.Length} values; must be a positive multiple of experts ({spec.Experts})", nameof(weight));
        if (bias is not null && bias.Length != spec.Experts)
            throw new ArgumentException($"bias has {bias.Length} values; must have one per expert ({spec.Experts})", nameof(bias));
        if ((selectionBias?.Length ?? 0) != (spec.UsesSelectionBias ? spec.Experts : 0))
            throw new ArgumentException($"selectionBias has {selectionBias?.Length ?? 0} values; must have {(spec.UsesSelectionBias ? spec.Experts : 0)} for this spec", nameof(selectionBias));
        _weight = weight;
        _bias = bias ?? [];
        _selectionBias = selectionBias ?? [];
        _width = weight.Length / spec.Experts;
    }

    /// <summary>The router.</summary>
    public RouterSpec Spec { get; }

    /// <inheritdoc/>
    public string Name => "linear";

    /// <inheritdoc/>
    public int ExpertCount => Spec.Experts;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A width or length is wrong, or a logit is NaN or +infinity.</exception>
    public Routing Route(in GateInput input) => ReferenceRouter.Route(Logits(input), Spec.At(input.Step), new RouteOptions
    {
        SelectionBias = _selectionBias,
        Padding = input.Padding,
        ClosedExperts = input.ClosedExperts,
        GivenExperts = input.GivenExperts,
        SequenceLength = input.SequenceLength,
        Noise = input.Noise,
        NoiseScope = input.NoiseScope,
        Step = input.Step,
        Training = input.Training,
    });

    /// <summary>The logits [T, E]; products are summed in double. In training the scorer's input is jittered where the spec says so.</summary>
    /// <param name="input">The tokens, or the selector where there is one.</param>
    /// <exception cref="InvalidOperationException">The spec draws jitter, and the input has no noise source.</exception>
    /// <exception cref="ArgumentException">The width is not that of the weight.</exception>
    public float[] Logits(in GateInput input)
    {
        var x = input.Selector.IsEmpty ? input.Tokens : input.Selector;
        if (Spec.InputJitter > 0 && input.Training) x = Jittered(x, input);
        int tokens = input.TokenCount, experts = Spec.Experts;
        if (x.Length != (long)tokens * _width)
            throw new ArgumentException($"the scorer's input has {x.Length} values; must be tokens x width ({tokens} x {_width})", nameof(input));
        var logits = new float[tokens * experts];
        for (int t = 0; t < tokens; t++)
        {
            for (int e = 0; e < experts; e++)
            {
                double sum = _bias.Length == 0 ? 0 : _bias[e];
                var w = _weight.AsSpan(e * _width, _width);
                var row = x.Slice(t * _width, _width);
                for (int d = 0; d < w.Length; d++) sum += (double)w[d] * row[d];
                logits[t * experts + e] = (float)sum;
            }
        }

        return logits;
    }

    private float[] Jittered(ReadOnlySpan<float> x, in GateInput input)
    {
        string name = NoiseNames.Of(input.NoiseScope ?? NoiseNames.DefaultScope, NoiseNames.InputJitter);
        if (input.Noise is null)
            throw new InvalidOperationException($"the router draws {name}, and the noise source is null; give one (for example new SeededNoise(seed))");
        var jittered = new float[x.Length];
        input.Noise.Fill(name, input.Step, NoiseKind.Uniform, jittered);
        for (int i = 0; i < jittered.Length; i++) jittered[i] = (float)(x[i] * (1 - Spec.InputJitter + 2 * Spec.InputJitter * jittered[i]));
        return jittered;
    }
}
