using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A level of customized gate control (Tang et al. 2020): experts that all tasks share and experts of each task's own; a gate per task mixes the shared and its own by a softmax, and a further gate may mix all of them for the
/// next level. With shared experts alone it is a multi-gate mixture (MMoE, Ma et al. 2018).
/// </summary>
public sealed class CustomizedGateControl : nn.Module
{
    private readonly ModuleList<nn.Module<Tensor, Tensor>> shared;
    private readonly ModuleList<ModuleList<nn.Module<Tensor, Tensor>>> specific;
    private readonly ModuleList<nn.Module<Tensor, Tensor>> gates;
    private readonly nn.Module<Tensor, Tensor>? shared_gate;

    /// <summary>Makes a level.</summary>
    /// <param name="shared">Experts that every task sees; all modules are owned by the level from now on.</param>
    /// <param name="specific">For each task the experts of its own, possibly none.</param>
    /// <param name="gates">For each task a scorer from [B, D] to one logit per expert that it sees.</param>
    /// <param name="sharedGate">A scorer over all experts, those of the tasks in order and then the shared ones; null: no shared output.</param>
    /// <param name="sharedFirst">A task's gate counts shared experts first (LibMTL); otherwise its own first (DeepCTR-Torch).</param>
    /// <exception cref="ArgumentException">There is no task, a task sees no expert, or the numbers differ.</exception>
    public CustomizedGateControl(
        IEnumerable<nn.Module<Tensor, Tensor>> shared,
        IEnumerable<IEnumerable<nn.Module<Tensor, Tensor>>> specific,
        IEnumerable<nn.Module<Tensor, Tensor>> gates,
        nn.Module<Tensor, Tensor>? sharedGate = null,
        bool sharedFirst = true)
        : base(nameof(CustomizedGateControl))
    {
        ArgumentNullException.ThrowIfNull(shared);
        ArgumentNullException.ThrowIfNull(specific);
        ArgumentNullException.ThrowIfNull(gates);
        this.shared = new ModuleList<nn.Module<Tensor, Tensor>>([.. shared]);
        this.specific = new ModuleList<ModuleList<nn.Module<Tensor, Tensor>>>([.. specific.Select(static own => new ModuleList<nn.Module<Tensor, Tensor>>([.. own]))]);
        this.gates = new ModuleList<nn.Module<Tensor, Tensor>>([.. gates]);
        shared_gate = sharedGate;
        SharedFirst = sharedFirst;
        if (this.gates.Count == 0) throw new ArgumentException("gates is empty; must have one per task", nameof(gates));
        if (this.gates.Count != this.specific.Count) throw new ArgumentException($"gates has {this.gates.Count} and specific {this.specific.Count} tasks; must be equally many", nameof(specific));
        for (int t = 0; t < Tasks; t++)
        {
            if (this.shared.Count + this.specific[t].Count == 0) throw new ArgumentException($"task {t} sees no expert", nameof(specific));
        }

        RegisterComponents();
    }

    /// <summary>A multi-gate mixture: shared experts alone.</summary>
    /// <param name="experts">The experts.</param>
    /// <param name="gates">For each task a scorer over them.</param>
    public static CustomizedGateControl MultiGate(IEnumerable<nn.Module<Tensor, Tensor>> experts, IEnumerable<nn.Module<Tensor, Tensor>> gates)
    {
        nn.Module<Tensor, Tensor>[] all = [.. gates ?? throw new ArgumentNullException(nameof(gates))];
        return new CustomizedGateControl(experts, all.Select(static _ => Array.Empty<nn.Module<Tensor, Tensor>>()), all);
    }

    /// <summary>Number of tasks.</summary>
    public int Tasks => gates.Count;

    /// <summary>A task's gate counts shared experts first.</summary>
    public bool SharedFirst { get; }

    /// <summary>Runs the level on one input for all.</summary>
    /// <param name="x">[B, D].</param>
    public CgcResult mix(Tensor x) => mix([.. Enumerable.Repeat(x, Tasks)], x);

    /// <summary>Runs the level.</summary>
    /// <param name="tasks">For each task its input [B, D].</param>
    /// <param name="common">The shared experts' input [B, D].</param>
    /// <returns>For each task its mixture and the weights of its gate; and the shared mixture, where there is a gate for it.</returns>
    /// <exception cref="ArgumentException">The number of inputs is wrong, or a gate gives another number of logits.</exception>
    public CgcResult mix(IReadOnlyList<Tensor> tasks, Tensor common)
    {
        ArgumentNullException.ThrowIfNull(tasks);
        ArgumentNullException.ThrowIfNull(common);
        if (tasks.Count != Tasks) throw new ArgumentException($"tasks has {tasks.Count} inputs; must have {Tasks}", nameof(tasks));
        using var scope = NewDisposeScope();
        Tensor[] ofAll = [.. shared.Select(e => e.call(common))];
        Tensor[][] ofTasks = [.. specific.Select((own, t) => own.Select(e => e.call(tasks[t])).ToArray())];
        var (mixtures, weights) = (new List<Tensor>(), new List<Tensor>());
        for (int t = 0; t < Tasks; t++)
        {
            Tensor[] seen = SharedFirst ? [.. ofAll, .. ofTasks[t]] : [.. ofTasks[t], .. ofAll];
            var (mixture, weight) = Mix(gates[t], tasks[t], seen, $"gates[{t}]");
            mixtures.Add(mixture.MoveToOuterDisposeScope());
            weights.Add(weight.MoveToOuterDisposeScope());
        }

        var everything = shared_gate is null ? null : Mix(shared_gate, common, [.. ofTasks.SelectMany(static own => own), .. ofAll], "sharedGate").Mixture.MoveToOuterDisposeScope();
        return new CgcResult(mixtures, weights, everything);
    }

    private static (Tensor Mixture, Tensor Weights) Mix(nn.Module<Tensor, Tensor> gate, Tensor x, Tensor[] experts, string name)
    {
        var logits_BE = gate.call(x);
        if (logits_BE.shape[^1] != experts.Length) throw new ArgumentException($"{name} gives {logits_BE.shape[^1]} logits; must give one per expert ({experts.Length})", name);
        var weights_BE = logits_BE.softmax(-1);
        return (stack(experts, 1).mul(weights_BE.unsqueeze(-1)).sum(1), weights_BE);
    }
}

/// <summary>What a level gives.</summary>
/// <param name="Tasks">For each task its mixture [B, Do].</param>
/// <param name="Weights">For each task the weights of the experts that it sees, [B, n].</param>
/// <param name="Shared">The shared mixture [B, Do], or null.</param>
public sealed record CgcResult(IReadOnlyList<Tensor> Tasks, IReadOnlyList<Tensor> Weights, Tensor? Shared);
