using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Experts that choose their tokens themselves (Lv et al. 2025, "Autonomy-of-experts models", arXiv 2501.13074): the first matrix of a gated expert is a product of two, <c>E(x) = V (silu(U L x) * P x)</c>, and the length of
/// the short vector L x, which an expert has before it begins, says how much it knows of x. There is no router: <see cref="AsGate"/> makes these lengths the logits of a <see cref="RouterSpec"/>.
/// Parameters: <c>low</c> L [E, R, D], <c>high</c> U [E, F, R], <c>up</c> P [E, F, D], <c>down</c> V [E, D, F].
/// </summary>
/// <example><code>
/// var experts = new AutonomousExperts(experts: 8, width: 64, hidden: 128, rank: 16);
/// var layer = new MoELayer(experts.AsGate(RouterProfiles.MistralInference(experts: 8)), experts);
/// </code></example>
public sealed class AutonomousExperts : ExpertBank
{
    private readonly Parameter low;
    private readonly Parameter high;
    private readonly Parameter up;
    private readonly Parameter down;

    /// <summary>Makes experts; every weight is drawn as a linear layer's.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="hidden">F, positive.</param>
    /// <param name="rank">R, positive: the length of the vector whose norm is compared. A choice costs 2 T E D R operations.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    public AutonomousExperts(int experts, int width, int hidden, int rank, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(AutonomousExperts), experts)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(hidden);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rank);
        low = Initial.Linear([experts, rank, width], width, dtype, device, generator);
        high = Initial.Linear([experts, hidden, rank], rank, dtype, device, generator);
        up = Initial.Linear([experts, hidden, width], width, dtype, device, generator);
        down = Initial.Linear([experts, width, hidden], hidden, dtype, device, generator);
        RegisterComponents();
    }

    /// <summary>L, [E, R, D].</summary>
    public Parameter Low => low;

    /// <summary>A gate that asks these experts; it has no parameters of its own, and belongs to one layer with them.</summary>
    /// <param name="spec">The rule; the authors: top-k, then a softmax over the chosen.</param>
    /// <exception cref="SpecException">The spec has problems.</exception>
    /// <exception cref="ArgumentException">The spec has another number of experts.</exception>
    public ActivationNormGate AsGate(RouterSpec spec) => new(spec, this);

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The rows have another width, number or type than the parameters and segments say.</exception>
    public override Tensor forward(Tensor rows_RD, ExpertSegments segments)
    {
        TensorGuard.Matrix(rows_RD, low.shape[2], "rows");
        TensorGuard.SameType(rows_RD, low, "rows");
        CheckSegments(rows_RD, segments);
        using var scope = NewDisposeScope();
        var (lows, highs, ups, downs) = (low.unbind(), high.unbind(), up.unbind(), down.unbind());
        var parts = new List<Tensor>();
        for (int e = 0; e < Experts; e++)
        {
            if (segments.Count(e) == 0) continue;
            var x = rows_RD.narrow(0, segments.Offset(e), segments.Count(e));
            var g = nn.functional.silu(nn.functional.linear(nn.functional.linear(x, lows[e]), highs[e]));
            parts.Add(nn.functional.linear(g.mul(nn.functional.linear(x, ups[e])), downs[e]));
        }

        var rows = parts.Count == 0 ? rows_RD.alias() : cat(parts, 0);
        return rows.MoveToOuterDisposeScope();
    }
}
