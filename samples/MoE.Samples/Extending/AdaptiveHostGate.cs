namespace MoE.Samples.Extending;

/// <summary>The same rule on host memory, for the managed engine: route to the best two, then take the second away where the first is far ahead.</summary>
/// <param name="weight">The scorer, [experts, width].</param>
/// <param name="experts">Number of experts.</param>
/// <param name="gap">The lead at which one expert is enough.</param>
public sealed class AdaptiveHostGate(float[] weight, int experts, double gap) : IGate
{
    private readonly LinearGate _bestTwo = new(new RouterSpec { Experts = experts, Select = new TopKSelection { K = 2 } }, weight);

    public string Name => "adaptive";

    public int ExpertCount => experts;

    public Routing Route(in GateInput input)
    {
        var two = (TopKRouting)_bestTwo.Route(input);
        int[] ids = two.ExpertIds.ToArray();
        float[] weights = two.Weights.ToArray();
        for (int second = 1; second < ids.Length; second += 2)
        {
            if (weights[second - 1] - weights[second] <= gap) continue;
            (ids[second], weights[second]) = (-1, 0);
        }

        return new TopKRouting(two.TokenCount, experts, 2, ids, weights);
    }
}
