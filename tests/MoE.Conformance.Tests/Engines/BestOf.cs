using MoE.Torch;
using static TorchSharp.torch;

namespace MoE.Conformance.Engines;

/// <summary>The best of each row, as a router finds it.</summary>
internal static class BestOf
{
    private static RouterSpec Router(int experts) => new() { Experts = experts, Score = new ScoreSpec { Function = ScoreFunction.Identity }, Select = new TopKSelection { K = 1 } };

    public static Tensor Rows(Tensor values) => SpecRouting.route(values, Router((int)values.shape[^1])).ExpertIds.flatten();

    public static int[] Rows(float[] values, int experts) => ReferenceRouter.Route(values, Router(experts)).ExpertIds.ToArray();
}
