using System.Numerics;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Scores of pairs of blocks, queries by keys (SeerAttention): pooled queries and keys, one projection per head, scaled product. What is gated is a block of attention, not an expert.
/// Parameters <c>query</c> [H, D p, G], <c>key</c> [H, D p, G].
/// </summary>
public sealed class BlockGate : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly Parameter query;
    private readonly Parameter key;

    /// <summary>Makes a gate. SeerAttention's default pools queries by their mean and keys by maximum, minimum and mean, before rotary embedding.</summary>
    /// <param name="heads">H, positive.</param>
    /// <param name="headWidth">D, positive.</param>
    /// <param name="gateWidth">G, positive.</param>
    /// <param name="blockSize">Tokens per block, positive.</param>
    /// <param name="queryPooling">At least one.</param>
    /// <param name="keyPooling">At least one.</param>
    /// <param name="causal">A block of queries sees its own and earlier blocks of keys only.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    public BlockGate(int heads, int headWidth, int gateWidth, int blockSize, BlockPooling queryPooling = BlockPooling.Mean, BlockPooling keyPooling = BlockPooling.Max | BlockPooling.Min | BlockPooling.Mean, bool causal = true, Generator? generator = null)
        : base(nameof(BlockGate))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(headWidth);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(gateWidth);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockSize);
        int queryWidth = headWidth * Count(queryPooling, nameof(queryPooling)), keyWidth = headWidth * Count(keyPooling, nameof(keyPooling));
        BlockSize = blockSize;
        QueryPooling = queryPooling;
        KeyPooling = keyPooling;
        Causal = causal;
        query = Initial.Linear([heads, queryWidth, gateWidth], queryWidth, null, null, generator);
        key = Initial.Linear([heads, keyWidth, gateWidth], keyWidth, null, null, generator);
        RegisterComponents();
    }

    /// <summary>Tokens per block.</summary>
    public int BlockSize { get; }

    /// <summary>How queries are pooled.</summary>
    public BlockPooling QueryPooling { get; }

    /// <summary>How keys are pooled.</summary>
    public BlockPooling KeyPooling { get; }

    /// <summary>Later blocks of keys are closed.</summary>
    public bool Causal { get; }

    /// <summary>The logits of all pairs of blocks.</summary>
    /// <param name="q">[B, H, S, D], S a multiple of the block size.</param>
    /// <param name="k">[B, H, S', D], S' a multiple of the block size.</param>
    /// <returns>[B, H, S / block, S' / block]; -infinity above the diagonal where causal.</returns>
    /// <exception cref="ArgumentException">A shape is wrong.</exception>
    public override Tensor forward(Tensor q, Tensor k)
    {
        Check(q, QueryPooling, query, nameof(q));
        Check(k, KeyPooling, key, nameof(k));
        using var scope = NewDisposeScope();
        var q_BHNG = Pool(q, QueryPooling).matmul(query);
        var k_BHMG = Pool(k, KeyPooling).matmul(key);
        var scores = q_BHNG.matmul(k_BHMG.transpose(-1, -2)).mul(1 / Math.Sqrt(query.shape[2]));
        if (Causal) scores = scores.masked_fill(Later(scores.shape[^2], scores.shape[^1], scores.device), double.NegativeInfinity);
        return scores.MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The distribution over blocks of keys that the gate is to learn: of every pair of blocks the largest attention probability, rows divided by their sum. No gradient.
    /// </summary>
    /// <param name="attention">Probabilities [B, H, S, S'], both multiples of the block size.</param>
    /// <returns>[B, H, S / block, S' / block].</returns>
    /// <exception cref="ArgumentException">A shape is wrong.</exception>
    public Tensor target(Tensor attention)
    {
        ArgumentNullException.ThrowIfNull(attention);
        if (attention.dim() != 4 || attention.shape[2] % BlockSize != 0 || attention.shape[3] % BlockSize != 0)
            throw new ArgumentException($"attention has shape {TensorGuard.Shape(attention)}; must be [B, H, S, S'] with multiples of {BlockSize}", nameof(attention));
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        long[] s = attention.shape;
        var max = attention.detach().view(s[0], s[1], s[2] / BlockSize, BlockSize, s[3] / BlockSize, BlockSize).amax([3, 5]);
        return (max / Dispatching.OneWhereZero(max.sum([-1], keepdim: true))).MoveToOuterDisposeScope();
    }

    /// <summary>Blocks as a mask over tokens.</summary>
    /// <param name="blocks">[..., N, M] bool.</param>
    /// <returns>[..., N * block, M * block] bool; true where attention is computed. A causal gate closes later keys inside the diagonal blocks too.</returns>
    public Tensor token_mask(Tensor blocks)
    {
        ArgumentNullException.ThrowIfNull(blocks);
        using var scope = NewDisposeScope();
        var open = blocks.repeat_interleave(BlockSize, -2).repeat_interleave(BlockSize, -1);
        if (Causal) open = open.logical_and(Later(open.shape[^2], open.shape[^1], open.device).logical_not());
        return open.MoveToOuterDisposeScope();
    }

    private Tensor Pool(Tensor x, BlockPooling pooling)
    {
        long[] s = x.shape;
        var blocks = x.view(s[0], s[1], s[2] / BlockSize, BlockSize, s[3]);
        var parts = new List<Tensor>();
        if (pooling.HasFlag(BlockPooling.Max)) parts.Add(blocks.amax([3]));
        if (pooling.HasFlag(BlockPooling.Min)) parts.Add(blocks.amin([3]));
        if (pooling.HasFlag(BlockPooling.Mean)) parts.Add(blocks.mean([3]));
        return cat(parts, -1);
    }

    private static Tensor Later(long rows, long columns, Device device) => ones(rows, columns, dtype: ScalarType.Bool, device: device).triu(1);

    private void Check(Tensor x, BlockPooling pooling, Parameter weight, string name)
    {
        ArgumentNullException.ThrowIfNull(x, name);
        long width = weight.shape[1] / Count(pooling, name);
        if (x.dim() != 4 || x.shape[1] != weight.shape[0] || x.shape[2] % BlockSize != 0 || x.shape[3] != width)
            throw new ArgumentException($"{name} has shape {TensorGuard.Shape(x)}; must be [B, {weight.shape[0]}, a multiple of {BlockSize}, {width}]", name);
        TensorGuard.SameType(x, weight, name);
    }

    private static int Count(BlockPooling pooling, string name)
    {
        const BlockPooling all = BlockPooling.Mean | BlockPooling.Max | BlockPooling.Min;
        if (pooling == 0 || (pooling & ~all) != 0) throw new ArgumentOutOfRangeException(name, pooling, $"must be one or more of {all}");
        return BitOperations.PopCount((uint)pooling);
    }
}
