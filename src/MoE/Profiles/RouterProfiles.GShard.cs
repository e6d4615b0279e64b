namespace MoE;

public static partial class RouterProfiles
{
    // torch.finfo(float32).eps, below which the GShard family does not divide.
    private const double SingleEpsilon = 1.1920929e-7;

    /// <summary>DeepSpeed's top-1 gate: the raw probability, a random subset of an expert's tokens stays.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="capacityFactor">Not negative; null: <c>drop_tokens=False</c>.</param>
    /// <param name="minCapacity">Least capacity, not negative; 4 in the layer, 8 in the gate.</param>
    /// <param name="randomTokens"><c>use_rts</c>: which tokens stay is drawn (<see cref="NoiseNames.RandomDrop"/>). Off: the peer keeps what its tensor library's top-k leaves of equal values.</param>
    /// <param name="sampled"><c>noisy_gate_policy='RSample'</c>: in training experts are chosen with Gumbel noise; weights stay clean.</param>
    /// <returns>w = max p. C = max(ceil(single(T / E) * factor), minimum).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>DeepSpeed <c>deepspeed/moe/sharded_moe.py</c> top1gating, edaa722 (2026-08-22). The load-balancing loss counts before drops: <see cref="RouterLosses.SwitchLoadBalancing"/>. <c>used_token</c> is the padding mask.</remarks>
    public static RouterSpec DeepSpeedTop1(int experts, double? capacityFactor = 1.0, int minCapacity = 4, bool randomTokens = true, bool sampled = false) => (RouterRules.SoftmaxThenTopK(experts, 1, normalize: false) with
    {
        Logits = LogitPrecision.Single,
        Noise = sampled ? new NoiseSpec { Kind = NoiseKind.Gumbel, Use = NoiseUse.Choice } : null,
        Dispatch = DeepSpeedCapacity(capacityFactor, minCapacity) with { RenormalizeAfterDrop = false, RenormalizeFloor = 0, Drop = randomTokens ? DropPolicy.Random : DropPolicy.Unspecified },
    }).Checked();

    /// <summary>DeepSpeed's top-2 gate.</summary>
    /// <param name="experts">E, two or more.</param>
    /// <param name="capacityFactor">Not negative; null: <c>drop_tokens=False</c>.</param>
    /// <param name="minCapacity">Least capacity, not negative; 4 in the layer, 8 in the gate.</param>
    /// <param name="sampled"><c>top2_2nd_expert_sampling</c>, on by default in the peer: in training the second expert is chosen with Gumbel noise; weights stay clean.</param>
    /// <returns>w_j = p_j / sum of the p that were kept: a token that lost one choice gives its whole weight to the other. C = max(ceil(single(T / E) * single(2 factor)), minimum).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// DeepSpeed <c>deepspeed/moe/sharded_moe.py</c> top2gating, edaa722 (2026-08-22). The load-balancing loss sees the first choice only. Neighbour: <see cref="GShardTop2"/> divides before the drops.
    /// </remarks>
    public static RouterSpec DeepSpeedTop2(int experts, double? capacityFactor = 1.0, int minCapacity = 4, bool sampled = false) => (RouterRules.SoftmaxThenTopK(experts, 2, normalize: capacityFactor is null) with
    {
        Logits = LogitPrecision.Single,
        Noise = sampled ? new NoiseSpec { Kind = NoiseKind.Gumbel, Use = NoiseUse.LaterChoices } : null,
        Dispatch = DeepSpeedCapacity(capacityFactor, minCapacity),
    }).Checked();

    /// <summary>DeepSpeed's top-k gate.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <param name="capacityFactor">Not negative; null: <c>drop_tokens=False</c>.</param>
    /// <param name="minCapacity">Least capacity, not negative.</param>
    /// <param name="drop"><c>drop_policy</c>: <see cref="DropPolicy.HeaviestWeight"/> is <c>probs</c>, <see cref="DropPolicy.FirstCome"/> is <c>position</c>.</param>
    /// <returns>w_j = p_j / sum of the p that were kept. C = max(ceil(single(T / E) * single(k factor)), minimum); places in token order.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>DeepSpeed <c>deepspeed/moe/sharded_moe.py</c> topkgating, edaa722 (2026-08-22). The load-balancing loss counts all k choices and divides by k.</remarks>
    public static RouterSpec DeepSpeedTopK(int experts, int k, double? capacityFactor = 1.0, int minCapacity = 4, DropPolicy drop = DropPolicy.HeaviestWeight) => (RouterRules.SoftmaxThenTopK(experts, k, normalize: capacityFactor is null) with
    {
        Logits = LogitPrecision.Single,
        Dispatch = DeepSpeedCapacity(capacityFactor, minCapacity) with { Drop = drop, Arrival = ArrivalOrder.TokenMajor },
    }).Checked();

    /// <summary>Tutel's gate.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <param name="capacityFactor">Above 0: a factor; 0: dropless, C is the longest queue; below 0: the factor, but never more than the longest queue. Finite.</param>
    /// <param name="normalize"><c>normalize_gate</c>, for k above 1.</param>
    /// <param name="prioritized"><c>batch_prioritized_routing</c>: tokens queue by their best probability.</param>
    /// <param name="noise"><c>gate_noise</c>: in training, N(0, (noise / E)^2) on the logits that choose; weights stay clean.</param>
    /// <param name="alignment">C is rounded up to a multiple; positive.</param>
    /// <returns>w_j = p_j / max(sum of the chosen p, eps), before drops. C = k floor(|factor| ceil(T / E)).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>Tutel <c>tutel/impls/fast_dispatch.py</c> extract_critical, ac0e51b (2026-07-21). Its GShard loss counts the first choice. Scorers: linear, or <c>CosineGate</c> of the torch engine.</remarks>
    public static RouterSpec Tutel(int experts, int k, double capacityFactor = 1.0, bool normalize = true, bool prioritized = false, double noise = 0, int alignment = 1) => (RouterRules.SoftmaxThenTopK(experts, k, normalize) with
    {
        Noise = noise > 0 ? new NoiseSpec { Scale = noise, PerExpert = true, Use = NoiseUse.Choice } : null,
        Weigh = RouterRules.Sum(normalize, SingleEpsilon) with { EpsilonRule = EpsilonRule.Floor, NormalizeSingle = false },
        Dispatch = new DispatchSpec
        {
            Capacity = new CapacitySpec
            {
                Factor = capacityFactor == 0 ? null : Math.Abs(capacityFactor),
                Formula = CapacityFormula.WholeShare,
                Rounding = CapacityRounding.Floor,
                AtMostLoad = capacityFactor <= 0,
                Multiple = alignment,
            },
            Priority = prioritized ? TokenPriority.BestScore : TokenPriority.Order,
        },
    }).Checked();

    /// <summary>FastMoE's naive gate: the rule of <see cref="MistralInference"/>, with a bias in the scorer by default.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <returns>w = softmax(l of the chosen).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>FastMoE <c>fmoe/gates/naive_gate.py</c>, ee3c561 (2024-06).</remarks>
    public static RouterSpec FastMoENaive(int experts, int k = 2) => RouterRules.TopKThen(ScoreFunction.Softmax, experts, k).Checked();

    /// <summary>FastMoE's GShard gate.</summary>
    /// <param name="experts">E, two or more.</param>
    /// <param name="capacityFactor">Rate of training, not negative.</param>
    /// <param name="evaluationFactor">Rate of evaluation, not negative.</param>
    /// <param name="random"><c>random_routing</c>: in training a second choice stays if 2 w_2 >= U.</param>
    /// <returns>w = softmax(l of the two), not divided again after drops. C = floor(2 ceil(rate T) / E); places in the order of the routes; the random rule comes after the capacity.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>FastMoE <c>fmoe/gates/gshard_gate.py</c>, ee3c561 (2024-06). Its loss is GShard's with softmax over all experts and the first choice before drops. The peer keeps weights of dropped routes and drops the routes; here both go.</remarks>
    public static RouterSpec FastMoEGShard(int experts, double capacityFactor = 1.2, double evaluationFactor = 2.4, bool random = true) => (RouterRules.TopKThen(ScoreFunction.Softmax, experts, 2) with
    {
        Select = new TopKSelection { K = 2, Later = random ? new LaterChoices { Threshold = 0.5, AfterCapacity = true, InEvaluation = false } : null },
        Dispatch = new DispatchSpec
        {
            Capacity = new CapacitySpec { Factor = capacityFactor, EvaluationFactor = evaluationFactor, Formula = CapacityFormula.WholeTokens },
            Arrival = ArrivalOrder.TokenMajor,
        },
    }).Checked();

    /// <summary>FastMoE's Switch gate.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="capacityFactor">Rate of training, not negative.</param>
    /// <param name="evaluationFactor">Rate of evaluation, not negative.</param>
    /// <param name="jitter"><c>switch_eps</c>: in training U(1 - eps, 1 + eps) is <b>added</b> to the logits; 0: none.</param>
    /// <returns>w = max p. C = ceil(rate T / E).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>FastMoE <c>fmoe/gates/switch_gate.py</c>, ee3c561 (2024-06). Its loss is <see cref="RouterLosses.KeptLoadBalancing"/>.</remarks>
    public static RouterSpec FastMoESwitch(int experts, double capacityFactor = 1.2, double evaluationFactor = 2.4, double jitter = 0.1) => (RouterRules.SoftmaxThenTopK(experts, 1, normalize: false) with
    {
        Logits = LogitPrecision.Single,
        Noise = jitter > 0 ? new NoiseSpec { Kind = NoiseKind.Uniform, Scale = jitter, Shift = 1 } : null,
        Dispatch = new DispatchSpec { Capacity = new CapacitySpec { Factor = capacityFactor, EvaluationFactor = evaluationFactor, Formula = CapacityFormula.FactorFirst, CountsChoices = false }, Arrival = ArrivalOrder.TokenMajor },
    }).Checked();

    /// <summary>Shazeer's noisy top-k: softmax over the k best noisy logits. The noise is learned: <c>NoisyTopKGate</c> of the torch engine.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <returns>w = softmax(noisy l of the chosen).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>Shazeer et al. 2017, eq. 3 to 5; FastMoE <c>fmoe/gates/noisy_gate.py</c>, ee3c561 (2024-06); LLaMA-MoE <c>TopKBalancedNoisyGate</c>.</remarks>
    public static RouterSpec NoisyTopK(int experts, int k) => RouterRules.TopKThen(ScoreFunction.Softmax, experts, k).Checked();

    /// <summary>The rule of davidmrau/mixture-of-experts, under noisy logits: softmax over all experts, then top-k.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <returns>w_j = p_j / (sum of the chosen p + 1e-6).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>davidmrau/mixture-of-experts <c>moe.py</c>, f662999 (2024-04). <see cref="NoisyTopK"/> takes the softmax over the chosen; the weights here sum to slightly less than one.</remarks>
    public static RouterSpec Davidmrau(int experts, int k) => (RouterRules.SoftmaxThenTopK(experts, k, normalize: true) with { Weigh = RouterRules.Sum(true, 1e-6) }).Checked();

    private static DispatchSpec DeepSpeedCapacity(double? factor, int minimum) => factor is null
        ? DispatchSpec.Dropless
        : new DispatchSpec { Capacity = new CapacitySpec { Factor = factor, Minimum = minimum, Formula = CapacityFormula.Single }, RenormalizeAfterDrop = true, RenormalizeFloor = SingleEpsilon };
}
