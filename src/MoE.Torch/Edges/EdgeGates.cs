using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Gates on a sparse list of edges, normalised or selected by group (the edge's target node, or its graph). Group numbers are int64 in 0..G - 1; edges of a group need not be neighbours.
/// </summary>
public static class EdgeGates
{
    /// <summary><c>sigmoid(l_e) / (sum of sigmoid over the group + epsilon)</c>, feature by feature (GatedGCN, Bresson and Laurent 2017).</summary>
    /// <param name="logits">[N, ...].</param>
    /// <param name="groups">[N] int64.</param>
    /// <param name="count">G, positive.</param>
    /// <param name="epsilon">Added to the sum; 1e-6 in the published code.</param>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static Tensor normalized_sigmoid(Tensor logits, Tensor groups, int count, double epsilon = 1e-6)
    {
        Check(logits, groups, count);
        if (!double.IsFinite(epsilon) || epsilon < 0) throw new ArgumentOutOfRangeException(nameof(epsilon), epsilon, "must be finite and not negative");
        using var scope = NewDisposeScope();
        var open = logits.sigmoid();
        return (open / SumOf(open, groups, count).add(epsilon).index_select(0, groups)).MoveToOuterDisposeScope();
    }

    /// <summary>Softmax over the edges of each group (attention over neighbours), with the group's maximum subtracted.</summary>
    /// <param name="logits">[N], finite.</param>
    /// <param name="groups">[N] int64.</param>
    /// <param name="count">G, positive.</param>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static Tensor softmax(Tensor logits, Tensor groups, int count)
    {
        Check(logits, groups, count);
        if (logits.dim() != 1) throw new ArgumentException($"logits has shape {TensorGuard.Shape(logits)}; must be [N]", nameof(logits));
        using var scope = NewDisposeScope();
        Tensor shift;
        using (no_grad())
        {
            // The last of a group in rising order is its maximum.
            var (sorted, order) = logits.detach().sort(0, descending: false, stable: true);
            var bySize = groups.index_select(0, order);
            var (grouped, again) = bySize.sort(0, descending: false, stable: true);
            var ends = grouped.bincount(null, count).cumsum(0);
            var last = sorted.index_select(0, again).index_select(0, (ends - 1).clamp(0, Math.Max(logits.shape[0] - 1, 0)).index_select(0, groups));
            shift = last;
        }

        var weights = (logits - shift).exp();
        return (weights / SumOf(weights, groups, count).index_select(0, groups)).MoveToOuterDisposeScope();
    }

    /// <summary>The best share of each group's edges, ceil(ratio * edges of the group) of them; equal scores: the earlier edge (HyperDrop). No gradient: multiply the kept edges by their score.</summary>
    /// <param name="scores">[N].</param>
    /// <param name="groups">[N] int64.</param>
    /// <param name="count">G, positive.</param>
    /// <param name="ratio">0..1.</param>
    /// <returns>[N] bool.</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static Tensor top_ratio(Tensor scores, Tensor groups, int count, double ratio)
    {
        if (!(ratio >= 0 && ratio <= 1)) throw new ArgumentOutOfRangeException(nameof(ratio), ratio, "must be in 0..1");
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var (rank, size) = Ranks(scores, groups, count);
        return rank.lt(size.to(ScalarType.Float64).mul(ratio).ceil()).MoveToOuterDisposeScope();
    }

    /// <summary>The k best edges of each group (who listens to whom, CommFormer); equal scores: the earlier edge. No gradient.</summary>
    /// <param name="scores">[N].</param>
    /// <param name="groups">[N] int64.</param>
    /// <param name="count">G, positive.</param>
    /// <param name="k">Not negative.</param>
    /// <returns>[N] bool.</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public static Tensor top_k(Tensor scores, Tensor groups, int count, int k)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(k);
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return Ranks(scores, groups, count).Rank.lt(k).MoveToOuterDisposeScope();
    }

    /// <summary>Gaussian kernels on edge coordinates: <c>exp(-0.5 |(u - mu_k) / sigma_k|^2)</c> (MoNet): the weights of K linear experts by edge.</summary>
    /// <param name="coordinates">u [N, C].</param>
    /// <param name="centers">mu [K, C].</param>
    /// <param name="inverseWidths">1 / sigma [K, C].</param>
    /// <returns>[N, K], in 0..1; not normalised.</returns>
    /// <exception cref="ArgumentException">A shape is wrong.</exception>
    public static Tensor gaussian(Tensor coordinates, Tensor centers, Tensor inverseWidths)
    {
        ArgumentNullException.ThrowIfNull(coordinates);
        ArgumentNullException.ThrowIfNull(centers);
        ArgumentNullException.ThrowIfNull(inverseWidths);
        if (centers.dim() != 2) throw new ArgumentException($"centers has shape {TensorGuard.Shape(centers)}; must be [K, C]", nameof(centers));
        TensorGuard.Matrix(coordinates, centers.shape[1], nameof(coordinates));
        if (!inverseWidths.shape.SequenceEqual(centers.shape)) throw new ArgumentException($"inverseWidths has shape {TensorGuard.Shape(inverseWidths)}; must be {TensorGuard.Shape(centers)}", nameof(inverseWidths));
        using var scope = NewDisposeScope();
        return (coordinates.unsqueeze(1) - centers).mul(inverseWidths).square().sum([-1]).mul(-0.5).exp().MoveToOuterDisposeScope();
    }

    /// <summary>A probability with a prior (NCNC): <c>a p / (a p + 1 - p)</c> with p = sigmoid(scale (score - offset)).</summary>
    /// <param name="scores">Any shape.</param>
    /// <param name="prior">a, positive.</param>
    /// <param name="scale">Finite; 5 in the published code.</param>
    /// <param name="offset">Finite; 3 in the published code.</param>
    public static Tensor completion(Tensor scores, double prior, double scale = 5, double offset = 3)
    {
        ArgumentNullException.ThrowIfNull(scores);
        if (!double.IsFinite(prior) || prior <= 0) throw new ArgumentOutOfRangeException(nameof(prior), prior, "must be positive and finite");
        if (!double.IsFinite(scale)) throw new ArgumentOutOfRangeException(nameof(scale), scale, "must be finite");
        if (!double.IsFinite(offset)) throw new ArgumentOutOfRangeException(nameof(offset), offset, "must be finite");
        using var scope = NewDisposeScope();
        // a p / (a p + 1 - p) is the sigmoid of logit(p) + ln a.
        return scores.sub(offset).mul(scale).add(Math.Log(prior)).sigmoid().MoveToOuterDisposeScope();
    }

    private static Tensor SumOf(Tensor values, Tensor groups, int count)
    {
        long[] shape = [count, .. values.shape[1..]];
        return zeros(shape, dtype: values.dtype, device: values.device).index_add(0, groups, values, 1);
    }

    // The place of each edge in its group by falling score, and the size of that group.
    private static (Tensor Rank, Tensor Size) Ranks(Tensor scores, Tensor groups, int count)
    {
        Check(scores, groups, count);
        if (scores.dim() != 1) throw new ArgumentException($"scores has shape {TensorGuard.Shape(scores)}; must be [N]", nameof(scores));
        var (_, byScore) = scores.detach().sort(0, descending: true, stable: true);
        var (grouped, again) = groups.index_select(0, byScore).sort(0, descending: false, stable: true);
        var order = byScore.index_select(0, again);
        var sizes = groups.bincount(null, count);
        var starts = sizes.cumsum(0) - sizes;
        var place = arange(scores.shape[0], dtype: ScalarType.Int64, device: scores.device) - starts.index_select(0, grouped);
        return (empty_like(place).scatter_(0, order, place), sizes.index_select(0, groups));
    }

    private static void Check(Tensor values, Tensor groups, int count)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        if (values.dim() < 1) throw new ArgumentException($"the values have shape {TensorGuard.Shape(values)}; must be [N, ...]", nameof(values));
        TensorGuard.Floating(values, nameof(values));
        TensorGuard.Vector(groups, values.shape[0], ScalarType.Int64, nameof(groups));
    }
}
