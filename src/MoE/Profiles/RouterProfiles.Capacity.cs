namespace MoE;

public static partial class RouterProfiles
{
    /// <summary>Switch Transformer, from its authors' code: one expert per token, its raw probability, a capacity.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="capacityFactor">Not negative; 1.25 in training, 2 in evaluation. Null: dropless.</param>
    /// <returns>w = max p. C = max(min(T, floor(T * factor / E)), 4); the first tokens stay.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// Mesh TensorFlow <c>mesh_tensorflow/transformer/moe.py</c> _switch_gating with policy <c>argmax</c>, da90793 (2021-05); Fedus et al. 2021, eq. 1-3. Logits in single precision ("selective
    /// precision"). T is the peer's group of tokens: call once per group. Missing: the policies sample, input_dropout and input_jitter of training.
    /// <see cref="TransformersSwitch"/> has a capacity that does not depend on T.
    /// </remarks>
    public static RouterSpec Switch(int experts, double? capacityFactor = 1.25) => (RouterRules.SoftmaxThenTopK(experts, 1, normalize: false) with
    {
        Logits = LogitPrecision.Single,
        Dispatch = MeshCapacity(capacityFactor),
    }).Checked();

    /// <summary>Switch Transformer as transformers has it: <see cref="Switch"/> with a constant capacity per sequence.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="capacity"><c>expert_capacity</c>, not negative.</param>
    /// <returns>w = max p; the first <paramref name="capacity"/> tokens of each expert stay.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// transformers <c>models/switch_transformers/modeling_switch_transformers.py</c> SwitchTransformersTop1Router, 561a79a (2025-07-18). The capacity is counted per sequence (<see cref="RouteOptions.SequenceLength"/>).
    /// A dropped token leaves the layer as zero in this version, and as w * x in others: <see cref="MoELayerSpec.PassDropped"/>. In version 5 the refactored count runs over an axis of length one and drops nothing.
    /// </remarks>
    public static RouterSpec TransformersSwitch(int experts, int capacity = 64) => (RouterRules.SoftmaxThenTopK(experts, 1, normalize: false) with
    {
        Logits = LogitPrecision.Single,
        Dispatch = new DispatchSpec { Capacity = new CapacitySpec { Fixed = capacity }, PerSequence = true },
    }).Checked();

    /// <summary>GShard's top-2, as Mesh TensorFlow and lucidrains/mixture-of-experts have it.</summary>
    /// <param name="experts">E, two or more.</param>
    /// <param name="capacityFactor">Not negative; 1.25 in training, 2 in evaluation. Null: dropless.</param>
    /// <returns>w_j = p_j / (p_1 + p_2 + 1e-9), before drops. C = max(min(T, floor(T * factor / E)), 4); second choices queue behind the first choices that were <b>kept</b>.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// Mesh TensorFlow <c>mesh_tensorflow/transformer/moe.py</c> _top_2_gating, da90793 (2021-05); Lepikhin et al. 2020, algorithm 1. This is policy <c>all</c> for the second expert. Missing: the policies
    /// <c>none</c>, <c>threshold</c> (keep if w_2 > t) and <c>random</c> (keep if U &lt; w_2 / t), which route a variable number of experts per token, and importance values
    /// between 0 and 1. Neighbour: <see cref="DeepSpeedTop2"/> queues behind all first choices and divides after the drops.
    /// </remarks>
    public static RouterSpec GShardTop2(int experts, double? capacityFactor = 1.25) => (RouterRules.SoftmaxThenTopK(experts, 2, normalize: true) with
    {
        Weigh = RouterRules.Sum(true, 1e-9),
        Dispatch = MeshCapacity(capacityFactor),
    }).Checked();

    private static DispatchSpec MeshCapacity(double? factor) => factor is null ? DispatchSpec.Dropless : new DispatchSpec
    {
        Capacity = new CapacitySpec { Factor = factor, CountsChoices = false, Rounding = CapacityRounding.Floor, Minimum = 4, AtMostTokens = true },
        Offset = ChoiceOffset.KeptEarlierChoices,
    };
}
