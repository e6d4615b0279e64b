using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// DynMoE's top-any gate (Guo et al. 2024): a token goes to every expert whose sigmoid of a cosine is above the expert's own threshold. The choice passes its gradient straight through. In evaluation a token that no
/// expert wants goes to its best one.
/// </summary>
public sealed class DynamicGate : TorchGate
{
    private readonly Parameter sim_matrix;
    private readonly Parameter gates;
    private readonly Parameter? temperature;
    private readonly Tensor experts_mask;

    /// <summary>Makes a gate.</summary>
    /// <param name="experts">E, the most experts there can be, positive.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="active">How many of them are in use, the first ones, 1..E; null: all.</param>
    /// <param name="initialTemperature">Cosines and thresholds are divided by a learned temperature that starts here, positive; null: no temperature.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <remarks>DynMoE <c>gated_multi_gate.py</c> GAMoEGate (without temperature) and GAMoEGateT, 4927232. Thresholds start at sigmoid(0) = one half.</remarks>
    public DynamicGate(int experts, int width, int? active = null, double? initialTemperature = null, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(DynamicGate), experts)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        int used = active ?? experts;
        if (used < 1 || used > experts) throw new ArgumentOutOfRangeException(nameof(active), used, $"must be in 1..{experts}");
        sim_matrix = Initial.Linear([width, experts], width, dtype, device, generator);
        gates = Initial.Zeros([experts], dtype, device);
        if (initialTemperature is { } initial)
        {
            if (!(initial > 0 && double.IsFinite(initial))) throw new ArgumentOutOfRangeException(nameof(initialTemperature), initial, "must be positive and finite");
            temperature = new Parameter(full([1], Math.Log(1 / initial), dtype: dtype ?? ScalarType.Float32, device: device).DetachFromDisposeScope());
        }

        using (var scope = NewDisposeScope())
            experts_mask = arange(experts, dtype: ScalarType.Int64, device: device).lt(used).to(dtype ?? ScalarType.Float32).DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <summary>Cosines are never multiplied by more than this.</summary>
    public const double LargestScale = 100;

    /// <summary>The peer's outputs: 1 where an expert takes the token, with the gradient of the distance to its threshold; and how many do.</summary>
    /// <param name="tokens">[T, D].</param>
    /// <returns>[T, E], and [T] int64. In evaluation a token without an expert has its raw scores for all experts, and the count 1.</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public (Tensor Choice, Tensor Count) choose(Tensor tokens)
    {
        using var scope = NewDisposeScope();
        var (scores_TE, above_TE) = Compare(tokens);
        var choice_TE = above_TE.sign().sub(above_TE).detach().add(above_TE);
        var count_T = above_TE.gt(0).sum(1);
        if (!training)
        {
            var none_T = count_T.eq(0);
            choice_TE = where(none_T.unsqueeze(1), scores_TE, choice_TE);
            count_T = count_T.masked_fill(none_T, 1);
        }

        return (choice_TE.MoveToOuterDisposeScope(), count_T.MoveToOuterDisposeScope());
    }

    /// <summary>Weights are one over the number of the token's experts, with the straight-through gradient.</summary>
    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A shape or type is wrong; or, on the CPU, an unpadded token is not finite.</exception>
    public override RoutingTensors forward(Tensor tokens, GateContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        using var scope = NewDisposeScope();
        var (scores_TE, above_TE) = Compare(context.Selector ?? tokens);
        LogitCheck.Throw(scores_TE, context, "scores");
        var map_TE = above_TE.gt(0);
        var choice_TE = above_TE.sign().sub(above_TE).detach().add(above_TE);
        if (!training && tokens.shape[0] > 0)
        {
            var best_T1 = Selection.TopK(scores_TE.detach(), 1, TieRule.LowestIndex).Indices;
            var none_T1 = map_TE.any(1, keepdim: true).logical_not();
            var best_TE = zeros_like(map_TE).scatter(1, best_T1, ones_like(best_T1, dtype: ScalarType.Bool)).logical_and(none_T1);
            map_TE = map_TE.logical_or(best_TE);
            choice_TE = where(best_TE, ones_like(choice_TE), choice_TE);
        }

        if (context.ClosedExperts is { } closed) map_TE = map_TE.logical_and(closed.logical_not());
        var weights_TE = choice_TE / map_TE.sum(1, keepdim: true).clamp_min(1).to(choice_TE.dtype);
        if (weights_TE.dtype is not (ScalarType.Float32 or ScalarType.Float64)) weights_TE = weights_TE.to(ScalarType.Float32);
        var routing = RoutingTensors.OfMap(map_TE, weights_TE, scores: scores_TE);
        return (context.Padding is { } padding ? routing.WithoutPadding(padding) : routing).MoveToOuterDisposeScope();
    }

    /// <summary>DynMoE's loss: experts in use shall point in different directions and stay small, ||cos(W) - I||_F + mean ||w_e||. The peer's balance.</summary>
    public Tensor diversity_loss()
    {
        using var scope = NewDisposeScope();
        var used = experts_mask.nonzero().flatten();
        var columns_DU = sim_matrix.index_select(1, used);
        var directions_DU = nn.functional.normalize(columns_DU, p: 2, dim: 0);
        var cosines_UU = directions_DU.t().mm(directions_DU);
        var distance = cosines_UU.sub(eye(used.shape[0], dtype: cosines_UU.dtype, device: cosines_UU.device)).square().sum().add(1e-30).sqrt();
        return distance.add(columns_DU.square().sum(0L).add(1e-30).sqrt().mean()).MoveToOuterDisposeScope();
    }

    private (Tensor Scores, Tensor Above) Compare(Tensor tokens)
    {
        TensorGuard.Matrix(tokens, sim_matrix.shape[0], nameof(tokens));
        TensorGuard.SameType(tokens, sim_matrix, nameof(tokens));
        var cosines_TE = nn.functional.normalize(tokens, p: 2, dim: 1).mm(nn.functional.normalize(sim_matrix, p: 2, dim: 0));
        Tensor thresholds_E = gates;
        if (temperature is not null)
        {
            var scale = temperature.clamp_max(Math.Log(LargestScale)).exp();
            (cosines_TE, thresholds_E) = (cosines_TE.mul(scale), gates.mul(scale));
        }

        var scores_TE = cosines_TE.sigmoid().mul(experts_mask);
        return (scores_TE, nn.functional.relu(scores_TE.sub(thresholds_E.sigmoid())));
    }
}
