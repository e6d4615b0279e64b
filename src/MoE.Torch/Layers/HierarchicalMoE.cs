using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A two-level mixture (Shazeer et al. 2017, appendix B; lucidrains <c>HeirarchicalMoE</c>): an outer gate sends tokens to groups of experts, an inner gate of each group to its experts. Each token copy in a group carries
/// an importance from the outer gate: above one half it takes its two inner choices, above zero one inner choice, at zero (an empty place) none.
/// </summary>
public sealed class HierarchicalMoE : nn.Module<Tensor, Tensor>
{
    private readonly TopKGate outer;
    private readonly Parameter inner;
    private readonly ExpertBank experts;

    /// <summary>Makes a layer.</summary>
    /// <param name="outer">Router over the groups, with a capacity; <see cref="RouterProfiles.LucidrainsTop2"/> is the peer's.</param>
    /// <param name="inner">Router inside each group, top-2, with a capacity and without a rule for later choices.</param>
    /// <param name="experts">The experts of group 0, then those of group 1, ...; owned by the layer from now on.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="dtype">Type of the gates' parameters; single precision by default.</param>
    /// <param name="device">Device of the gates' parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="SpecException">A spec has problems.</exception>
    /// <exception cref="ArgumentException">The number of experts is not groups x experts per group, or a router does not fit.</exception>
    public HierarchicalMoE(RouterSpec outer, RouterSpec inner, ExpertBank experts, int width, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(HierarchicalMoE))
    {
        ArgumentNullException.ThrowIfNull(outer);
        ArgumentNullException.ThrowIfNull(inner);
        ArgumentNullException.ThrowIfNull(experts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (outer.Dispatch?.Capacity is null) throw new ArgumentException("outer has no capacity; groups are buffers of that size", nameof(outer));
        if (inner.Checked() is not { Dispatch.Capacity: not null, Select: TopKSelection { K: 2, Later: null, Groups: null, UsesBias: false } })
            throw new ArgumentException("inner must be top-2 with a capacity, without a rule for later choices, groups or bias", nameof(inner));
        if (experts.Experts != outer.Experts * inner.Experts)
            throw new ArgumentException($"experts holds {experts.Experts}; must hold {outer.Experts} x {inner.Experts}", nameof(experts));
        Inner = inner;
        this.outer = new TopKGate(outer, width, dtype: dtype, device: device, generator: generator);
        this.inner = Initial.Linear([outer.Experts, inner.Experts, width], width, dtype, device, generator);
        this.experts = experts;
        RegisterComponents();
    }

    /// <summary>The outer router.</summary>
    public RouterSpec Outer => outer.Spec;

    /// <summary>The inner router.</summary>
    public RouterSpec Inner { get; }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return route(x).Output.MoveToOuterDisposeScope();
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="x">[B, N, D] or [N, D].</param>
    /// <param name="context">Noise and step; masks go to the outer gate.</param>
    /// <returns>The output, and the sum of the two levels' balancing losses (first choices before drops).</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public (Tensor Output, Tensor BalanceLoss) route(Tensor x, GateContext? context = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.dim() is not (2 or 3)) throw new ArgumentException($"x has shape {TensorGuard.Shape(x)}; must be [B, N, D] or [N, D]", nameof(x));
        using var scope = NewDisposeScope();
        long length = x.shape[^2], width = x.shape[^1], groups = Outer.Experts;
        var tokens_TD = x.reshape(-1, width);
        long batch = length == 0 ? 0 : tokens_TD.shape[0] / length;
        if (batch == 0) return (x.alias().MoveToOuterDisposeScope(), x.sum().mul(0).MoveToOuterDisposeScope());
        context = (context ?? GateContext.Empty) with { SequenceLength = checked((int)length) };
        var first = outer.call(tokens_TD, context);
        long places = first.Capacity!.Value;
        // A queue per sequence where the router counts so, otherwise one for the batch.
        long sequences = Outer.Dispatch.PerSequence ? batch : 1;
        var buffers_GSCD = first.Encode(tokens_TD).view(sequences, groups, places, width).transpose(0, 1);
        var importance_GSC = first.ToCombineTensor().detach().view(sequences, -1, groups, places).sum(1).transpose(0, 1);
        var rows_RD = buffers_GSCD.reshape(-1, width);
        var logits_RE = buffers_GSCD.reshape(groups, sequences * places, width).bmm(inner.transpose(1, 2)).reshape(-1, Inner.Experts);
        var importance_R = importance_GSC.reshape(-1);
        var second = SpecRouting.route(logits_RE, Inner, null, new GateContext { GivenExperts = Choices(logits_RE.detach(), importance_R), SequenceLength = checked((int)places), Step = context.Step }, training);
        var output_RD = second.Decode(Run(second, rows_RD, groups, sequences));
        var back_SGCD = output_RD.view(groups, sequences, places, -1).transpose(0, 1).contiguous();
        var output = first.Decode(sequences == 1 ? back_SGCD[0] : back_SGCD);
        var loss = Balance(first, (int)(length * batch / sequences), null).add(Balance(second, (int)places, importance_R.gt(0.5)));
        return (output.view([.. x.shape[..^1], output.shape[1]]).MoveToOuterDisposeScope(), loss.MoveToOuterDisposeScope());
    }

    // Important tokens take two experts; others take their best as a second choice only, which queues behind all first ones.
    private Tensor Choices(Tensor logits_RE, Tensor importance_R)
    {
        using var guard = no_grad();
        var best_R2 = Selection.TopK(logits_RE.softmax(-1), 2, Inner.Ties).Indices;
        var important_R1 = importance_R.gt(0.5).unsqueeze(1);
        var first_R1 = best_R2.narrow(1, 0, 1);
        var choices_R2 = cat([first_R1.masked_fill(important_R1.logical_not(), -1), where(important_R1, best_R2.narrow(1, 1, 1), first_R1)], 1);
        return choices_R2.masked_fill(importance_R.le(0).unsqueeze(1), -1);
    }

    // [S', E2, C2, D] to experts in order and back.
    private Tensor Run(RoutingTensors second, Tensor rows_RD, long groups, long sequences)
    {
        int capacity = second.Capacity!.Value;
        long width = rows_RD.shape[1];
        var order = second.Encode(rows_RD).view(groups, sequences, Inner.Experts, capacity, width).permute(0, 2, 1, 3, 4).reshape(-1, width);
        long[] counts = [.. Enumerable.Repeat(sequences * capacity, checked((int)groups * Inner.Experts))];
        var out_RD = experts.call(order, new ExpertSegments(counts));
        var back = out_RD.view(groups, Inner.Experts, sequences, capacity, -1).permute(0, 2, 1, 3, 4).reshape(groups * sequences, Inner.Experts, capacity, -1);
        return groups * sequences == 1 ? back[0] : back.contiguous();
    }

    private static Tensor Balance(RoutingTensors routing, int length, Tensor? counted)
    {
        var scores = counted is null ? routing.Scores! : routing.Scores!.masked_fill(counted.logical_not().unsqueeze(1), 0);
        return TorchRouterLosses.sequence_load_balancing(scores, routing.ToMap(kept: false, choices: 1), length);
    }
}
