using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A tap of a memorial mixture for dense prediction (TaskExpert, Ye and Xu 2023): experts that all tasks share turn the backbone's map into generic maps; a gate per task, one softmax per image, mixes them, with the task's memory
/// as one more expert; the mixture is then written into the memory, which goes on to the next tap.
/// </summary>
public sealed class MemorialMixture : nn.Module
{
    private readonly ModuleList<nn.Module<Tensor, Tensor>> experts;
    private readonly ModuleList<nn.Module<Tensor, Tensor>> gates;
    private readonly ModuleList<nn.Module<Tensor, Tensor>> writers;

    /// <summary>Makes a tap.</summary>
    /// <param name="experts">E modules from [B, D, H, W] to [B, C, H, W]; all modules are owned by the tap from now on.</param>
    /// <param name="gates">For each task a scorer from the experts' averages over the image, [B, E * C], to E + 1 logits, the memory's last; without writers to E.</param>
    /// <param name="writers">For each task a module from memory and mixture, [B, 2 C, H, W], to the new memory [B, C, H, W]. None: there is no memory, and the tap is a multi-gate mixture (MMoE) of maps.</param>
    /// <exception cref="ArgumentException">There is no expert or task, or the numbers of gates and writers differ.</exception>
    public MemorialMixture(IEnumerable<nn.Module<Tensor, Tensor>> experts, IEnumerable<nn.Module<Tensor, Tensor>> gates, IEnumerable<nn.Module<Tensor, Tensor>>? writers = null)
        : base(nameof(MemorialMixture))
    {
        ArgumentNullException.ThrowIfNull(experts);
        ArgumentNullException.ThrowIfNull(gates);
        this.experts = new ModuleList<nn.Module<Tensor, Tensor>>([.. experts]);
        this.gates = new ModuleList<nn.Module<Tensor, Tensor>>([.. gates]);
        this.writers = new ModuleList<nn.Module<Tensor, Tensor>>([.. writers ?? []]);
        var problems = new List<string>();
        if (this.experts.Count == 0) problems.Add("experts is empty; must hold one");
        if (this.gates.Count == 0) problems.Add("gates is empty; must hold one per task");
        if (this.writers.Count != 0 && this.writers.Count != this.gates.Count) problems.Add($"writers has {this.writers.Count} and gates {this.gates.Count}; must be equally many, or writers empty");
        if (problems.Count > 0) throw new ArgumentException(string.Join("; ", problems));
        RegisterComponents();
    }

    /// <summary>Number of tasks.</summary>
    public int Tasks => gates.Count;

    /// <summary>E.</summary>
    public int Experts => experts.Count;

    /// <summary>The tasks have memories.</summary>
    public bool Remembers => writers.Count > 0;

    /// <summary>Runs the tap.</summary>
    /// <param name="features">[B, D, H, W].</param>
    /// <param name="memories">For each task its memory [B, C, H, W] from the tap before; null: zeros, as at the first.</param>
    /// <exception cref="ArgumentException">The number of memories or of a gate's logits is wrong, or memories are given to a tap without.</exception>
    public MemorialResult mix(Tensor features, IReadOnlyList<Tensor>? memories = null)
    {
        ArgumentNullException.ThrowIfNull(features);
        if (memories is not null && memories.Count != (Remembers ? Tasks : 0)) throw new ArgumentException($"memories has {memories.Count}; must have {(Remembers ? Tasks : 0)}", nameof(memories));
        using var scope = NewDisposeScope();
        Tensor[] maps = [.. experts.Select(e => e.call(features))];
        var maps_BECHW = stack(maps, 1);
        var pooled_BX = maps_BECHW.mean([3, 4]).flatten(1);
        int logits = Experts + (Remembers ? 1 : 0);
        var (mixtures, weights, next) = (new Tensor[Tasks], new Tensor[Tasks], new List<Tensor>());
        for (int t = 0; t < Tasks; t++)
        {
            var logits_BE = gates[t].call(pooled_BX);
            if (logits_BE.dim() != 2 || logits_BE.shape[1] != logits) throw new ArgumentException($"gates[{t}] gives {TensorGuard.Shape(logits_BE)}; must give [B, {logits}]", nameof(features));
            weights[t] = logits_BE.softmax(1);
        }

        // One product for all tasks: the maps, by far the largest tensor here, are read once.
        var weights_BTE = stack(weights, 1);
        long[] shape = maps[0].shape;
        var mixed_BTX = weights_BTE.narrow(2, 0, Experts).bmm(maps_BECHW.flatten(2));
        for (int t = 0; t < Tasks; t++)
        {
            var mixture = mixed_BTX.select(1, t).view(shape);
            if (Remembers)
            {
                var memory = memories is null ? zeros_like(mixture) : memories[t];
                if (!memory.shape.AsSpan().SequenceEqual(shape)) throw new ArgumentException($"memories[{t}] has shape {TensorGuard.Shape(memory)}; must be {TensorGuard.Shape(mixture)}", nameof(memories));
                mixture = mixture + memory * weights[t].narrow(1, Experts, 1).view(-1, 1, 1, 1);
                next.Add(writers[t].call(cat([memory, mixture], 1)).MoveToOuterDisposeScope());
            }

            (mixtures[t], weights[t]) = (mixture.MoveToOuterDisposeScope(), weights[t].MoveToOuterDisposeScope());
        }

        return new MemorialResult(mixtures, weights, next);
    }
}

/// <summary>What a tap gives.</summary>
/// <param name="Tasks">For each task its mixture [B, C, H, W].</param>
/// <param name="Weights">For each task the weights of the experts and, last, of the memory, [B, E + 1]; without memory [B, E].</param>
/// <param name="Memories">For each task its new memory [B, C, H, W]; empty without memory.</param>
public sealed record MemorialResult(IReadOnlyList<Tensor> Tasks, IReadOnlyList<Tensor> Weights, IReadOnlyList<Tensor> Memories);
