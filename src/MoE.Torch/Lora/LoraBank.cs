using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// The adapters of one layer. Parameters are named as PEFT names them: <c>lora_A.NAME.weight</c>, <c>lora_B.NAME.weight</c>, with DoRA <c>lora_magnitude_vector.NAME.weight</c>.
/// </summary>
public abstract class LoraBank : nn.Module
{
    private readonly NamedModules<LoraFactor> lora_A = new();
    private readonly NamedModules<LoraFactor> lora_B = new();
    private readonly NamedModules<LoraFactor> lora_magnitude_vector = new();
    private readonly List<string> _names = [];
    private readonly Dictionary<string, Tensor> _shares = new(StringComparer.Ordinal);
    private readonly Dictionary<string, LoraSpec> _specs = new(StringComparer.Ordinal);

    // Behind a function: a tensor or module in a field would become part of this module's state.
    private readonly Func<Tensor> _weight;

    private protected LoraBank(string name, Func<Tensor> weight)
        : base(name) => _weight = weight;

    /// <summary>The frozen weight that the adapters change; not a parameter of this module.</summary>
    public Tensor BaseWeight => _weight();

    /// <summary>Names of the adapters, in the order they were added.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>The spec of an adapter.</summary>
    /// <param name="name">Its name.</param>
    /// <exception cref="KeyNotFoundException">There is no such adapter.</exception>
    public LoraSpec Spec(string name) => _specs.TryGetValue(name, out var spec) ? spec : throw new KeyNotFoundException($"name = {name}: the adapters are {string.Join(", ", _names)}");

    /// <summary>A of an adapter, [r, in] for a linear layer.</summary>
    /// <param name="name">Its name.</param>
    public Parameter A(string name) => lora_A[Known(name)].Weight;

    /// <summary>B of an adapter, [out, r] for a linear layer.</summary>
    /// <param name="name">Its name.</param>
    public Parameter B(string name) => lora_B[Known(name)].Weight;

    /// <summary>The magnitude of a DoRA adapter, [out], or null.</summary>
    /// <param name="name">Its name.</param>
    public Parameter? Magnitude(string name) => Spec(name).Magnitude ? lora_magnitude_vector[name].Weight : null;

    /// <summary>Adds an adapter: A as a linear layer's weight, B zero (an embedding: A zero, B normal), so that it changes nothing at first.</summary>
    /// <param name="name">Not empty, without dots, not yet taken.</param>
    /// <param name="spec">Its form.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <exception cref="ArgumentException">The name cannot be used, or the layer cannot carry the adapter.</exception>
    public void Add(string name, LoraSpec spec, Generator? generator = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        spec.Checked();
        if (string.IsNullOrEmpty(name) || name.Contains('.', StringComparison.Ordinal)) throw new ArgumentException($"name = {name}: must not be empty or hold a dot", nameof(name));
        if (_specs.ContainsKey(name)) throw new ArgumentException($"name = {name}: is already an adapter of this layer", nameof(name));
        if (spec.Magnitude && !SupportsMagnitude) throw new ArgumentException($"{GetName()} carries no adapters with a magnitude", nameof(spec));
        if (spec.Dropout > 0 && !SupportsDropout) throw new ArgumentException($"{GetName()} carries no adapters with dropout", nameof(spec));
        using (no_grad())
        {
            var (a, b) = Factors(spec, generator);
            lora_A.Add(name, new LoraFactor(a));
            lora_B.Add(name, new LoraFactor(b));
            if (spec.Magnitude) lora_magnitude_vector.Add(name, new LoraFactor(new Parameter(RowNorms(BaseWeight).DetachFromDisposeScope())));
        }

        _specs.Add(name, spec);
        _names.Add(name);
    }

    /// <summary>What an adapter adds to the base weight, in its shape: scale * B A. With a magnitude: what it makes of the weight, minus the weight.</summary>
    /// <param name="name">Its name.</param>
    /// <exception cref="InvalidOperationException">The base layer is a convolution in groups.</exception>
    public Tensor delta_weight(string name)
    {
        if (Unmergeable is { } reason) throw new InvalidOperationException(reason);
        using var scope = NewDisposeScope();
        var delta = Product(A(name), B(name)).mul(Spec(name).Scale);
        if (Magnitude(name) is { } magnitude)
        {
            var changed = BaseWeight + delta;
            delta = changed * (magnitude / RowNorms(changed)).view([-1, .. Enumerable.Repeat(1L, (int)BaseWeight.dim() - 1)]) - BaseWeight;
        }

        return delta.MoveToOuterDisposeScope();
    }

    /// <summary>Adds adapters to the base weight, in place. The adapters stay and must not act while they are merged.</summary>
    /// <param name="mix">The adapters and their weights; with a magnitude, one adapter of weight one.</param>
    /// <exception cref="ArgumentException">A merge has one weight per adapter for all rows; others cannot be merged.</exception>
    /// <exception cref="InvalidOperationException">The base layer is a convolution in groups.</exception>
    public void merge(LoraMix mix) => Change(mix, 1);

    /// <summary>Takes merged adapters out of the base weight again, exact to rounding; with a magnitude, one that is not zero anywhere and has not changed since.</summary>
    /// <param name="mix">What was merged.</param>
    /// <exception cref="InvalidOperationException">An adapter with a magnitude was not merged by this bank.</exception>
    public void unmerge(LoraMix mix) => Change(mix, -1);

    /// <summary>The layer's output with adapters: the base output plus what the mix adds.</summary>
    /// <param name="input">The layer's input.</param>
    /// <param name="output">The base layer's output for it.</param>
    /// <param name="mix">Which adapters act.</param>
    /// <returns>A tensor of the shape and type of the output; the output itself (an alias) where nothing acts.</returns>
    /// <exception cref="ArgumentException">The mix does not fit the layer or its input.</exception>
    public virtual Tensor apply(Tensor input, Tensor output, LoraMix mix)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(mix);
        using var scope = NewDisposeScope();
        var result = mix switch
        {
            WeightedLoraMix weighted => Weighted(input, output, weighted),
            RowLoraMix rows => Rows(input, output, rows),
            ScaledLoraMix scaled => Scaled(input, output, scaled),
            CombinedLoraMix combined => Combined(input, output, combined),
            RoutedLoraMix routed => Scaled(input, output, new ScaledLoraMix(Routed(input, routed))),
            ArrowLoraMix arrow => Scaled(input, output, new ScaledLoraMix(Arrow(input, arrow))),
            _ => throw new ArgumentException($"mix is a {mix.GetType().Name}; must be one of the library's", nameof(mix)),
        };
        return (ReferenceEquals(result, output) ? output.alias() : result).MoveToOuterDisposeScope();
    }

    /// <summary>Why what the adapters add cannot be written as a change of the base weight, or null.</summary>
    internal virtual string? Unmergeable => null;

    private protected virtual bool SupportsMagnitude => true;

    private protected virtual bool SupportsDropout => true;

    /// <summary>True where a scaling may multiply the input of A; otherwise it multiplies the output of B.</summary>
    private protected virtual bool ScalesInput => true;

    /// <summary>The initial A and B.</summary>
    private protected abstract (Parameter A, Parameter B) Factors(LoraSpec spec, Generator? generator);

    /// <summary>B A in the shape of the base weight.</summary>
    private protected abstract Tensor Product(Tensor a, Tensor b);

    /// <summary>B(A(x)) without the scale.</summary>
    private protected abstract Tensor LowRank(Tensor x, Tensor a, Tensor b);

    /// <summary>The base product without its bias, for adapters with a magnitude.</summary>
    private protected abstract Tensor WithoutBias(Tensor output);

    /// <summary>A per-output vector in the shape that multiplies an output.</summary>
    private protected virtual Tensor OnOutput(Tensor perOutput) => perOutput;

    private Tensor Weighted(Tensor input, Tensor output, WeightedLoraMix mix)
    {
        foreach (string name in mix.Weights.Keys) Known(name);
        var sum = output;
        foreach (string name in _names)
        {
            if (mix.Weights.TryGetValue(name, out double weight) && weight != 0) sum = sum + Update(name, Dropped(name, input), output).mul(weight).to(output.dtype);
        }

        return sum;
    }

    // Rows that share an adapter go through it together.
    private Tensor Rows(Tensor input, Tensor output, RowLoraMix mix)
    {
        TensorGuard.Vector(mix.Adapters, input.dim() == 0 ? 0 : input.shape[0], ScalarType.Int64, nameof(mix));
        if (Grouped is not null && GroupedRowsOf.Run(Grouped, input, output, mix.Adapters) is { } grouped) return grouped;
        var sum = output;
        for (int i = 0; i < _names.Count; i++)
        {
            var rows = mix.Adapters.eq(i).nonzero().squeeze(-1);
            if (rows.shape[0] == 0) continue;
            var update = Update(_names[i], Dropped(_names[i], input.index_select(0, rows)), output.index_select(0, rows));
            sum = sum.index_add(0, rows, update.to(output.dtype), 1);
        }

        return sum;
    }

    private Tensor Combined(Tensor input, Tensor output, CombinedLoraMix mix)
    {
        if (this is not LinearLoraBank) throw new ArgumentException($"{GetName()} does not combine factors by row; only linear layers do", nameof(mix));
        var weights = mix.Weights;
        if (weights.dim() != 2 || input.dim() < 2 || weights.shape[0] != input.shape[0] || weights.shape[1] != _names.Count)
            throw new ArgumentException($"weights has shape {TensorGuard.Shape(weights)}; must be [{(input.dim() == 0 ? 0 : input.shape[0])}, {_names.Count}], rows by adapters", nameof(mix));
        var first = Spec(_names[0]);
        if (_names.FirstOrDefault(n => Spec(n).Rank != first.Rank || Spec(n).Scale != first.Scale || Spec(n).Magnitude) is { } other)
            throw new ArgumentException($"adapter {other} ({Spec(other)}) and {_names[0]} ({first}) cannot be combined: rank and scale must be equal, and there must be no magnitude", nameof(mix));
        var a = einsum("bn,nri->bri", weights.to(BaseWeight.dtype), stack([.. _names.Select(n => (Tensor)A(n))], 0));
        var b = einsum("bn,nor->bor", weights.to(BaseWeight.dtype), stack([.. _names.Select(n => (Tensor)B(n))], 0));
        var rows = Dropped(_names[0], input).reshape(input.shape[0], -1, input.shape[^1]);
        return output + rows.bmm(a.transpose(1, 2)).bmm(b.transpose(1, 2)).mul(first.Scale).reshape(output.shape).to(output.dtype);
    }

    private Tensor Routed(Tensor input, RoutedLoraMix mix)
    {
        RequireLinear(nameof(mix));
        using var scope = NewDisposeScope();
        var routing = mix.Route(input.reshape(-1, input.shape[^1]));
        if (routing.ExpertCount != _names.Count) throw new ArgumentException($"the gate routes to {routing.ExpertCount}; must be {_names.Count}, one per adapter", nameof(mix));
        return LoraRouting.scalings(routing).view([.. input.shape[..^1], _names.Count]).MoveToOuterDisposeScope();
    }

    private Tensor Arrow(Tensor input, ArrowLoraMix mix)
    {
        RequireLinear(nameof(mix));
        TensorGuard.Matrix(mix.Prototypes, input.shape[^1], nameof(mix));
        if (mix.Prototypes.shape[0] != _names.Count) throw new ArgumentException($"prototypes has shape {TensorGuard.Shape(mix.Prototypes)}; must be [{_names.Count}, {input.shape[^1]}]", nameof(mix));
        if (mix.TopK < 1 || mix.TopK > _names.Count) throw new ArgumentOutOfRangeException(nameof(mix), mix.TopK, $"top k must be in 1..{_names.Count}");
        if (!(mix.Temperature > 0 && double.IsFinite(mix.Temperature))) throw new ArgumentOutOfRangeException(nameof(mix), mix.Temperature, "the temperature must be positive and finite");
        using var scope = NewDisposeScope();
        var similar = nn.functional.linear(input.to(mix.Prototypes.dtype), mix.Prototypes).abs();
        var (best, at) = Selection.TopK(similar, mix.TopK, TieRule.LowestIndex);
        return zeros_like(similar).scatter(-1, at, best.div(mix.Temperature).softmax(-1)).MoveToOuterDisposeScope();
    }

    /// <summary>The input direction that an adapter changes most, [in], of unit length; its sign means nothing.</summary>
    internal Tensor Prototype(string name)
    {
        RequireLinear(nameof(name));
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        // B A = B R^T Q^T with A^T = Q R: the right singular vectors are Q times those of the small matrix B R^T.
        var (q, r) = linalg.qr(A(name).t().to(ScalarType.Float64));
        var (_, _, vh) = linalg.svd(B(name).to(ScalarType.Float64).matmul(r.t()), fullMatrices: false);
        return q.matmul(vh.select(0, 0)).to(A(name).dtype).MoveToOuterDisposeScope();
    }

    /// <summary>Copies of the adapters for rows with adapters of their own, or null.</summary>
    internal GroupedLora? Grouped { get; set; }

    /// <summary>Takes in an adapter of given factors.</summary>
    internal void Add(string name, LoraSpec spec, Tensor a, Tensor b)
    {
        Add(name, spec);
        using var guard = no_grad();
        A(name).copy_(a);
        B(name).copy_(b);
    }

    private void RequireLinear(string name)
    {
        if (this is not LinearLoraBank) throw new ArgumentException($"{GetName()} does not choose adapters by its input; only linear layers do", name);
    }

    private Tensor Scaled(Tensor input, Tensor output, ScaledLoraMix mix)
    {
        var scalings = mix.Scalings;
        if (scalings.dim() == 0 || scalings.shape[^1] != _names.Count)
            throw new ArgumentException($"scalings has shape {TensorGuard.Shape(scalings)}; must be [..., {_names.Count}], one per adapter", nameof(mix));
        if (this is LinearLoraBank && _names.All(n => !Spec(n).Magnitude && !(training && Spec(n).Dropout > 0))) return Joined(input, output, mix);
        var sum = output;
        for (int i = 0; i < _names.Count; i++)
        {
            if (Spec(_names[i]).Magnitude) throw new ArgumentException($"adapter {_names[i]} has a magnitude and cannot be scaled position by position", nameof(mix));
            var scale = scalings.select(-1, i).to(output.dtype);
            var x = ScalesInput ? input * OnInput(scale, input) : input;
            var update = LowRank(Dropped(_names[i], x), A(_names[i]), B(_names[i])).mul(Spec(_names[i]).Scale * mix.GlobalWeight);
            sum = sum + (ScalesInput ? update : update * OnRows(scale, update)).to(output.dtype);
        }

        return sum;
    }

    // Without dropout a scaling can stand between A and B: then all adapters are one of the sum of their ranks, in two products.
    private Tensor Joined(Tensor input, Tensor output, ScaledLoraMix mix)
    {
        var a = cat([.. _names.Select(n => (Tensor)A(n))], 0);
        var b = cat([.. _names.Select(n => Spec(n).Scale * mix.GlobalWeight is var scale && scale == 1 ? B(n) : B(n).mul(scale))], 1);
        var scalings = mix.Scalings.to(a.dtype);
        var byRank = cat([.. _names.Select((n, i) => scalings.narrow(-1, i, 1).expand([.. scalings.shape[..^1], Spec(n).Rank]))], -1);
        // A leading dimension that the scalings do not reach is shared.
        byRank = OnRowsOf(byRank, input);
        var hidden = nn.functional.linear(input.to(a.dtype), a);
        return output + nn.functional.linear(hidden * byRank, b).to(output.dtype);
    }

    private static Tensor OnRowsOf(Tensor byRank, Tensor input)
    {
        OnRows(byRank.select(-1, 0), input);
        int missing = (int)(input.dim() - byRank.dim());
        return missing == 0 ? byRank : byRank.view([.. byRank.shape[..^1], .. Enumerable.Repeat(1L, missing), byRank.shape[^1]]);
    }

    private Tensor Update(string name, Tensor x, Tensor output)
    {
        var spec = Spec(name);
        var update = LowRank(x, A(name), B(name)).mul(spec.Scale);
        if (Magnitude(name) is not { } magnitude) return update;
        // The norm counts as a constant (DoRA section 4.3).
        Tensor norm;
        using (no_grad()) norm = RowNorms(BaseWeight + Product(A(name), B(name)).mul(spec.Scale));
        var share = OnOutput(magnitude / norm);
        var plain = WithoutBias(output);
        return share * (plain + update) - plain;
    }

    private Tensor Dropped(string name, Tensor x) => training && Spec(name).Dropout > 0 ? Drop(x, Spec(name).Dropout) : x;

    private protected virtual Tensor Drop(Tensor x, double probability) => nn.functional.dropout(x, probability, true);

    private static Tensor OnInput(Tensor scale, Tensor input) => OnRows(scale, input);

    // Leading dimensions of a scaling meet those of the tensor; what it does not reach is shared.
    private static Tensor OnRows(Tensor scale, Tensor tensor)
    {
        if (scale.dim() > tensor.dim() - 1) throw new ArgumentException($"scalings has {scale.dim()} leading dimensions; the layer's tensor {TensorGuard.Shape(tensor)} has {tensor.dim() - 1}", nameof(scale));
        for (int d = 0; d < scale.dim(); d++)
        {
            if (scale.shape[d] != tensor.shape[d] && scale.shape[d] != 1)
                throw new ArgumentException($"scalings has shape {TensorGuard.Shape(scale)} in front of its adapters; must fit {TensorGuard.Shape(tensor)}", nameof(scale));
        }

        return scale.view([.. scale.shape, .. Enumerable.Repeat(1L, (int)(tensor.dim() - scale.dim()))]);
    }

    private Tensor PerRow(Tensor perOutput) => perOutput.view([-1, .. Enumerable.Repeat(1L, (int)BaseWeight.dim() - 1)]).to(BaseWeight.dtype);

    private static Tensor RowNorms(Tensor weight) => weight.flatten(1).square().sum([1L]).sqrt();

    private void Change(LoraMix mix, int sign)
    {
        var weights = Whole(mix);
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        // With a magnitude W' = m (W + D) / |W + D|: the norms are lost in the merged weight, so they are kept beside it.
        if (weights.Count == 1 && weights.Keys.Single() is var only && Magnitude(only) is { } magnitude)
        {
            var delta = Product(A(only), B(only)).mul(Spec(only).Scale).to(BaseWeight.dtype);
            if (sign > 0)
            {
                BaseWeight.add_(delta);
                var share = magnitude / RowNorms(BaseWeight);
                BaseWeight.mul_(PerRow(share));
                if (_shares.Remove(only, out var old)) old.Dispose();
                _shares.Add(only, share.DetachFromDisposeScope());
            }
            else
            {
                if (!_shares.Remove(only, out var share)) throw new InvalidOperationException($"adapter {only} has a magnitude and was not merged here");
                // A row whose magnitude is zero is gone.
                BaseWeight.div_(PerRow(share)).sub_(delta);
                share.Dispose();
            }

            return;
        }

        foreach (var (name, weight) in weights) BaseWeight.add_(delta_weight(name).mul(sign * weight).to(BaseWeight.dtype));
    }

    /// <summary>The base weight plus what a mix adds to it: experts combined before the product.</summary>
    /// <param name="mix">The adapters and their weights; with a magnitude, one adapter of weight one.</param>
    /// <returns>A tensor of the shape and type of the base weight; the weight itself (an alias) where nothing acts.</returns>
    /// <exception cref="ArgumentException">The mix differs from row to row, or holds a magnitude among others.</exception>
    public Tensor mixed_weight(LoraMix mix)
    {
        var weights = Whole(mix);
        using var scope = NewDisposeScope();
        var sum = BaseWeight;
        foreach (var (name, weight) in weights) sum = sum + delta_weight(name).mul(weight).to(sum.dtype);
        return (ReferenceEquals(sum, BaseWeight) ? sum.alias() : sum).MoveToOuterDisposeScope();
    }

    private IReadOnlyDictionary<string, double> Whole(LoraMix mix)
    {
        if (mix is not WeightedLoraMix { Weights: var weights }) throw new ArgumentException($"mix is a {mix?.GetType().Name ?? "null"}; only a {nameof(WeightedLoraMix)} can be merged", nameof(mix));
        foreach (string name in weights.Keys) Known(name);
        if (weights.Any(w => Spec(w.Key).Magnitude) && (weights.Count != 1 || weights.Values.Single() != 1))
            throw new ArgumentException("an adapter with a magnitude is merged alone, with weight one", nameof(mix));
        return weights;
    }

    private string Known(string name)
    {
        Spec(name);
        return name;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var share in _shares.Values) share.Dispose();
            _shares.Clear();
        }

        base.Dispose(disposing);
    }

    /// <summary>Called last by a derived constructor.</summary>
    private protected void Register() => RegisterComponents();
}
