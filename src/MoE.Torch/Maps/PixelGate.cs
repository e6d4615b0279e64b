using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Soft weights per pixel: the channels of a scorer are logits of groups of experts, and a softmax runs inside each group. HMoDE (Du et al. 2023) has two levels of it: pairs of maps compete (three groups of two), and the merged maps
/// are joined (one group of three).
/// </summary>
public sealed class PixelGate : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> scorer;

    /// <summary>Makes a gate.</summary>
    /// <param name="scorer">From [B, C, H, W] to [B, G * E, h, w], the experts of a group side by side; owned by the gate from now on. One that ends in a pooling to 1 x 1 gives one weight per image.</param>
    /// <param name="experts">E of a group, positive.</param>
    /// <param name="groups">G, positive.</param>
    /// <param name="rectified">A ReLU before the softmax, as released with HMoDE: a pixel with no positive logit weighs all alike and passes no gradient.</param>
    public PixelGate(nn.Module<Tensor, Tensor> scorer, int experts, int groups = 1, bool rectified = false)
        : base(nameof(PixelGate))
    {
        ArgumentNullException.ThrowIfNull(scorer);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(groups);
        this.scorer = scorer;
        (Experts, Groups, Rectified) = (experts, groups, rectified);
        RegisterComponents();
    }

    /// <summary>E: experts of a group.</summary>
    public int Experts { get; }

    /// <summary>G: groups.</summary>
    public int Groups { get; }

    /// <summary>Logits pass a ReLU.</summary>
    public bool Rectified { get; }

    /// <summary>The weights.</summary>
    /// <param name="features">[B, C, H, W].</param>
    /// <returns>[B, G, E, h, w]; the weights of a group sum to one at every pixel.</returns>
    /// <exception cref="ArgumentException">The scorer gives another number of channels.</exception>
    public override Tensor forward(Tensor features)
    {
        ArgumentNullException.ThrowIfNull(features);
        using var scope = NewDisposeScope();
        var logits = scorer.call(features);
        if (logits.dim() != 4 || logits.shape[1] != Groups * Experts) throw new ArgumentException($"the scorer gives {TensorGuard.Shape(logits)}; must give [B, {Groups} * {Experts}, h, w]", nameof(features));
        if (Rectified) logits = logits.relu();
        return logits.view(logits.shape[0], Groups, Experts, logits.shape[2], logits.shape[3]).softmax(2).MoveToOuterDisposeScope();
    }

    /// <summary>All pairs of maps, in the order (0, 1), (0, 2), ..., (1, 2), ...: what the first level of HMoDE mixes.</summary>
    /// <param name="maps">[B, E, H, W], E at least 2.</param>
    /// <returns>[B, E (E - 1) / 2, 2, H, W].</returns>
    /// <exception cref="ArgumentException">The shape is wrong.</exception>
    public static Tensor pairs(Tensor maps)
    {
        ArgumentNullException.ThrowIfNull(maps);
        if (maps.dim() != 4 || maps.shape[1] < 2) throw new ArgumentException($"maps has shape {TensorGuard.Shape(maps)}; must be [B, E, H, W] with E of 2 or more", nameof(maps));
        using var scope = NewDisposeScope();
        int experts = checked((int)maps.shape[1]);
        var order = Enumerable.Range(0, experts).SelectMany(i => Enumerable.Range(i + 1, experts - i - 1).SelectMany(j => new long[] { i, j })).ToArray();
        return maps.index_select(1, tensor(order, device: maps.device)).view(maps.shape[0], order.Length / 2, 2, maps.shape[2], maps.shape[3]).MoveToOuterDisposeScope();
    }

    /// <summary>Sums the maps of each group by weights, which may be coarser: each then covers a block of pixels (nearest neighbour).</summary>
    /// <param name="maps">[B, G, E, H, W].</param>
    /// <param name="weights">[B, G, E, h, w], h a divisor of H and w of W.</param>
    /// <returns>[B, G, H, W].</returns>
    /// <exception cref="ArgumentException">A shape is wrong.</exception>
    public static Tensor mix(Tensor maps, Tensor weights)
    {
        ArgumentNullException.ThrowIfNull(maps);
        ArgumentNullException.ThrowIfNull(weights);
        if (maps.dim() != 5) throw new ArgumentException($"maps has shape {TensorGuard.Shape(maps)}; must be [B, G, E, H, W]", nameof(maps));
        long[] m = maps.shape, w = weights.shape;
        if (w.Length != 5 || !w.AsSpan(0, 3).SequenceEqual(m.AsSpan(0, 3)) || w[3] == 0 || w[4] == 0 || m[3] % w[3] != 0 || m[4] % w[4] != 0)
            throw new ArgumentException($"weights has shape {TensorGuard.Shape(weights)}; must be [{m[0]}, {m[1]}, {m[2]}, h, w] with h a divisor of {m[3]} and w of {m[4]}", nameof(weights));
        using var scope = NewDisposeScope();
        long high = m[3] / w[3], wide = m[4] / w[4];
        // A block of pixels shares a weight: broadcast, instead of an enlarged copy of the weights.
        var blocks = maps.reshape(m[0], m[1], m[2], w[3], high, w[4], wide);
        return blocks.mul(weights.view(m[0], m[1], m[2], w[3], 1, w[4], 1)).sum(2).view(m[0], m[1], m[3], m[4]).MoveToOuterDisposeScope();
    }
}
