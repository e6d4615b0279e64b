namespace MoE;

public static partial class RouterProfiles
{
    /// <summary>lucidrains/mixture-of-experts' top-2: <see cref="GShardTop2"/> with a policy for the second expert, counted sequence by sequence.</summary>
    /// <param name="experts">E, two or more.</param>
    /// <param name="rule">The policy; null: <c>all</c>. <see cref="LaterRule.None"/>, <see cref="LaterRule.Threshold"/> and <see cref="LaterRule.Random"/> are the peer's.</param>
    /// <param name="threshold"><c>second_threshold_train</c> or <c>_eval</c>, not negative.</param>
    /// <param name="capacityFactor">Of training, not negative.</param>
    /// <param name="evaluationFactor">Of evaluation, not negative.</param>
    /// <returns>w_j = p_j / (p_1 + p_2 + 1e-9), before drops. C = max(min(n, floor(n factor / E)), 4) for a sequence of n tokens.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// lucidrains/mixture-of-experts <c>mixture_of_experts/mixture_of_experts.py</c> Top2Gating, 0fb459f (2023-09). The peer's <c>threshold</c> policy fails on its own shapes; here it does what its name says.
    /// </remarks>
    public static RouterSpec LucidrainsTop2(int experts, LaterRule? rule = LaterRule.Random, double threshold = 0.2, double capacityFactor = 1.25, double evaluationFactor = 2.0) => (RouterRules.SoftmaxThenTopK(experts, 2, normalize: true) with
    {
        Select = new TopKSelection { K = 2, Later = rule is { } later ? new LaterChoices { Rule = later, Threshold = threshold } : null },
        Weigh = RouterRules.Sum(true, 1e-9),
        Dispatch = PerSequenceMesh(capacityFactor, evaluationFactor),
    }).Checked();

    /// <summary>lucidrains/st-moe-pytorch's top-n.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="n">1..E.</param>
    /// <param name="thresholds">n - 1 thresholds, one per later choice; null: 0.2 for all.</param>
    /// <param name="capacityFactor">Of training, not negative.</param>
    /// <param name="evaluationFactor">Of evaluation, not negative.</param>
    /// <param name="noise"><c>noise_mult</c> with <c>noise_gates</c>: Gumbel noise on the logits in training; 0: none.</param>
    /// <param name="soft"><c>differentiable_topk</c>: coordinate descent for the gradient.</param>
    /// <returns>w_j = p_j / max(sum of the chosen p, 1e-9), before drops. A later choice is routed if U &lt; w_j / threshold, in evaluation too. C = max(min(n, floor(n factor / E)), 4).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// lucidrains/st-moe-pytorch <c>st_moe_pytorch/st_moe_pytorch.py</c> TopNGating, d94e65d (2024-06). Its balance loss counts first choices after drops; its z-loss sees the logits without noise.
    /// </remarks>
    public static RouterSpec StMoE(int experts, int n = 2, IReadOnlyList<double>? thresholds = null, double capacityFactor = 1.25, double evaluationFactor = 2.0, double noise = 0, bool soft = false) => (RouterRules.SoftmaxThenTopK(experts, n, normalize: true) with
    {
        Noise = noise > 0 ? new NoiseSpec { Kind = NoiseKind.Gumbel, Scale = noise } : null,
        Select = new TopKSelection { K = n, Later = n > 1 ? new LaterChoices { Thresholds = thresholds } : null },
        Weigh = RouterRules.Sum(true, 1e-9) with { EpsilonRule = EpsilonRule.Floor, SoftTopK = soft ? new CoordinateDescentSpec() : null },
        Dispatch = PerSequenceMesh(capacityFactor, evaluationFactor),
    }).Checked();

    /// <summary>NLLB-MoE's top-2 as transformers has it.</summary>
    /// <param name="experts">E, two or more.</param>
    /// <param name="capacity"><c>expert_capacity</c>, not negative; null: 2 ceil(T / E).</param>
    /// <param name="evaluationFraction"><c>moe_eval_capacity_token_fraction</c>: in evaluation C = ceil(fraction T); null or not positive: as in training.</param>
    /// <param name="policy">The second expert: <see cref="SecondExpertPolicy.All"/>, <see cref="SecondExpertPolicy.Random"/> (routed if U &lt; 2 p_2) or <see cref="SecondExpertPolicy.Sampling"/> (chosen with Gumbel noise, in evaluation too).</param>
    /// <param name="normalizeBefore"><c>normalize_router_prob_before_dropping</c>; otherwise after, so that a token that lost one expert gives all its weight to the other.</param>
    /// <param name="prioritized"><c>batch_prioritized_routing</c>.</param>
    /// <returns>w_j = p_j / max(p_1 + p_2, eps).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>transformers <c>models/nllb_moe/modeling_nllb_moe.py</c> NllbMoeTop2Router, 561a79a (2025-07-18). The peer stores the first capacity that it computes by default and keeps it; here it follows T. The layer's <c>moe_token_dropout</c> is <see cref="MoELayerSpec.OutputMasking"/>.</remarks>
    public static RouterSpec Nllb(int experts, int? capacity = 64, double? evaluationFraction = 1.0, SecondExpertPolicy policy = SecondExpertPolicy.All, bool normalizeBefore = false, bool prioritized = false) =>
        SecondExpert(experts, policy, LaterValue.Score, normalizeBefore, prioritized, new CapacitySpec
        {
            Fixed = capacity,
            Factor = capacity is null ? 1 : null,
            Formula = CapacityFormula.WholeShare,
            EvaluationFactor = evaluationFraction > 0 ? evaluationFraction : null,
            EvaluationFormula = evaluationFraction > 0 ? CapacityFormula.TokenShare : null,
        }) with
        { Logits = LogitPrecision.Single };

    /// <summary>torchscale's top-1 gate (X-MoE).</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="capacityFactor">Of training, not negative.</param>
    /// <param name="evaluationFraction">In evaluation C = ceil(fraction T); not negative.</param>
    /// <returns>w = max p. C = floor(factor ceil(T / E)).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>torchscale <c>torchscale/component/xmoe/routing.py</c> top1gating, 4d1e0e8. With <c>use_xmoe</c> the scorer is <c>XMoEGate</c> of the torch engine.</remarks>
    public static RouterSpec TorchscaleTop1(int experts, double capacityFactor = 1.0, double evaluationFraction = 0.25) => (RouterRules.SoftmaxThenTopK(experts, 1, normalize: false) with
    {
        Dispatch = new DispatchSpec
        {
            Capacity = new CapacitySpec
            {
                Factor = capacityFactor,
                Formula = CapacityFormula.WholeShare,
                Rounding = CapacityRounding.Floor,
                EvaluationFactor = evaluationFraction,
                EvaluationFormula = CapacityFormula.TokenShare,
                EvaluationRounding = CapacityRounding.Ceiling,
            },
        },
    }).Checked();

    /// <summary>torchscale's top-2 gate.</summary>
    /// <param name="experts">E, two or more.</param>
    /// <param name="evaluationFraction">In evaluation C = ceil(fraction T); not negative.</param>
    /// <param name="policy">The second expert; <see cref="SecondExpertPolicy.Random"/> compares the weight, which is normalised where <paramref name="normalizeBefore"/> says so.</param>
    /// <param name="normalizeBefore"><c>normalize_gate_prob_before_dropping</c>.</param>
    /// <param name="prioritized"><c>batch_prioritized_routing</c>.</param>
    /// <returns>w_j = p_j / max(p_1 + p_2, eps). C = 2 ceil(T / E) in training.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>torchscale <c>torchscale/component/xmoe/routing.py</c> top2gating, 4d1e0e8.</remarks>
    public static RouterSpec TorchscaleTop2(int experts, double evaluationFraction = 0.25, SecondExpertPolicy policy = SecondExpertPolicy.Sampling, bool normalizeBefore = false, bool prioritized = false) =>
        SecondExpert(experts, policy, LaterValue.Weight, normalizeBefore, prioritized, new CapacitySpec
        {
            Factor = 1,
            Formula = CapacityFormula.WholeShare,
            EvaluationFactor = evaluationFraction,
            EvaluationFormula = CapacityFormula.TokenShare,
        });

    private static RouterSpec SecondExpert(int experts, SecondExpertPolicy policy, LaterValue value, bool before, bool prioritized, CapacitySpec capacity)
    {
        var spec = RouterRules.SoftmaxThenTopK(experts, 2, normalize: before) with
        {
            Noise = policy == SecondExpertPolicy.Sampling ? new NoiseSpec { Kind = NoiseKind.Gumbel, Use = NoiseUse.LaterChoices, TrainingOnly = false } : null,
            Select = new TopKSelection { K = 2, Later = policy == SecondExpertPolicy.Random ? new LaterChoices { Threshold = 0.5, Value = value } : null },
            Weigh = RouterRules.Sum(before, SingleEpsilon) with { EpsilonRule = EpsilonRule.Floor },
            Dispatch = new DispatchSpec
            {
                Capacity = capacity,
                RenormalizeAfterDrop = !before,
                RenormalizeFloor = before ? 0 : SingleEpsilon,
                Priority = prioritized ? TokenPriority.BestScore : TokenPriority.Order,
            },
        };
        var problems = new SpecProblems();
        problems.RequireDefined(policy, nameof(policy));
        SpecException.ThrowIfAny([.. problems.Found, .. spec.Validate()]);
        return spec;
    }

    private static DispatchSpec PerSequenceMesh(double factor, double evaluation) => new()
    {
        Capacity = new CapacitySpec { Factor = factor, EvaluationFactor = evaluation, CountsChoices = false, Formula = CapacityFormula.FactorFirst, Rounding = CapacityRounding.Floor, Minimum = 4, AtMostTokens = true },
        Offset = ChoiceOffset.KeptEarlierChoices,
        PerSequence = true,
    };
}
