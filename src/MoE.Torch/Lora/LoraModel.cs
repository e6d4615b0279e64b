using System.Text.RegularExpressions;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Low-rank adapters on a model that exists. Matching layers keep their place, type and names; their outputs are changed as they are called. The base parameters are frozen until <see cref="Detach"/>.
/// The model must call its layers (<c>layer.call(x)</c>, as TorchSharp's own containers do): a call of <c>forward</c> itself passes the adapters by.
/// </summary>
/// <example><code>
/// using var lora = LoraModel.Attach(model, @".*\.(query|value)", [new("law", new LoraSpec { Rank = 8, Alpha = 16 }), new("code", new LoraSpec { Rank = 8, Alpha = 16 })]);
/// lora.Mix = LoraMix.Of("law");
/// var optimizer = optim.AdamW(lora.parameters());
/// </code></example>
public sealed class LoraModel : nn.Module
{
    private readonly NamedModules<LoraBank> banks = new();
    private readonly List<string> _wrapped = [];
    private readonly List<LoraSite> _sites = [];
    private readonly List<Action> _undo = [];
    private readonly Func<IReadOnlyList<LoraMix>?> _layerMixes;
    private LoraMix _mix = LoraMix.None;
    private IReadOnlyList<LoraMix>? _perLayer;
    private bool _merged;

    private LoraModel()
        : base(nameof(LoraModel)) => _layerMixes = () => _perLayer;

    /// <summary>Paths of the layers that carry adapters, in the order of the model.</summary>
    public IReadOnlyList<string> Wrapped => _wrapped;

    /// <summary>Names of the adapters, in the order they were given.</summary>
    public IReadOnlyList<string> Adapters => banks[Key(_wrapped[0])].Names;

    /// <summary>Which adapters act, in every layer; none at first. Setting it ends <see cref="SetLayerMixes"/>.</summary>
    /// <exception cref="InvalidOperationException">Adapters are merged; take them out first.</exception>
    public LoraMix Mix
    {
        get => _mix;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            RefuseMerged();
            _mix = value;
            _perLayer = null;
        }
    }

    /// <summary>Puts adapters on the layers whose path matches.</summary>
    /// <param name="model">The model; it stays the caller's.</param>
    /// <param name="pattern">A regular expression over whole paths, as <c>named_modules</c> gives them. Of what it matches, linear layers, embeddings, two-dimensional convolutions and the weights of <see cref="StackedExperts"/>
    /// (<c>PATH.gate</c>, <c>PATH.up</c>, <c>PATH.down</c>) are taken.</param>
    /// <param name="adapters">Names and forms, at least one.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="ArgumentException">The pattern matches no layer that can carry adapters, or is no regular expression; or an adapter cannot be added. The model is as it was.</exception>
    public static LoraModel Attach(nn.Module model, string pattern, IReadOnlyList<KeyValuePair<string, LoraSpec>> adapters, Generator? generator = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(pattern);
        ArgumentNullException.ThrowIfNull(adapters);
        if (adapters.Count == 0) throw new ArgumentException("adapters is empty; must hold at least one", nameof(adapters));
        var whole = new Regex($"^(?:{pattern})$", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        var sites = LoraSite.Of(model);
        var chosen = sites.Where(s => whole.IsMatch(s.Path)).ToArray();
        if (chosen.Length == 0)
            throw new ArgumentException($"pattern = {pattern}: matches no layer that carries adapters; the model has {(sites.Count == 0 ? "none" : string.Join(", ", sites.Take(20).Select(static s => s.Path)))}", nameof(pattern));
        return Attach(model, [.. chosen.Select(site => (site, adapters))], WeightLayout.OutputsByInputs, generator);
    }

    /// <summary>Puts adapters of PEFT folders on a model. What the folders hold says which layers carry them.</summary>
    /// <param name="model">The model; it stays the caller's.</param>
    /// <param name="adapters">Names and folders, at least one; see <see cref="MoE.Checkpoints.PeftAdapter"/>.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="InvalidDataException">An adapter is damaged, of another base, of layers or shapes that the model does not have, or targets other layers than the rest: all problems of all adapters in one message, by name. The model is as it was.</exception>
    /// <exception cref="IOException">A file is missing or cannot be read.</exception>
    public static LoraModel Load(nn.Module model, IReadOnlyList<KeyValuePair<string, string>> adapters, LoraLoadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(adapters);
        if (adapters.Count == 0) throw new ArgumentException("adapters is empty; must hold at least one", nameof(adapters));
        return LoraFiles.Load(model, adapters, options ?? new LoraLoadOptions());
    }

    /// <summary>Writes an adapter as a PEFT folder.</summary>
    /// <param name="adapter">One of <see cref="Adapters"/>.</param>
    /// <param name="folder">Made if need be; files in it are overwritten, each only when complete.</param>
    /// <param name="baseModel">The base model's name, for <c>base_model_name_or_path</c>; null: none.</param>
    /// <exception cref="KeyNotFoundException">There is no such adapter.</exception>
    /// <exception cref="InvalidOperationException">Adapters are merged; take them out first.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public void Save(string adapter, string folder, string? baseModel = null)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        RefuseMerged();
        LoraFiles.Save(this, adapter, folder, baseModel);
    }

    internal static LoraModel Attach(nn.Module model, IReadOnlyList<(LoraSite Site, IReadOnlyList<KeyValuePair<string, LoraSpec>> Adapters)> chosen, WeightLayout stacked, Generator? generator)
    {
        var lora = new LoraModel();
        // All that can be refused is refused before the model is touched.
        var banks = chosen.Select(c => (c.Site, Bank: c.Site.Bank(c.Adapters, stacked, generator))).ToArray();
        foreach (var (site, bank) in banks)
        {
            lora.banks.Add(Key(site.Path), bank);
            lora._wrapped.Add(site.Path);
            lora._sites.Add(site);
            lora.Hook(site, bank, lora._wrapped.Count - 1);
        }

        foreach (var parameter in model.parameters())
        {
            bool before = parameter.requires_grad;
            parameter.requires_grad = false;
            lora._undo.Add(() => parameter.requires_grad = before);
        }

        lora.RegisterComponents();
        return lora;
    }

    /// <summary>Adds an adapter that is a merge of others, in every layer. It has scale one and acts as any other.</summary>
    /// <param name="name">Not empty, without dots, not yet taken.</param>
    /// <param name="parts">Adapters and weights, at least one; a weight may be negative.</param>
    /// <param name="spec">The rule; null: linear.</param>
    /// <param name="noise">What DARE drops, by the name <c>LAYER.ADAPTER.A.merge</c>, <c>.B.merge</c>, or of weight changes <c>LAYER.ADAPTER.merge</c>; a value is kept where the uniform draw is below the density.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <exception cref="KeyNotFoundException">There is no such adapter.</exception>
    /// <exception cref="ArgumentException">The name cannot be used, ranks differ where they must not, a part has a magnitude, or a layer is of stacked weights or a convolution in groups. No layer is changed.</exception>
    /// <exception cref="InvalidOperationException">Adapters are merged into the base, or DARE has no noise.</exception>
    public void AddMerged(string name, IReadOnlyList<KeyValuePair<string, double>> parts, LoraMergeSpec? spec = null, INoiseSource? noise = null)
    {
        ArgumentNullException.ThrowIfNull(parts);
        RefuseMerged();
        spec = (spec ?? new LoraMergeSpec()).Checked();
        if (string.IsNullOrEmpty(name) || name.Contains('.', StringComparison.Ordinal) || Adapters.Contains(name)) throw new ArgumentException($"name = {name}: must not be empty, hold a dot or be taken", nameof(name));
        if (parts.Count == 0) throw new ArgumentException("parts is empty; must hold at least one", nameof(parts));
        var problems = new List<string>();
        foreach (var (part, weight) in parts)
        {
            if (!double.IsFinite(weight)) problems.Add($"the weight of {part} is {weight}; must be finite");
        }

        if (parts.Select(static p => p.Key).Distinct(StringComparer.Ordinal).Count() != parts.Count) problems.Add("an adapter is named twice");
        foreach (string layer in _wrapped)
        {
            var bank = Layer(layer);
            if (bank is StackedLoraBank) problems.Add($"{layer} is of stacked weights, whose factors cannot be merged");
            if (bank.Unmergeable is { } reason) problems.Add($"{layer}: {reason}");
            var specs = parts.Select(p => bank.Spec(p.Key)).ToArray();
            if (specs.Any(static s => s.Magnitude)) problems.Add($"{layer}: a part has a magnitude");
            if (spec.Kind != LoraMergeKind.Concatenate && spec.SvdRank is null && specs.Select(static s => s.Rank).Distinct().Count() > 1) problems.Add($"{layer}: ranks are {string.Join(", ", specs.Select(static s => s.Rank))}; must be equal, or use concatenation or a rank to cut to");
        }

        if (problems.Count > 0) throw new ArgumentException(string.Join("; ", problems), nameof(parts));
        using var scope = NewDisposeScope();
        var merged = _wrapped.Select(layer => LoraMerge.Of(Layer(layer), parts, spec, layer, noise)).ToArray();
        for (int i = 0; i < merged.Length; i++)
        {
            var (a, b) = merged[i];
            int rank = checked((int)a.shape[0]);
            Layer(_wrapped[i]).Add(name, new LoraSpec { Rank = rank, Alpha = rank }, a, b);
        }
    }

    /// <summary>Mixes of Arrow for every layer, from the adapters as they are now; give them to <see cref="SetLayerMixes"/>.</summary>
    /// <param name="topK">Adapters per position, 1..n.</param>
    /// <param name="temperature">Of the softmax, positive.</param>
    /// <exception cref="ArgumentException">A layer is not linear.</exception>
    public IReadOnlyList<LoraMix> ArrowMixes(int topK = 3, double temperature = 1)
    {
        using var scope = NewDisposeScope();
        return [.. _wrapped.Select(layer => new ArrowLoraMix(stack([.. Adapters.Select(name => Layer(layer).Prototype(name))], 0).MoveToOuterDisposeScope(), topK, temperature))];
    }

    /// <summary>
    /// Takes copies of the adapters of linear layers for batches whose rows use different ones: without gradients, single precision on the CPU, a <see cref="RowLoraMix"/> then runs as grouped products on the managed kernels
    /// (<see cref="GroupedLora"/>) instead of adapter by adapter. Later changes of the adapters are not seen until it is called again.
    /// </summary>
    public void Serve()
    {
        foreach (string layer in _wrapped)
        {
            var bank = Layer(layer);
            bank.Grouped = bank is LinearLoraBank && bank.Names.All(n => !bank.Spec(n).Magnitude)
                ? new GroupedLora(checked((int)bank.BaseWeight.shape[1]), checked((int)bank.BaseWeight.shape[0]), [.. bank.Names.Select(n => (bank.Spec(n), new ReadOnlyMemory<float>(HostReads.Single(bank.A(n))), new ReadOnlyMemory<float>(HostReads.Single(bank.B(n)))))])
                : null;
        }
    }

    /// <summary>Lets go of the copies of <see cref="Serve"/>.</summary>
    public void EndServing()
    {
        foreach (string layer in _wrapped) Layer(layer).Grouped = null;
    }

    internal IReadOnlyList<LoraSite> Sites => _sites;

    /// <summary>The adapters of a layer.</summary>
    /// <param name="layer">A path of <see cref="Wrapped"/>.</param>
    /// <exception cref="KeyNotFoundException">The layer carries none.</exception>
    public LoraBank Layer(string layer) => _wrapped.Contains(layer) ? banks[Key(layer)] : throw new KeyNotFoundException($"layer = {layer}: the layers with adapters are {string.Join(", ", _wrapped)}");

    /// <summary>Gives every layer a mix of its own (X-LoRA with scalings by layer), until <see cref="Mix"/> is set.</summary>
    /// <param name="mixes">In the order of <see cref="Wrapped"/>.</param>
    /// <exception cref="ArgumentException">There is not one for each.</exception>
    public void SetLayerMixes(IReadOnlyList<LoraMix> mixes)
    {
        ArgumentNullException.ThrowIfNull(mixes);
        if (mixes.Count != _wrapped.Count) throw new ArgumentException($"mixes holds {mixes.Count}; must hold one per layer ({_wrapped.Count})", nameof(mixes));
        RefuseMerged();
        _perLayer = mixes;
    }

    /// <summary>Merges the present mix into the base weights, so that the model runs at its own cost; <see cref="Mix"/> cannot be changed until <see cref="Unmerge"/>.</summary>
    /// <exception cref="ArgumentException">The mix differs from row to row.</exception>
    /// <exception cref="InvalidOperationException">Already merged, layers have mixes of their own, or one is a convolution in groups. No layer is changed.</exception>
    public void Merge()
    {
        RefuseMerged();
        if (_perLayer is not null) throw new InvalidOperationException("layers have mixes of their own; set Mix first");
        if (_mix is not WeightedLoraMix) throw new ArgumentException($"Mix is a {_mix.GetType().Name}; only a {nameof(WeightedLoraMix)} can be merged");
        if (_wrapped.FirstOrDefault(l => Layer(l).Unmergeable is not null) is { } grouped) throw new InvalidOperationException($"{grouped}: {Layer(grouped).Unmergeable}");
        foreach (string layer in _wrapped) Layer(layer).merge(_mix);
        _merged = true;
    }

    /// <summary>Takes the merged adapters out of the base weights, exact to rounding.</summary>
    /// <exception cref="InvalidOperationException">Nothing is merged.</exception>
    public void Unmerge()
    {
        if (!_merged) throw new InvalidOperationException("nothing is merged");
        foreach (string layer in _wrapped) Layer(layer).unmerge(_mix);
        _merged = false;
    }

    /// <summary>Takes the adapters off the model: layers give what they gave before, and parameters can be trained as before. Merged adapters stay merged.</summary>
    public void Detach()
    {
        foreach (var undo in Enumerable.Reverse(_undo)) undo();
        _undo.Clear();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) Detach();
        base.Dispose(disposing);
    }

    private void Hook(LoraSite site, LoraBank bank, int index)
    {
        LoraMix Acting() => _merged ? LoraMix.None : _layerMixes()?[index] ?? _mix;
        if (site.Parameter is not null)
        {
            var experts = (StackedExperts)site.Module;
            var before = experts.Adapted;
            // Several weights of one bank of experts form a chain; each changes its own.
            experts.Adapted = (name, weight) => name == site.Parameter ? bank.mixed_weight(Acting()) : before is null ? weight : before(name, weight);
            _undo.Add(() => experts.Adapted = before);
            return;
        }

        var hook = ((nn.Module<Tensor, Tensor>)site.Module).register_forward_hook((_, input, output) =>
        {
            var mix = Acting();
            if (ReferenceEquals(mix, LoraMix.None)) return output;
            var changed = bank.apply(input, output, mix);
            output.Dispose();
            return changed;
        });
        _undo.Add(hook.remove);
    }

    private void RefuseMerged()
    {
        if (_merged) throw new InvalidOperationException("adapters are merged into the base weights; call Unmerge first");
    }

    // A module's name has no dots.
    private static string Key(string path) => path.Replace('.', '/');
}
