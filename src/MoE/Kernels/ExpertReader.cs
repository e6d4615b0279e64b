namespace MoE;

/// <summary>The experts' matrices of a source, widened to single precision and packed one expert at a time: beside the source, one expert lies in memory. All else of a layer is small and lies in <see cref="Small"/>.</summary>
internal readonly ref struct ExpertReader
{
    private static readonly string[] s_matrices = [WeightNames.ExpertGate, WeightNames.ExpertUp, WeightNames.ExpertDown, WeightNames.SharedGate, WeightNames.SharedUp, WeightNames.SharedDown];

    private readonly MoELayerSpec _spec;
    private readonly WeightTensor _gate, _up, _down, _sharedGate, _sharedUp, _sharedDown;
    private readonly float[] _gateRows, _upRows, _downRows;

    /// <param name="spec">A valid layer.</param>
    /// <param name="weights">Its tensors.</param>
    /// <param name="finite">Refuse NaN and infinity in the matrices.</param>
    /// <exception cref="ArgumentException">Tensors are missing, misshapen, or not finite; all are named.</exception>
    public ExpertReader(MoELayerSpec spec, IWeightSource weights, bool finite)
    {
        _spec = spec;
        Small = LayerWeights.Load(spec, weights, static name => !s_matrices.Contains(name));
        weights.TryGet(WeightNames.ExpertUp, out _up);
        weights.TryGet(WeightNames.ExpertDown, out _down);
        if (spec.Expert.Form == ExpertForm.Glu) weights.TryGet(WeightNames.ExpertGate, out _gate);
        if (spec.Shared is not null)
        {
            weights.TryGet(WeightNames.SharedUp, out _sharedUp);
            weights.TryGet(WeightNames.SharedDown, out _sharedDown);
            if (spec.Expert.Form == ExpertForm.Glu) weights.TryGet(WeightNames.SharedGate, out _sharedGate);
        }

        if (finite)
        {
            var problems = new List<string>();
            CheckFinite(WeightNames.ExpertGate, _gate, problems);
            CheckFinite(WeightNames.ExpertUp, _up, problems);
            CheckFinite(WeightNames.ExpertDown, _down, problems);
            CheckFinite(WeightNames.SharedGate, _sharedGate, problems);
            CheckFinite(WeightNames.SharedUp, _sharedUp, problems);
            CheckFinite(WeightNames.SharedDown, _sharedDown, problems);
            if (problems.Count > 0) throw new ArgumentException(string.Join("; ", problems), nameof(weights));
        }

        int most = spec.Width * Math.Max(spec.Expert.Width, spec.Shared?.Width ?? 0);
        (_gateRows, _upRows, _downRows) = (_gate.Count > 0 ? new float[most] : [], new float[most], new float[most]);
    }

    /// <summary>Router, biases, the shared expert's scalar gate.</summary>
    public LayerWeights Small { get; }

    /// <summary>Experts, the shared one included.</summary>
    public int Count => _spec.FeedForwardExperts + (_spec.Shared is null ? 0 : 1);

    /// <summary>Packs an expert, the shared one last.</summary>
    public PackedExpert Pack(int expert, WeightFormat format)
    {
        int d = _spec.Width, f = _spec.Expert.Width;
        if (expert == _spec.FeedForwardExperts)
        {
            int s = _spec.Shared!.Width;
            return new PackedExpert(_spec.Expert, format, d, s, Rows(_sharedGate, 0, s * d, _gateRows), Rows(_sharedUp, 0, s * d, _upRows), Rows(_sharedDown, 0, s * d, _downRows), Small.Get(WeightNames.SharedGateBias), Small.Get(WeightNames.SharedUpBias), Small.Get(WeightNames.SharedDownBias));
        }

        var small = Small;
        ReadOnlySpan<float> Part(string name, int size) => small.Get(name) is { } all ? all.AsSpan(expert * size, size) : default;
        return new PackedExpert(_spec.Expert, format, d, f, Rows(_gate, expert, f * d, _gateRows), Rows(_up, expert, f * d, _upRows), Rows(_down, expert, f * d, _downRows), Part(WeightNames.ExpertGateBias, f), Part(WeightNames.ExpertUpBias, f), Part(WeightNames.ExpertDownBias, d));
    }

    private static ReadOnlySpan<float> Rows(WeightTensor tensor, int expert, int size, float[] to)
    {
        if (tensor.Count == 0) return default;
        tensor.CopyTo(expert * size, to.AsSpan(0, size));
        return to.AsSpan(0, size);
    }

    private static void CheckFinite(string name, WeightTensor tensor, List<string> problems)
    {
        Span<float> part = stackalloc float[1024];
        for (int from = 0; from < tensor.Count; from += part.Length)
        {
            var values = part[..Math.Min(part.Length, tensor.Count - from)];
            tensor.CopyTo(from, values);
            int at = values.IndexOfAnyExceptInRange(float.MinValue, float.MaxValue);
            if (at < 0) continue;
            problems.Add($"{name}[{from + at}] = {values[at]}; must be finite to be quantised");
            return;
        }
    }
}
