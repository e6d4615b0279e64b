using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Which tokens a <see cref="MixtureOfDepths"/> takes, and what becomes of the others.</summary>
public enum DepthRule
{
    /// <summary>The paper's (Raposo et al. 2024): the best k tokens of a sequence; y = x + w block(x) for them, y = x for the others.</summary>
    Paper,

    /// <summary>astramind-ai's port: tokens <b>above</b> the k-th value, so k - 1 of them (one for k = 1); y = w block(x) without the residual for them, y = x for the others.</summary>
    Astramind,
}

/// <summary>
/// Mixture of depths: a router of one expert chooses which tokens of a sequence go through a block; the others pass it by. It is expert choice over one expert, and like it not causal: at inference one token at a time the
/// choice needs a predictor of its own (the paper's section 3.5).
/// </summary>
public sealed class MixtureOfDepths : nn.Module<Tensor, Tensor>
{
    private readonly Linear router;
    private readonly nn.Module<Tensor, Tensor> block;

    /// <summary>Makes a layer.</summary>
    /// <param name="block">[B, k, D] to [B, k, D]; owned by the layer from now on.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="capacity">The share of tokens that the block sees, in 0..1; at least one token. 0.125 in the paper.</param>
    /// <param name="rule">The paper's rule, or the peer's.</param>
    /// <param name="dtype">Type of the router's parameters; single precision by default.</param>
    /// <param name="device">Device of the router's parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    public MixtureOfDepths(nn.Module<Tensor, Tensor> block, int width, double capacity = 0.125, DepthRule rule = DepthRule.Paper, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(MixtureOfDepths))
    {
        ArgumentNullException.ThrowIfNull(block);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (!(capacity >= 0 && capacity <= 1)) throw new ArgumentOutOfRangeException(nameof(capacity), capacity, "must be in 0..1");
        if (!Enum.IsDefined(rule)) throw new ArgumentOutOfRangeException(nameof(rule), rule, "must be a defined rule");
        this.block = block;
        Capacity = capacity;
        Rule = rule;
        router = nn.Linear(width, 1, hasBias: true, device: device, dtype: dtype);
        router.weight = Initial.Linear([1, width], width, dtype, device, generator);
        router.bias = Initial.Zeros([1], dtype, device);
        RegisterComponents();
    }

    /// <summary>The share of tokens that the block sees.</summary>
    public double Capacity { get; }

    /// <summary>The rule.</summary>
    public DepthRule Rule { get; }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return route(x).Output.MoveToOuterDisposeScope();
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="x">[B, S, D].</param>
    /// <returns>The output in the shape of x; the router's weights [B, S]; and which tokens the block saw, [B, S] bool.</returns>
    /// <exception cref="ArgumentException">The shape is wrong.</exception>
    public (Tensor Output, Tensor Weights, Tensor Chosen) route(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.dim() != 3 || x.shape[2] != router.weight!.shape[1]) throw new ArgumentException($"x has shape {TensorGuard.Shape(x)}; must be [B, S, {router.weight!.shape[1]}]", nameof(x));
        using var scope = NewDisposeScope();
        var weights_BS = router.call(x).squeeze(-1);
        long sequence = x.shape[1], k = Math.Max(1, (long)(Capacity * sequence));
        if (x.numel() == 0) return (x.alias().MoveToOuterDisposeScope(), weights_BS.MoveToOuterDisposeScope(), zeros_like(weights_BS, dtype: ScalarType.Bool).MoveToOuterDisposeScope());
        Tensor chosen_BS;
        using (no_grad()) chosen_BS = Choose(weights_BS.detach(), k);
        var output = Rule == DepthRule.Paper ? Through(x, weights_BS, chosen_BS, k) : PeerByPeer(x, weights_BS, chosen_BS);
        return (output.MoveToOuterDisposeScope(), weights_BS.MoveToOuterDisposeScope(), chosen_BS.MoveToOuterDisposeScope());
    }

    private Tensor Choose(Tensor weights_BS, long k)
    {
        var (values_BK, at_BK) = Selection.TopK(weights_BS, k, TieRule.LowestIndex);
        if (Rule == DepthRule.Paper) return zeros_like(weights_BS, dtype: ScalarType.Bool).scatter(1, at_BK, ones_like(at_BK, dtype: ScalarType.Bool));
        var last_B1 = values_BK.narrow(1, k - 1, 1);
        return k > 1 ? weights_BS.gt(last_B1) : weights_BS.ge(last_B1);
    }

    // As many tokens in every sequence, in their order.
    private Tensor Through(Tensor x, Tensor weights_BS, Tensor chosen_BS, long k)
    {
        var at_BK = chosen_BS.to(ScalarType.Int64).sort(1, descending: true, stable: true).Indices.narrow(1, 0, k);
        var at_BKD = at_BK.unsqueeze(-1).expand(-1, -1, x.shape[2]);
        var done = block.call(x.gather(1, at_BKD)).mul(weights_BS.gather(1, at_BK).unsqueeze(-1));
        return x.scatter_add(1, at_BKD, done);
    }

    private Tensor PeerByPeer(Tensor x, Tensor weights_BS, Tensor chosen_BS)
    {
        var rows = new List<Tensor>();
        for (int b = 0; b < x.shape[0]; b++)
        {
            var at_K = chosen_BS[b].nonzero().flatten();
            rows.Add(at_K.shape[0] == 0 ? x[b] : x[b].index_copy(0, at_K, block.call(x[b].index_select(0, at_K).unsqueeze(0)).squeeze(0).mul(weights_BS[b].index_select(0, at_K).unsqueeze(1))));
        }

        return stack(rows);
    }
}
