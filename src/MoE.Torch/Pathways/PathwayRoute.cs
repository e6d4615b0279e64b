using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>One route per sample, shared by all layers of a network (AdvMoE, Zhang et al. 2023): the choice of one expert out of n, hard forward, with the gradient of the choice given to the scores unchanged (straight-through).</summary>
public sealed class PathwayRoute
{
    // Of a route that does not learn, for all layers; it lives in the caller's scope like the route's other tensors.
    private readonly (Tensor[] Rows, Tensor Restore)? _groups;

    private PathwayRoute(Tensor weights, Tensor choices, int experts)
    {
        (Weights, Choices, Experts) = (weights, choices, experts);
        if (!weights.requires_grad) _groups = Group();
    }

    /// <summary>[B, n]: one at the chosen expert, zero elsewhere; its gradient is that of the scores.</summary>
    public Tensor Weights { get; }

    /// <summary>[B] int64: the chosen expert.</summary>
    public Tensor Choices { get; }

    /// <summary>n.</summary>
    public int Experts { get; }

    /// <summary>The largest score decides; of equal ones the first.</summary>
    /// <param name="scores">[B, n].</param>
    /// <exception cref="ArgumentException">The shape is wrong, or a score is NaN or +infinity: such scores would send every sample to one expert, unnoticed.</exception>
    public static PathwayRoute FromScores(Tensor scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        if (scores.dim() != 2 || scores.shape[1] == 0) throw new ArgumentException($"scores has shape {TensorGuard.Shape(scores)}; must be [B, n] with n of 1 or more", nameof(scores));
        LogitCheck.Throw(scores, GateContext.Empty, nameof(scores));
        int experts = checked((int)scores.shape[1]);
        Tensor weights, choices;
        using (NewDisposeScope())
        {
            choices = Selection.TopK(scores.detach(), 1, TieRule.LowestIndex).Indices.flatten();
            var hard = nn.functional.one_hot(choices, experts).to(scores.dtype);
            weights = (scores.requires_grad && is_grad_enabled() ? UnitGates.StraightThrough(hard, scores) : hard).MoveToOuterDisposeScope();
            choices.MoveToOuterDisposeScope();
        }

        return new(weights, choices, experts);
    }

    /// <summary>A given choice.</summary>
    /// <param name="choices">[B] int64, each 0..n - 1.</param>
    /// <param name="experts">n, positive.</param>
    /// <param name="dtype">Type of the weights.</param>
    /// <exception cref="ArgumentException">The shape or type is wrong, or a choice names no expert.</exception>
    public static PathwayRoute Given(Tensor choices, int experts, ScalarType dtype = ScalarType.Float32)
    {
        ArgumentNullException.ThrowIfNull(choices);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        TensorGuard.Vector(choices, choices.numel(), ScalarType.Int64, nameof(choices));
        IdCheck.Throw(choices, 0, experts, nameof(choices));
        Tensor weights;
        using (NewDisposeScope()) weights = nn.functional.one_hot(choices, experts).to(dtype).MoveToOuterDisposeScope();
        return new(weights, choices.alias(), experts);
    }

    /// <summary>The scores still learn from this route.</summary>
    internal bool Learns => Weights.requires_grad && is_grad_enabled();

    // For each expert its samples in ascending order, and where each sample lies in their concatenation.
    internal (Tensor[] Rows, Tensor Restore) Groups() => _groups ?? Group();

    private (Tensor[] Rows, Tensor Restore) Group()
    {
        using var scope = NewDisposeScope();
        Tensor[] rows = [.. Enumerable.Range(0, Experts).Select(e => Choices.eq(e).nonzero().flatten())];
        var restore = cat(rows, 0).argsort();
        foreach (var tensor in rows) tensor.MoveToOuterDisposeScope();
        return (rows, restore.MoveToOuterDisposeScope());
    }
}
