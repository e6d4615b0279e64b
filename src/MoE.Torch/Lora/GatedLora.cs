using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A gate of the library for every layer with adapters, which chooses among them from the layer's own input: dense-to-sparse over adapters, top-k, typed by task, and gates of your own. Trainable: the gates. What they chose
/// is kept for statistics, logs and reports.
/// </summary>
public sealed class GatedLora : nn.Module
{
    private readonly ModuleList<TorchGate> gates;
    private readonly Func<LoraModel> _lora;
    private readonly Dictionary<string, Routing> _chosen = new(StringComparer.Ordinal);

    /// <summary>Makes gates.</summary>
    /// <param name="lora">The model's adapters; they stay the caller's, and are frozen.</param>
    /// <param name="gate">Makes the gate of a layer, from the width of its input; over as many experts as there are adapters. All layers must be linear.</param>
    /// <exception cref="ArgumentException">A layer is not linear, or a gate has another number of experts.</exception>
    public GatedLora(LoraModel lora, Func<int, TorchGate> gate)
        : base(nameof(GatedLora))
    {
        ArgumentNullException.ThrowIfNull(lora);
        ArgumentNullException.ThrowIfNull(gate);
        string[] other = [.. lora.Wrapped.Where(l => lora.Layer(l) is not LinearLoraBank)];
        if (other.Length > 0) throw new ArgumentException($"{string.Join(", ", other)}: not linear; gates look at the input of linear layers only", nameof(lora));
        var made = lora.Wrapped.Select(l => gate(checked((int)lora.Layer(l).BaseWeight.shape[1]))).ToArray();
        if (made.FirstOrDefault(g => g.Experts != lora.Adapters.Count) is { } wrong) throw new ArgumentException($"{wrong.GetName()} has {wrong.Experts} experts; must have {lora.Adapters.Count}, one per adapter", nameof(gate));
        gates = new ModuleList<TorchGate>(made);
        _lora = () => lora;
        foreach (var parameter in lora.parameters()) parameter.requires_grad = false;
        RegisterComponents();
    }

    /// <summary>What each layer's gate chose in the last pass that kept it, by path.</summary>
    public IReadOnlyDictionary<string, Routing> Chosen => _chosen;

    /// <summary>Lets the gates choose from now on, until the model's mix is set.</summary>
    /// <param name="context">Masks, ids and noise, given to every gate with its layer's path as the scope of draws; null: none.</param>
    /// <param name="keep">Keeps what was chosen, in <see cref="Chosen"/>; waits for the device.</param>
    public void Act(GateContext? context = null, bool keep = false)
    {
        var lora = _lora();
        _chosen.Clear();
        lora.SetLayerMixes([.. lora.Wrapped.Select((path, i) => new RoutedLoraMix(x =>
        {
            var routing = gates[i].call(x, (context ?? GateContext.Empty) with { NoiseScope = path });
            if (keep) _chosen[path] = routing.Snapshot();
            return routing;
        }))]);
    }
}
