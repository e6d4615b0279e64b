using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// X-LoRA on a model with adapters: a first pass gives the hidden state, the classifier gives a weight for every token, layer and adapter, and the second pass runs with them. Trainable: the classifier.
/// </summary>
public sealed class XLoraMixer : nn.Module
{
    private readonly XLoraClassifier classifier;
    private readonly Func<LoraModel> _lora;

    /// <summary>Makes a mixer.</summary>
    /// <param name="lora">The model's adapters; they stay the caller's, and are frozen.</param>
    /// <param name="spec">The gate; its numbers of adapters and layers are those of <paramref name="lora"/>.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <exception cref="ArgumentException">The spec is of other adapters or layers.</exception>
    public XLoraMixer(LoraModel lora, XLoraSpec spec)
        : base(nameof(XLoraMixer))
    {
        ArgumentNullException.ThrowIfNull(lora);
        ArgumentNullException.ThrowIfNull(spec);
        if (spec.Adapters != lora.Adapters.Count || spec.Layers != lora.Wrapped.Count)
            throw new ArgumentException($"spec has {spec.Adapters} adapters and {spec.Layers} layers; must have {lora.Adapters.Count} and {lora.Wrapped.Count}", nameof(spec));
        classifier = new XLoraClassifier(spec);
        _lora = () => lora;
        foreach (var parameter in lora.parameters()) parameter.requires_grad = false;
        RegisterComponents();
    }

    /// <summary>The classifier.</summary>
    public XLoraClassifier Classifier => classifier;

    /// <summary>Paths of the layers, in the order of the scalings.</summary>
    public IReadOnlyList<string> Layers => _lora().Wrapped;

    /// <summary>The scalings are averaged over each sequence: one decision for all its tokens, which sees the whole sequence. For comparison; the paper decides token by token.</summary>
    public bool BySequence { get; set; }

    /// <summary>Runs the model with mixed adapters.</summary>
    /// <param name="hidden">Runs the model and gives its last hidden state, [B, T, D].</param>
    /// <param name="run">Runs the model and gives its output.</param>
    /// <returns>The output, and the scalings that acted, [B, T, L, n].</returns>
    public (Tensor Output, Tensor Scalings) run(Func<Tensor> hidden, Func<Tensor> run)
    {
        ArgumentNullException.ThrowIfNull(hidden);
        ArgumentNullException.ThrowIfNull(run);
        var lora = _lora();
        var spec = classifier.Spec;
        using var scope = NewDisposeScope();
        try
        {
            double pass = spec.ScalingPassValue ?? 1.0 / spec.Adapters;
            lora.Mix = pass == 0 ? LoraMix.None : new WeightedLoraMix(lora.Adapters.ToDictionary(static a => a, _ => pass));
            Tensor state;
            using (no_grad()) state = hidden();
            var given = classifier.call(state.detach());
            if (BySequence) given = given.mean([-3L], keepdim: true).expand(given.shape);
            var scalings = XLora.effective_scalings(given, spec.TopK, spec.SoftmaxKept, spec.SoftmaxAcrossTokens);
            lora.SetLayerMixes([.. Enumerable.Range(0, spec.Layers).Select(l => new ScaledLoraMix(scalings.select(-2, l), spec.GlobalWeight))]);
            return (run().MoveToOuterDisposeScope(), scalings.MoveToOuterDisposeScope());
        }
        finally
        {
            lora.Mix = LoraMix.None;
        }
    }

    /// <summary>Writes the gate as a PEFT folder, and every adapter as one below it, named as the adapter.</summary>
    /// <param name="folder">Made if need be; files in it are overwritten, each only when complete.</param>
    /// <param name="baseModel">The base model's name; null: none.</param>
    /// <exception cref="NotSupportedException">The gate has an option that PEFT's configuration cannot say.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public void Save(string folder, string? baseModel = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        LoraFiles.Save(this, _lora(), folder, baseModel);
    }

    /// <summary>Puts the adapters of a PEFT folder on a model, under the gate that lies beside them.</summary>
    /// <param name="model">The model; it stays the caller's.</param>
    /// <param name="folder">The gate's folder; its adapters lie below it.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <returns>The adapters and the gate, both the caller's.</returns>
    /// <exception cref="InvalidDataException">The gate or an adapter is damaged or does not fit the model; see <see cref="LoraModel.Load"/>. The model is as it was.</exception>
    /// <exception cref="IOException">A file is missing or cannot be read.</exception>
    public static (LoraModel Lora, XLoraMixer Mixer) Load(nn.Module model, string folder, LoraLoadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return LoraFiles.LoadGate(model, folder, options ?? new LoraLoadOptions());
    }

    /// <summary>The scalings of one layer as a routing on the host, tokens by adapters, for statistics, logs and reports.</summary>
    /// <param name="scalings">[..., L, n], from <see cref="run"/>.</param>
    /// <param name="layer">0..L - 1.</param>
    public static DenseRouting snapshot(Tensor scalings, int layer)
    {
        ArgumentNullException.ThrowIfNull(scalings);
        if (scalings.dim() < 2) throw new ArgumentException($"scalings has shape {TensorGuard.Shape(scalings)}; must be [..., L, n]", nameof(scalings));
        if (layer < 0 || layer >= scalings.shape[^2]) throw new ArgumentOutOfRangeException(nameof(layer), layer, $"must be in 0..{scalings.shape[^2] - 1}");
        using var scope = NewDisposeScope();
        int adapters = checked((int)scalings.shape[^1]);
        float[] weights = HostReads.Single(scalings.select(-2, layer).contiguous());
        return new DenseRouting(weights.Length / adapters, adapters, 1, weights);
    }
}
