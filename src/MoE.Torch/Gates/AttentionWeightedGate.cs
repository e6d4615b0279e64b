using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A gate over a sequence of behaviours (AW-MoE, Gong et al. 2023): each behaviour b_i, beside a target x, contributes an expert vector <c>g_i = MLP_g([b_i, x, b_i * x])</c> and a relevance
/// <c>w_i = MLP_a([b_i, x, b_i * x])</c>, and <c>g = sum_i w_i g_i</c> over the behaviours that are there. Nothing is normalised unless asked for: weights may be negative and need not sum to one.
/// An empty sequence gets a learned gate, where the sum would be zero whatever the target.
/// </summary>
public sealed class AttentionWeightedGate : nn.Module<Tensor, Tensor, Tensor, Tensor>
{
    private readonly Sequential gate;
    private readonly Sequential relevance;
    private readonly Parameter empty;

    /// <summary>Makes a gate.</summary>
    /// <param name="width">D of behaviours and targets, positive.</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="hidden">Width between the two linear layers of each network, positive.</param>
    /// <param name="normalize">A softmax over the experts instead of the bare sum.</param>
    public AttentionWeightedGate(int width, int experts, int hidden, bool normalize = false)
        : base(nameof(AttentionWeightedGate))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(hidden);
        (Width, Experts, Normalize) = (width, experts, normalize);
        gate = nn.Sequential(nn.Linear(3 * width, hidden), nn.ReLU(), nn.Linear(hidden, experts));
        relevance = nn.Sequential(nn.Linear(3 * width, hidden), nn.ReLU(), nn.Linear(hidden, 1));
        empty = new Parameter(full(experts, 1.0 / experts).DetachFromDisposeScope());
        RegisterComponents();
    }

    /// <summary>D.</summary>
    public int Width { get; }

    /// <summary>E.</summary>
    public int Experts { get; }

    /// <summary>True where the experts' weights go through a softmax.</summary>
    public bool Normalize { get; }

    /// <summary>The gate of an empty sequence, [E], before any softmax.</summary>
    public Parameter Empty => empty;

    /// <summary>What each behaviour contributes.</summary>
    /// <param name="behaviours">b [B, M, D].</param>
    /// <param name="target">x [B, D].</param>
    /// <param name="absent">[B, M] bool, true where there is no behaviour: its relevance is zero.</param>
    /// <returns>The expert vectors [B, M, E] and the relevances [B, M].</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public (Tensor Vectors, Tensor Relevance) contributions(Tensor behaviours, Tensor target, Tensor absent)
    {
        Check(behaviours, target, absent);
        using var scope = NewDisposeScope();
        var x_BMD = target.unsqueeze(1).expand(behaviours.shape);
        var seen = cat([behaviours, x_BMD, behaviours * x_BMD], -1);
        var w_BM = relevance.call(seen).squeeze(-1).masked_fill(absent, 0);
        return (gate.call(seen).MoveToOuterDisposeScope(), w_BM.MoveToOuterDisposeScope());
    }

    /// <summary>The experts' weights.</summary>
    /// <param name="behaviours">b [B, M, D]; what absent ones hold does not matter as long as it is finite.</param>
    /// <param name="target">x [B, D].</param>
    /// <param name="absent">[B, M] bool, true where there is no behaviour.</param>
    /// <returns>[B, E].</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public override Tensor forward(Tensor behaviours, Tensor target, Tensor absent)
    {
        using var scope = NewDisposeScope();
        var (g_BME, w_BM) = contributions(behaviours, target, absent);
        var sum_BE = g_BME.mul(w_BM.unsqueeze(-1)).sum(1L);
        var g_BE = where(absent.all(1, true), empty.unsqueeze(0), sum_BE);
        return (Normalize ? g_BE.softmax(-1) : g_BE).MoveToOuterDisposeScope();
    }

    private void Check(Tensor behaviours, Tensor target, Tensor absent)
    {
        ArgumentNullException.ThrowIfNull(behaviours);
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(absent);
        if (behaviours.dim() != 3 || behaviours.shape[2] != Width) throw new ArgumentException($"behaviours has shape {TensorGuard.Shape(behaviours)}; must be [B, M, {Width}]", nameof(behaviours));
        TensorGuard.SameType(behaviours, empty, nameof(behaviours));
        if (target.dim() != 2 || target.shape[0] != behaviours.shape[0] || target.shape[1] != Width)
            throw new ArgumentException($"target has shape {TensorGuard.Shape(target)}; must be [{behaviours.shape[0]}, {Width}]", nameof(target));
        TensorGuard.SameType(target, empty, nameof(target));
        if (absent.dtype != ScalarType.Bool || absent.dim() != 2 || absent.shape[0] != behaviours.shape[0] || absent.shape[1] != behaviours.shape[1])
            throw new ArgumentException($"absent is {absent.dtype} {TensorGuard.Shape(absent)}; must be Bool [{behaviours.shape[0]}, {behaviours.shape[1]}]", nameof(absent));
    }
}
