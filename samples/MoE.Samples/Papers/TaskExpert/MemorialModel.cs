using MoE.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.TaskExpert;

/// <summary>TaskExpert: at every tap a memorial mixture; the heads read the last memories. Without memory they read the sum of the mixtures of all taps, so that no tap is lost with it.</summary>
public sealed class MemorialModel : DenseModel
{
    /// <summary>E.</summary>
    public const int Experts = 5;

    private const int GateWidth = 16;
    private readonly ModuleList<MemorialMixture> taps;
    private readonly Parameter? tokens;

    /// <summary>Makes a model.</summary>
    /// <param name="learned">Gates are learned; otherwise all weights are equal, always.</param>
    /// <param name="memory">Tasks have memories, which begin as a learned token each.</param>
    public MemorialModel(bool learned, bool memory)
        : base(nameof(MemorialModel))
    {
        int slots = Experts + (memory ? 1 : 0);
        taps = [.. Enumerable.Range(0, Taps).Select(_ => new MemorialMixture(
            Enumerable.Range(0, Experts).Select(static _ => Unit(Wide, Narrow, 1, 1)),
            Enumerable.Range(0, Tasks).Select(_ => learned ? nn.Sequential(nn.Linear(Experts * Narrow, GateWidth), nn.GELU(), nn.Linear(GateWidth, slots)) : (nn.Module<Tensor, Tensor>)new EqualLogits(slots)),
            memory ? Enumerable.Range(0, Tasks).Select(static _ => nn.Conv2d(2 * Narrow, Narrow, 1)) : null))];
        if (memory) tokens = new Parameter(randn(Tasks, Narrow).mul(0.02).DetachFromDisposeScope());
        RegisterComponents();
    }

    /// <inheritdoc/>
    protected override (IReadOnlyList<Tensor> Features, IReadOnlyList<IReadOnlyList<Tensor>> Weights) Decode(IReadOnlyList<Tensor> taps)
    {
        var weights = new List<IReadOnlyList<Tensor>>();
        long[] shape = [taps[0].shape[0], Narrow, taps[0].shape[2], taps[0].shape[3]];
        IReadOnlyList<Tensor>? memories = tokens is null ? null : [.. Enumerable.Range(0, Tasks).Select(t => tokens[t].view(1, Narrow, 1, 1).expand(shape))];
        Tensor[]? sums = null;
        for (int tap = 0; tap < Taps; tap++)
        {
            var result = this.taps[tap].mix(taps[tap], memories);
            weights.Add(result.Weights);
            if (tokens is not null) memories = result.Memories;
            else sums = [.. result.Tasks.Select((m, t) => sums is null ? m : sums[t] + m)];
        }

        return (sums ?? memories!, weights);
    }

    /// <summary>A gate that says the same of all.</summary>
    private sealed class EqualLogits(int slots) : nn.Module<Tensor, Tensor>(nameof(EqualLogits))
    {
        public override Tensor forward(Tensor x) => zeros(x.shape[0], slots);
    }
}
