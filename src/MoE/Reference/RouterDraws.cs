namespace MoE;

/// <summary>The random numbers of one call of a router; nothing is drawn that the spec does not use.</summary>
internal readonly struct RouterDraws
{
    private readonly NoiseSpec? _noise;
    private readonly float[] _logits = [];
    private readonly float[] _later = [];
    private readonly int _tokens;
    private readonly int _experts;

    public RouterDraws(RouterSpec spec, in RouteOptions options, int tokens)
    {
        _tokens = tokens;
        _experts = spec.Experts;
        if (spec.Noise is { } noise && (options.Training || !noise.TrainingOnly))
        {
            _noise = noise;
            _logits = Draw(options, NoiseNames.Logits, noise.Kind, tokens * spec.Experts);
        }

        if (spec.Select is TopKSelection { K: > 1, Later: { } later } select && options.GivenExperts.IsEmpty && (options.Training || later.InEvaluation))
        {
            Later = later;
            if (later.Rule == LaterRule.Random) _later = Draw(options, NoiseNames.LaterChoices, NoiseKind.Uniform, tokens * (select.K - 1));
        }

        Samples = Heuns = [];
        if (spec.Select is SparseMixerSelection mixer && options.Training)
        {
            (Samples, Heuns) = (new float[mixer.K][], new float[mixer.K][]);
            for (int j = 0; j < mixer.K; j++)
            {
                Samples[j] = Draw(options, $"{NoiseNames.Sample}{j}", NoiseKind.Exponential, tokens * spec.Experts);
                Heuns[j] = Draw(options, $"{NoiseNames.Heun}{j}", NoiseKind.Uniform, tokens);
            }
        }

        Drop = spec.Dispatch is { Capacity: not null, Drop: DropPolicy.Random } ? Draw(options, NoiseNames.RandomDrop, NoiseKind.Uniform, tokens * spec.Experts) : [];
    }

    /// <summary>Per stage [T, E], or empty.</summary>
    public float[][] Samples { get; }

    /// <summary>Per stage [T], or empty.</summary>
    public float[][] Heuns { get; }

    /// <summary>The rule for later choices, where it holds in this call.</summary>
    public LaterChoices? Later { get; }

    /// <summary>[T, E], or empty.</summary>
    public float[] Drop { get; }

    /// <summary>The draw of a later choice.</summary>
    public float Uniform(int choice, int token) => _later.Length == 0 ? 0 : _later[(choice - 1) * _tokens + token];

    /// <summary>Noisy logits, or null where the call has no noise.</summary>
    public float[]? Noisy(ReadOnlySpan<float> logits)
    {
        if (_noise is null) return null;
        var noisy = new float[logits.Length];
        double scale = _noise.ScaleOf(_experts);
        for (int i = 0; i < noisy.Length; i++)
        {
            double n = _noise.Kind == NoiseKind.Uniform ? 2.0 * _logits[i] - 1 : _logits[i];
            double value = _noise.Shift + scale * n;
            noisy[i] = (float)(_noise.Multiplies ? logits[i] * value : logits[i] + value);
        }

        return noisy;
    }

    /// <summary>One named draw.</summary>
    /// <exception cref="InvalidOperationException">The options have no noise source.</exception>
    private static float[] Draw(in RouteOptions options, string purpose, NoiseKind kind, int count)
    {
        string name = NoiseNames.Of(options.NoiseScope ?? NoiseNames.DefaultScope, purpose);
        var source = options.Noise ?? throw new InvalidOperationException($"the router draws {name}, and the noise source is null; give one (for example new SeededNoise(seed))");
        var values = new float[count];
        source.Fill(name, options.Step, kind, values);
        return values;
    }
}
