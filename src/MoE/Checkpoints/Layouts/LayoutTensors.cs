using System.Globalization;

namespace MoE.Checkpoints;

/// <summary>Collects the tensors of one layer's layout in the words of the families: routers, experts apart, fused, stacked or transposed, shared experts.</summary>
/// <param name="spec">The layer.</param>
/// <param name="block">What the names begin with.</param>
/// <param name="mostExperts">Experts that may have tensors of their own.</param>
internal sealed class LayoutTensors(MoELayerSpec spec, string block, int mostExperts = int.MaxValue)
{
    private readonly List<StoredTensor> _tensors = [];
    private readonly int _d = spec.Width, _f = spec.Expert.Width, _e = spec.FeedForwardExperts, _all = spec.Router.Experts;

    public IReadOnlyList<StoredTensor> Tensors => _tensors;

    /// <summary>False where the layout cannot hold such a layer.</summary>
    public bool Fits { get; private set; } = true;

    /// <summary>The scorer [E, D] and its biases.</summary>
    /// <param name="weight">Its name.</param>
    /// <param name="selection">Name of the selection's bias.</param>
    /// <param name="bias">Name of the scorer's bias.</param>
    /// <param name="flat">The scorer is stored as [E * D].</param>
    /// <param name="row">The selection's bias is stored as [1, E].</param>
    /// <param name="single">The scorer is stored in single precision.</param>
    public void Router(string weight, string? selection = null, string? bias = null, bool flat = false, bool row = false, bool single = false)
    {
        _tensors.Add(new StoredTensor(block + weight, flat ? [(long)_all * _d] : [_all, _d], Matrix(WeightNames.Router, _all, _d)) { OtherShapes = flat ? [[_all, _d]] : [], Single = single });
        if (spec.RouterBias) Add(bias, t => new StoredTensor(t, [_all], Matrix(WeightNames.RouterBias, _all, 1)));
        if (spec.Router.UsesSelectionBias)
            Add(selection, t => new StoredTensor(t, row ? [1, _all] : [_all], Matrix(WeightNames.SelectionBias, _all, 1)) { OtherShapes = row ? [[_all]] : [[1, _all]], Single = true });
    }

    /// <summary>A matrix of each expert: gate and up [F, D], down [D, F]. The names have the expert at {0}.</summary>
    public void Experts(string gate, string up, string down)
    {
        Plain();
        if (_e > mostExperts) Fits = false;
        for (int e = 0; e < _e && Fits; e++)
        {
            Expert(gate, e, WeightNames.ExpertGate, _f, _d);
            Expert(up, e, WeightNames.ExpertUp, _f, _d);
            Expert(down, e, WeightNames.ExpertDown, _d, _f);
        }
    }

    /// <summary>Gate and up of all experts in one tensor: [E, 2F, D] or transposed [E, D, 2F]; down [E, D, F] or transposed [E, F, D].</summary>
    /// <param name="gateUp">Name of gate and up.</param>
    /// <param name="down">Name of down.</param>
    /// <param name="transposed">Products are x W.</param>
    /// <param name="interleaved">gate, up, gate, up, ... instead of all gates and then all ups.</param>
    /// <param name="biases">Names end in <c>_bias</c> where the experts have biases.</param>
    /// <param name="packed">In 4 bits; a row must be whole blocks.</param>
    public void Fused(string gateUp, string down, bool transposed, bool interleaved, bool biases = false, bool packed = false)
    {
        if (packed && (_d % TensorReader.MxBlock != 0 || _f % TensorReader.MxBlock != 0)) Fits = false;
        if (spec.Expert.Form != ExpertForm.Glu || (spec.Expert.Biases && !biases)) Fits = false;
        long step = interleaved ? 2 : 1, up = interleaved ? 1 : _f;
        StoredShare Half(string name, long first) => transposed
            ? new StoredShare(name, _f, _d, first, step, 2L * _f)
            : new StoredShare(name, _f, _d, first * _d, step * _d, 1);
        _tensors.Add(new StoredTensor(block + gateUp, transposed ? [_e, _d, 2L * _f] : [_e, 2L * _f, _d], Half(WeightNames.ExpertGate, 0), Half(WeightNames.ExpertUp, up)) { Stacked = _e, IsPacked = packed });
        _tensors.Add(Down(down, transposed) with { IsPacked = packed });
        if (!spec.Expert.Biases) return;
        _tensors.Add(new StoredTensor(block + gateUp + "_bias", [_e, 2L * _f], new StoredShare(WeightNames.ExpertGateBias, _f, 1, 0, step, 1), new StoredShare(WeightNames.ExpertUpBias, _f, 1, up, step, 1)) { Stacked = _e });
        _tensors.Add(new StoredTensor(block + down + "_bias", [_e, _d], Matrix(WeightNames.ExpertDownBias, _d, 1)) { Stacked = _e });
    }

    /// <summary>A tensor each for gate, up and down of all experts: [E, F, D], or transposed [E, D, F]; null: experts without a gate.</summary>
    /// <param name="gate">Name of gate, or null.</param>
    /// <param name="up">Name of up.</param>
    /// <param name="down">Name of down.</param>
    /// <param name="transposed">Gate and up are [E, D, F].</param>
    /// <param name="transposedDown">Down is [E, F, D].</param>
    /// <param name="flat">Stored as [E * rows, columns]; otherwise that is accepted.</param>
    /// <param name="upBias">Name of up's bias, where experts have biases.</param>
    /// <param name="downBias">Name of down's bias.</param>
    /// <param name="gateBias">Name of gate's bias, where experts have a gate and biases.</param>
    public void Stacked(string? gate, string up, string down, bool transposed = false, bool transposedDown = false, bool flat = false, string? upBias = null, string? downBias = null, string? gateBias = null)
    {
        bool biases = upBias is not null && gate is null == gateBias is null;
        if (gate is null != (spec.Expert.Form == ExpertForm.FeedForward) || (spec.Expert.Biases && !biases)) Fits = false;
        foreach (var (name, neutral) in new[] { (gate, WeightNames.ExpertGate), (up, WeightNames.ExpertUp) })
        {
            if (name is null) continue;
            var share = transposed ? new StoredShare(neutral, _f, _d, 0, 1, _f) : Matrix(neutral, _f, _d);
            _tensors.Add(Shaped(new StoredTensor(block + name, transposed ? [_e, _d, _f] : [_e, _f, _d], share) { Stacked = _e }, flat));
        }

        _tensors.Add(Shaped(Down(down, transposedDown), flat));
        if (!spec.Expert.Biases || !biases) return;
        if (gateBias is not null) _tensors.Add(new StoredTensor(block + gateBias, [_e, _f], Matrix(WeightNames.ExpertGateBias, _f, 1)) { Stacked = _e });
        _tensors.Add(new StoredTensor(block + upBias, [_e, _f], Matrix(WeightNames.ExpertUpBias, _f, 1)) { Stacked = _e, OtherShapes = [[_e, 1, _f]] });
        _tensors.Add(new StoredTensor(block + downBias, [_e, _d], Matrix(WeightNames.ExpertDownBias, _d, 1)) { Stacked = _e, OtherShapes = [[_e, 1, _d]] });
    }

    /// <summary>The shared expert, where the layer has one.</summary>
    /// <param name="gate">Name of gate.</param>
    /// <param name="up">Name of up.</param>
    /// <param name="down">Name of down.</param>
    /// <param name="scalarGate">Name of the gate of one number per token.</param>
    /// <param name="vector">That gate is stored as [D].</param>
    public void Shared(string gate, string up, string down, string? scalarGate = null, bool vector = false)
    {
        if (spec.Shared is not { } shared) return;
        if (spec.Expert.Biases) Fits = false;
        int s = shared.Width;
        _tensors.Add(new StoredTensor(block + gate, [s, _d], Matrix(WeightNames.SharedGate, s, _d)) { Quantizable = true });
        _tensors.Add(new StoredTensor(block + up, [s, _d], Matrix(WeightNames.SharedUp, s, _d)) { Quantizable = true });
        _tensors.Add(new StoredTensor(block + down, [_d, s], Matrix(WeightNames.SharedDown, _d, s)) { Quantizable = true });
        if (shared.SigmoidGate) Add(scalarGate, t => new StoredTensor(t, vector ? [_d] : [1, _d], Matrix(WeightNames.SharedScalarGate, 1, _d)) { OtherShapes = vector ? [[1, _d]] : [] });
    }

    /// <summary>The bias of the output, where the layer has one.</summary>
    public void OutputBias(string name)
    {
        if (spec.OutputBias) _tensors.Add(new StoredTensor(block + name, [_d], Matrix(WeightNames.OutputBias, _d, 1)));
    }

    private static StoredShare Matrix(string name, int rows, int columns) => new(name, rows, columns, 0, columns, 1);

    private static StoredTensor Shaped(StoredTensor tensor, bool flat)
    {
        long[] rows = [tensor.Shape[0] * tensor.Shape[1], tensor.Shape[2]];
        return flat ? tensor with { Shape = rows, OtherShapes = [tensor.Shape] } : tensor with { OtherShapes = [rows] };
    }

    private StoredTensor Down(string name, bool transposed) => transposed
        ? new StoredTensor(block + name, [_e, _f, _d], new StoredShare(WeightNames.ExpertDown, _d, _f, 0, 1, _d)) { Stacked = _e }
        : new StoredTensor(block + name, [_e, _d, _f], Matrix(WeightNames.ExpertDown, _d, _f)) { Stacked = _e };

    private void Expert(string name, int expert, string neutral, int rows, int columns) =>
        _tensors.Add(new StoredTensor(block + string.Format(CultureInfo.InvariantCulture, name, expert), [rows, columns], Matrix(neutral, rows, columns)) { Expert = expert, Quantizable = true });

    // A layout without such a name cannot hold the layer.
    private void Add(string? name, Func<string, StoredTensor> tensor)
    {
        if (name is null) Fits = false;
        else _tensors.Add(tensor(block + name));
    }

    private void Plain()
    {
        if (spec.Expert.Form != ExpertForm.Glu || spec.Expert.Biases) Fits = false;
    }
}
