using System.Globalization;

namespace MoE.Checkpoints;

/// <summary>
/// How a family of models stores its mixture-of-experts layers: names, shapes and order of the numbers, both for reading and for writing. A layout has several forms where the family is stored in several ways
/// (an expert a tensor, all experts in one, in 4 bits); what lies in a checkpoint is found by its names.
/// </summary>
/// <remarks>
/// Families of transformers go by their <c>model_type</c>; <see cref="HuggingFaceCheckpoint"/> takes the layout from <c>config.json</c>. Others: <c>torchtitan</c>, <c>olmo_core</c> (experts transposed),
/// <c>olmo_core_dropless</c> and <c>tutel</c> (experts without a gate), for which the specification must be given; and <c>gguf</c>, the names of llama.cpp for tools that convert (GGUF files themselves are not read).
/// </remarks>
public sealed class CheckpointLayout
{
    private readonly string[] _roots;
    private readonly LayoutForm[] _forms;

    internal CheckpointLayout(string name, string[] roots, params LayoutForm[] forms)
    {
        Name = name;
        _roots = roots;
        _forms = forms;
    }

    /// <summary>The name: of a family of transformers its <c>model_type</c>.</summary>
    public string Name { get; }

    /// <summary>The forms, the published one first.</summary>
    public IReadOnlyList<string> Forms => [.. _forms.Select(static f => f.Name)];

    /// <summary>All layouts.</summary>
    public static IReadOnlyList<CheckpointLayout> All => FamilyLayouts.All;

    /// <summary>The layout of a name.</summary>
    /// <param name="name">One of <see cref="All"/>.</param>
    /// <exception cref="ArgumentException">There is none of that name; the names are listed.</exception>
    public static CheckpointLayout Of(string name) =>
        All.FirstOrDefault(l => l.Name == name) ?? throw new ArgumentException($"name = {name}: must be one of {string.Join(", ", All.Select(static l => l.Name))}", nameof(name));

    /// <summary>The tensors that a layer has in a checkpoint.</summary>
    /// <param name="spec">The layer.</param>
    /// <param name="layer">Its number among the model's layers, not negative.</param>
    /// <param name="form">One of <see cref="Forms"/>; null: the first that can hold the layer.</param>
    /// <param name="type">The type of what is not in single precision or quantised.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <exception cref="ArgumentException">There is no such form, or it cannot hold such a layer.</exception>
    public IReadOnlyList<CheckpointTensor> Tensors(MoELayerSpec spec, int layer, string? form = null, SafetensorsType type = SafetensorsType.BF16) =>
        [.. Stored(spec, layer, form).SelectMany(t => t.InFile(type, null))];

    /// <summary>A layer's weights as the checkpoint stores them, for <see cref="SafetensorsWriter"/>. Read again, they are the same numbers, and of an unquantised checkpoint the same bytes.</summary>
    /// <param name="spec">The layer.</param>
    /// <param name="layer">Its number among the model's layers, not negative.</param>
    /// <param name="weights">All tensors of <see cref="WeightNames.Of"/>; they are read when the file is written.</param>
    /// <param name="type">F32, BF16 or F16, except of what is always in single precision; null: that of the source, tensor by tensor.</param>
    /// <param name="form">One of <see cref="Forms"/>, not one of 4 bits; null: the first that can hold the layer.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <exception cref="ArgumentException">Tensors are missing or have the wrong shape (all of them are named), or the form or type cannot be written.</exception>
    public IReadOnlyList<SafetensorsTensor> Export(MoELayerSpec spec, int layer, IWeightSource weights, SafetensorsType? type = null, string? form = null) => Export(spec, layer, weights, type, form, null);

    internal IReadOnlyList<SafetensorsTensor> Export(MoELayerSpec spec, int layer, IWeightSource weights, SafetensorsType? type, string? form, Action<long>? written)
    {
        ArgumentNullException.ThrowIfNull(weights);
        if (type is { } t && !TensorReader.IsPlainType(t)) throw new ArgumentOutOfRangeException(nameof(type), type, "must be F32, BF16 or F16");
        return LayerExport.Tensors(spec, Stored(spec, layer, form), weights, type, written);
    }

    /// <summary>The tensors of a form under the family's first root.</summary>
    internal IReadOnlyList<StoredTensor> Stored(MoELayerSpec spec, int layer, string? form)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentOutOfRangeException.ThrowIfNegative(layer);
        spec.Checked();
        if (form is not null && !_forms.Any(f => f.Name == form)) throw new ArgumentException($"form = {form}: {Name} has {string.Join(", ", Forms)}", nameof(form));
        foreach (var candidate in _forms.Where(f => form is null ? true : f.Name == form))
        {
            if (Write(spec, candidate, Block(_roots[0], candidate, layer)) is { } tensors) return tensors;
        }

        throw new ArgumentException($"{Name}{(form is null ? "" : $" in the form {form}")} cannot hold such a layer: of its form of expert, its biases, its shared expert or its widths", nameof(spec));
    }

    /// <summary>All forms under all roots, where anything lies at all.</summary>
    /// <param name="spec">The layer.</param>
    /// <param name="layer">Its number.</param>
    /// <param name="count">How many tensors of the checkpoint begin with a text.</param>
    internal IEnumerable<(LayoutForm Form, string Block, IReadOnlyList<StoredTensor> Tensors)> Candidates(MoELayerSpec spec, int layer, Func<string, int> count)
    {
        foreach (string root in _roots)
        {
            foreach (var form in _forms)
            {
                string block = Block(root, form, layer);
                int found = count(block);
                // A configuration may ask for a million experts: no list is made that is much longer than what is there.
                if (found > 0 && Write(spec, form, block, found + 64) is { } tensors) yield return (form, block, tensors);
            }
        }
    }

    /// <summary>Where a layer's block may lie, with the dot behind it.</summary>
    internal IEnumerable<string> Blocks(int layer) => _roots.SelectMany(root => _forms.Select(form => Block(root, form, layer))).Distinct();

    private static string Block(string root, LayoutForm form, int layer) => string.Format(CultureInfo.InvariantCulture, root, layer) + form.Block;

    private static IReadOnlyList<StoredTensor>? Write(MoELayerSpec spec, LayoutForm form, string block, int mostExperts = int.MaxValue)
    {
        var tensors = new LayoutTensors(spec, block, mostExperts);
        form.Write(tensors);
        return tensors.Fits ? tensors.Tensors : null;
    }
}
