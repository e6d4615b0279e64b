using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Soft merging of experts with adaptive routing (SMEAR, Muqeeth et al. 2023, arXiv 2306.03745): each sequence mixes the <b>parameters</b> of all experts by p = softmax(W mean(x)) into one expert of its own, which all of its
/// tokens pass. Nothing is discrete, and a sequence costs as much as one expert, beside the merging. Every token sees the whole sequence through p, so it is not causal.
/// Parameters: <c>router</c> [E, D], and those of <see cref="StackedExperts"/> below <c>experts</c>.
/// </summary>
public sealed class MergedMoE : nn.Module<Tensor, Tensor>
{
    private readonly Parameter router;
    private readonly StackedExperts experts;

    /// <summary>Makes a layer.</summary>
    /// <param name="spec">The form of the experts.</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="dtype">Type of the parameters; single precision by default.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    public MergedMoE(ExpertSpec spec, int experts, int width, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(MergedMoE))
    {
        this.experts = new StackedExperts(spec, experts, width, dtype, device, generator);
        router = Initial.Linear([experts, width], width, dtype, device, generator);
        RegisterComponents();
    }

    /// <summary>The experts whose parameters are merged.</summary>
    public StackedExperts Experts => experts;

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return merge(x).Output.MoveToOuterDisposeScope();
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="x">[B, N, D], N positive.</param>
    /// <param name="padding">[B, N] bool, true for padding: not in the mean. A sequence of padding alone weighs all experts alike. Null: none.</param>
    /// <returns>The output [B, N, D], and the share of each expert in each sequence's own, [B, E].</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    public (Tensor Output, Tensor Weights) merge(Tensor x, Tensor? padding = null)
    {
        SoftSlots.Check(x, router.shape[1]);
        TensorGuard.SameType(x, router, nameof(x));
        SoftSlots.CheckPadding(padding, x);
        using var scope = NewDisposeScope();
        var mean_BD = padding is null ? x.mean([1]) : Mean(x, padding.logical_not().unsqueeze(-1));
        var weights_BE = nn.functional.linear(mean_BD, router).softmax(-1);
        var outputs = experts.Merged(x, weights_BE);
        return (outputs.MoveToOuterDisposeScope(), weights_BE.MoveToOuterDisposeScope());
    }

    private static Tensor Mean(Tensor x, Tensor present_BN1) =>
        x.masked_fill(present_BN1.logical_not(), 0).sum(1).div(present_BN1.to(x.dtype).sum(1).clamp_min(1));
}
