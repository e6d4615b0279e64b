using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Gates that switch units (channels, layers, nodes, edges, operators) on and off, with gradients through the switch. Hard values are exactly 0 and 1: the soft part is added as its own difference,
/// so that casting to integers is safe.
/// </summary>
public static class UnitGates
{
    /// <summary>1 where sigmoid(logit) is above the threshold, otherwise 0; the gradient is the sigmoid's (straight-through; consensus sub-networks, Fire Together Wire Together).</summary>
    /// <param name="logits">Any shape.</param>
    /// <param name="threshold">In 0..1.</param>
    public static Tensor binary(Tensor logits, double threshold = 0.5)
    {
        ArgumentNullException.ThrowIfNull(logits);
        TensorGuard.Floating(logits, nameof(logits));
        if (!(threshold >= 0 && threshold <= 1)) throw new ArgumentOutOfRangeException(nameof(threshold), threshold, "must be in 0..1");
        using var scope = NewDisposeScope();
        var soft = logits.sigmoid();
        return StraightThrough(soft.detach().gt(threshold).to(soft.dtype), soft).MoveToOuterDisposeScope();
    }

    /// <summary>The relaxed Bernoulli gate: sigmoid((ln u - ln(1 - u) + logit) / tau) (concrete distribution, Maddison et al. 2017; CGIB).</summary>
    /// <param name="logits">Any shape.</param>
    /// <param name="uniform">u in 0..1, of that shape; ends are moved inside by 1e-6.</param>
    /// <param name="temperature">tau, positive and finite.</param>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor concrete(Tensor logits, Tensor uniform, double temperature = 1)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(uniform);
        TensorGuard.Floating(logits, nameof(logits));
        SameShape(logits, uniform, nameof(uniform));
        CheckTemperature(temperature);
        using var scope = NewDisposeScope();
        var u = uniform.to(logits.dtype).clamp(1e-6, 1 - 1e-6);
        return (u.log() - u.neg().add(1).log() + logits).div(temperature).sigmoid().MoveToOuterDisposeScope();
    }

    /// <summary>
    /// k units per row, drawn without replacement in proportion to exp(logit): exactly k ones, with the gradient of softmax((logits + gumbel) / tau) (CommFormer). Of equal values the lowest index.
    /// </summary>
    /// <param name="logits">[R, N].</param>
    /// <param name="k">0..N.</param>
    /// <param name="gumbel">Gumbel noise [R, N], or null for the k largest logits.</param>
    /// <param name="temperature">tau, positive and finite.</param>
    /// <exception cref="ArgumentException">A shape is wrong, or k does not fit.</exception>
    public static Tensor gumbel_top_k(Tensor logits, int k, Tensor? gumbel = null, double temperature = 1)
    {
        ArgumentNullException.ThrowIfNull(logits);
        if (logits.dim() != 2) throw new ArgumentException($"logits has shape {TensorGuard.Shape(logits)}; must be [R, N]", nameof(logits));
        TensorGuard.Floating(logits, nameof(logits));
        if (k < 0 || k > logits.shape[1]) throw new ArgumentOutOfRangeException(nameof(k), k, $"must be in 0..{logits.shape[1]}");
        if (gumbel is not null) SameShape(logits, gumbel, nameof(gumbel));
        CheckTemperature(temperature);
        using var scope = NewDisposeScope();
        var noisy = gumbel is null ? logits : logits + gumbel.to(logits.dtype);
        var soft = noisy.div(temperature).softmax(-1);
        Tensor hard;
        using (no_grad())
        {
            var (_, at) = Selection.TopK(noisy.detach(), k, TieRule.LowestIndex);
            hard = zeros_like(soft.detach()).scatter_(1, at, ones_like(at, dtype: soft.dtype));
        }

        return StraightThrough(hard, soft).MoveToOuterDisposeScope();
    }

    /// <summary>The units of each row that carry the share <paramref name="mass"/> of the row's activation, as <see cref="UnitMasks.TopMass"/>. No gradient.</summary>
    /// <param name="activation">[R, N], finite and not negative.</param>
    /// <param name="mass">0..1; at 1 every unit with activation.</param>
    /// <param name="cut">What happens to the unit that reaches the mass.</param>
    /// <returns>[R, N] bool.</returns>
    public static Tensor top_mass(Tensor activation, double mass, MassCut cut)
    {
        ArgumentNullException.ThrowIfNull(activation);
        if (activation.dim() != 2) throw new ArgumentException($"activation has shape {TensorGuard.Shape(activation)}; must be [R, N]", nameof(activation));
        TensorGuard.Floating(activation, nameof(activation));
        if (!(mass >= 0 && mass <= 1)) throw new ArgumentOutOfRangeException(nameof(mass), mass, "must be in 0..1");
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var wide = activation.detach().to(ScalarType.Float64);
        var (sorted, at) = wide.sort(-1, descending: true, stable: true);
        var sums = sorted.cumsum(-1);
        var total = sums.narrow(-1, Math.Max(sums.shape[1] - 1, 0), Math.Min(sums.shape[1], 1));
        var keep = mass == 1 ? ones_like(sorted, dtype: ScalarType.Bool)
            : cut == MassCut.Crossing ? (sums - sorted).lt(total * mass)
            : (sums / Dispatching.OneWhereZero(total)).sub(mass).le(1e-5);
        keep = keep.logical_and(sorted.gt(0));
        return zeros_like(keep).scatter_(1, at, keep).MoveToOuterDisposeScope();
    }

    internal static Tensor StraightThrough(Tensor hard, Tensor soft) => hard + (soft - soft.detach());

    private static void CheckTemperature(double temperature)
    {
        if (!double.IsFinite(temperature) || temperature <= 0) throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "must be positive and finite");
    }

    private static void SameShape(Tensor expected, Tensor other, string name)
    {
        if (!other.shape.SequenceEqual(expected.shape)) throw new ArgumentException($"{name} has shape {TensorGuard.Shape(other)}; must be {TensorGuard.Shape(expected)}", name);
    }
}
