namespace MoE;

/// <summary>The experts' matrices of a source, widened to single precision and packed one expert at a time: beside the source, one expert lies in memory. All else of a layer is small and lies in <see cref="Small"/>.</summary>
internal readonly ref struct ExpertReader
{
    private static readonly string[] s_matrices = [WeightNames.ExpertGate, WeightNames.ExpertUp, WeightNames.ExpertDown, WeightNames.SharedGate, WeightNames.SharedUp, WeightNames.SharedDown];

    private readonly MoELayerSpec _spec;
    private readonly IWeightParts? _parts;
    private readonly bool _glu;
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
        _glu = spec.Expert.Form == ExpertForm.Glu;
        _parts = weights as IWeightParts;
        // Parts are read when an expert is packed, and what they give out is finite.
        if (_parts is null)
        {
            weights.TryGet(WeightNames.ExpertUp, out _up);
            weights.TryGet(WeightNames.ExpertDown, out _down);
            if (_glu) weights.TryGet(WeightNames.ExpertGate, out _gate);
            if (spec.Shared is not null)
            {
                weights.TryGet(WeightNames.SharedUp, out _sharedUp);
                weights.TryGet(WeightNames.SharedDown, out _sharedDown);
                if (_glu) weights.TryGet(WeightNames.SharedGate, out _sharedGate);
            }

            if (finite) CheckFinite();
        }

        int most = spec.Width * Math.Max(spec.Expert.Width, spec.Shared?.Width ?? 0);
        (_gateRows, _upRows, _downRows) = (_glu ? new float[most] : [], new float[most], new float[most]);
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
            return new PackedExpert(_spec.Expert, format, d, s, Rows(WeightNames.SharedGate, _sharedGate, 0, s * d, _gateRows), Rows(WeightNames.SharedUp, _sharedUp, 0, s * d, _upRows), Rows(WeightNames.SharedDown, _sharedDown, 0, s * d, _downRows), Small.Get(WeightNames.SharedGateBias), Small.Get(WeightNames.SharedUpBias), Small.Get(WeightNames.SharedDownBias));
        }

        var small = Small;
        ReadOnlySpan<float> Part(string name, int size) => small.Get(name) is { } all ? all.AsSpan(expert * size, size) : default;
        return new PackedExpert(_spec.Expert, format, d, f, Rows(WeightNames.ExpertGate, _gate, expert, f * d, _gateRows), Rows(WeightNames.ExpertUp, _up, expert, f * d, _upRows), Rows(WeightNames.ExpertDown, _down, expert, f * d, _downRows), Part(WeightNames.ExpertGateBias, f), Part(WeightNames.ExpertUpBias, f), Part(WeightNames.ExpertDownBias, d));
    }

    // Nothing where the form has no such matrix.
    private ReadOnlySpan<float> Rows(string name, WeightTensor tensor, int expert, int size, float[] to)
    {
        if (to.Length == 0) return default;
        var rows = to.AsSpan(0, size);
        if (_parts is null) tensor.CopyTo(expert * size, rows);
        else _parts.Read(name, expert, rows);
        return rows;
    }

    private void CheckFinite()
    {
        var problems = new List<string>();
        CheckFinite(WeightNames.ExpertGate, _gate, problems);
        CheckFinite(WeightNames.ExpertUp, _up, problems);
        CheckFinite(WeightNames.ExpertDown, _down, problems);
        CheckFinite(WeightNames.SharedGate, _sharedGate, problems);
        CheckFinite(WeightNames.SharedUp, _sharedUp, problems);
        CheckFinite(WeightNames.SharedDown, _sharedDown, problems);
        if (problems.Count > 0) throw new ArgumentException(string.Join("; ", problems), "weights");
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
