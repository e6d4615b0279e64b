using MoE.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Extending;

/// <summary>
/// Your own gate: one expert where the router is sure, two where it hesitates. With p the softmax scores, p1 and p2 the best two: the second expert is left out where
/// p1 - p2 exceeds a gap (Li et al. 2023, Adaptive Gating in Mixture-of-Experts based Language Models). The weights are the scores, so the task's gradient reaches the scorer.
/// </summary>
public sealed class AdaptiveGate : TorchGate
{
    private readonly Parameter weight;
    private readonly double _gap;

    public AdaptiveGate(int experts, int width, double gap)
        : base(nameof(AdaptiveGate), experts)
    {
        weight = new Parameter(randn(experts, width).div(Math.Sqrt(width)));
        _gap = gap;
        RegisterComponents();
    }

    public override RoutingTensors forward(Tensor tokens, GateContext context)
    {
        using var scope = NewDisposeScope();
        var logits_TE = nn.functional.linear(tokens, weight);
        var scores_TE = logits_TE.softmax(-1);
        var (best_T2, experts_T2) = scores_TE.topk(2);
        var sure_T1 = (best_T2.narrow(1, 0, 1) - best_T2.narrow(1, 1, 1)).detach().gt(_gap);
        var unused_T2 = cat([zeros_like(sure_T1), sure_T1], 1);
        return RoutingTensors.Of(
            Experts,
            expertIds: experts_T2.masked_fill(unused_T2, -1),
            weights: best_T2.masked_fill(unused_T2, 0),
            logits: logits_TE,
            scores: scores_TE).MoveToOuterDisposeScope();
    }
}
