using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Progressive layered extraction (Tang et al. 2020): levels of <see cref="CustomizedGateControl"/>, each fed with the tasks' and the shared mixtures of the one before.</summary>
public sealed class ProgressiveLayeredExtraction : nn.Module
{
    private readonly ModuleList<CustomizedGateControl> levels;

    /// <summary>Makes the levels.</summary>
    /// <param name="levels">From the input up, of the same tasks; all but the last with a shared gate. Owned from now on.</param>
    /// <exception cref="ArgumentException">There is no level, the tasks differ, or a level but the last gives no shared output.</exception>
    public ProgressiveLayeredExtraction(IEnumerable<CustomizedGateControl> levels)
        : base(nameof(ProgressiveLayeredExtraction))
    {
        ArgumentNullException.ThrowIfNull(levels);
        this.levels = new ModuleList<CustomizedGateControl>([.. levels]);
        if (this.levels.Count == 0) throw new ArgumentException("levels is empty; must hold one", nameof(levels));
        if (this.levels.Any(l => l.Tasks != this.levels[0].Tasks)) throw new ArgumentException("levels have different numbers of tasks", nameof(levels));
        RegisterComponents();
    }

    /// <summary>Runs all levels.</summary>
    /// <param name="x">[B, D].</param>
    /// <returns>For each task its mixture [B, Do], and the weights of its last gate.</returns>
    /// <exception cref="InvalidOperationException">A level but the last has no shared gate.</exception>
    public CgcResult extract(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = NewDisposeScope();
        var result = levels[0].mix(x);
        foreach (var level in levels.Skip(1))
            result = level.mix(result.Tasks, result.Shared ?? throw new InvalidOperationException("a level but the last has no shared gate, so the next one has no shared input"));
        foreach (var tensor in result.Tasks.Concat(result.Weights)) tensor.MoveToOuterDisposeScope();
        result.Shared?.MoveToOuterDisposeScope();
        return result;
    }
}
