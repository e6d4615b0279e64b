namespace MoE;

public static partial class RouterProfiles
{
    /// <summary>No token left behind: a token whose expert is full tries its next best one.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">Experts that are tried, 1..E.</param>
    /// <param name="capacityFactor">Not negative.</param>
    /// <returns>w = p of the expert that took the token, one at most. C = max(min(n, floor(n factor / E)), 4) for a group of n tokens.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>Mesh TensorFlow <c>mesh_tensorflow/transformer/moe.py</c> _ntlb_gating, da90793 (2021-05); Fedus et al. 2021, appendix B.</remarks>
    public static RouterSpec NoTokenLeftBehind(int experts, int k = 2, double capacityFactor = 1.25) => (RouterRules.SoftmaxThenTopK(experts, k, normalize: false) with
    {
        Logits = LogitPrecision.Single,
        Dispatch = MeshCapacity(capacityFactor) with { Drop = DropPolicy.Overflow, PerSequence = true },
    }).Checked();

    /// <summary>k prototypes: the best expert of each of k blocks (M6-T).</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="prototypes">k, positive, divides E.</param>
    /// <param name="capacityFactor">Not negative; null: dropless.</param>
    /// <returns>w_j = softmax over the block, of its best expert. C = ceil((k T / E) factor).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>Yang et al. 2021, "M6-T"; Hetu <c>KTop1Gate.py</c>, 9e47240.</remarks>
    public static RouterSpec Prototypes(int experts, int prototypes, double? capacityFactor = null) => (RouterRules.SoftmaxThenTopK(experts, 1, normalize: false) with
    {
        Select = new PrototypeSelection { Count = prototypes },
        Dispatch = capacityFactor is { } factor ? new DispatchSpec { Capacity = new CapacitySpec { Factor = factor } } : DispatchSpec.Dropless,
    }).Checked();

    /// <summary>SAM: the best group by the sum of its probabilities, then the best experts inside.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">Experts inside the group, 1..E / groups.</param>
    /// <param name="groups">G, divides E: devices.</param>
    /// <returns>w_j = p_j, p over all experts.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>Jiang et al. 2021, "Towards more effective and economic sparsely-activated model"; Hetu <c>SAMGate.py</c>, 9e47240. Its loss: <see cref="RouterLosses.Alignment"/>.</remarks>
    public static RouterSpec Sam(int experts, int k, int groups) => (RouterRules.SoftmaxThenTopK(experts, k, normalize: false) with
    {
        Select = new TopKSelection { K = k, Groups = new GroupLimit { Count = groups, Keep = 1, Score = GroupScore.Sum } },
    }).Checked();

    /// <summary>Sinkmoid: three iterations of Sinkhorn in the logarithmic domain choose, sigmoids weigh.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <returns>w_j = sigmoid(l_j).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>RobertCsordas/moe, 6b175aa; Csordas et al. 2023. In evaluation experts are chosen by their sigmoids.</remarks>
    public static RouterSpec Sinkmoid(int experts, int k) => (RouterRules.SoftmaxThenTopK(experts, k, normalize: false) with
    {
        Score = new ScoreSpec { Function = ScoreFunction.Sigmoid },
        Select = new TopKSelection { K = k, Balance = new BatchBalance { Method = BalanceMethod.LogSinkhorn, Iterations = 3 } },
    }).Checked();
}
