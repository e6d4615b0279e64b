namespace MoE;

public static partial class RouterProfiles
{
    /// <summary>Megatron-LM's top-k router.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <param name="score"><c>moe_router_score_function</c>: softmax, sigmoid or sqrtsoftplus.</param>
    /// <param name="preSoftmax"><c>moe_router_pre_softmax</c>: softmax over all experts before the choice, <b>not</b> renormalised; otherwise over the chosen logits. Sigmoid and sqrtsoftplus always come first.</param>
    /// <param name="groups"><c>moe_router_num_groups</c>; 1 with <paramref name="keepGroups"/> 1: none.</param>
    /// <param name="keepGroups"><c>moe_router_group_topk</c>.</param>
    /// <param name="scale"><c>moe_router_topk_scaling_factor</c>, finite.</param>
    /// <param name="bias"><c>moe_router_enable_expert_bias</c>; needs sigmoid or sqrtsoftplus.</param>
    /// <param name="capacityFactor"><c>moe_expert_capacity_factor</c>, not negative; null: dropless.</param>
    /// <returns>softmax: w = softmax(l of the chosen), or p; otherwise w_j = s_j / (sum of the chosen s + 1e-20), raw with k = 1. All times the scale. C = ceil((T k / E) * factor), the heaviest weights stay.</returns>
    /// <exception cref="SpecException">A size or combination is wrong; all problems are named.</exception>
    /// <remarks>
    /// Megatron-LM <c>megatron/core/transformer/moe/moe_utils.py</c> topk_routing_with_score_function, group_limited_topk, get_capacity and apply_router_token_dropping with the default
    /// policy <c>probs</c>, d98e8a6 (2026-08-22). The group score is the sum of the best floor(k / keepGroups), not of two as in <see cref="DeepSeekV3"/> and <see cref="Torchtitan"/>; masked groups are
    /// -infinity. Logits have the input's precision unless <c>moe_router_dtype</c> says otherwise. Missing: policy <c>position</c>, which takes top-k of a 0/1 mask and so an unspecified
    /// subset; padding to capacity, which changes shapes and no weight; input jitter; Sinkhorn and quantile balancing, which are other gates.
    /// </remarks>
    public static RouterSpec Megatron(int experts, int k, ScoreFunction score = ScoreFunction.Softmax, bool preSoftmax = false, int groups = 1, int keepGroups = 1, double scale = 1.0, bool bias = false, double? capacityFactor = null)
    {
        bool softmax = score == ScoreFunction.Softmax;
        var spec = new RouterSpec
        {
            Experts = experts,
            Score = new ScoreSpec { Function = score, Stage = softmax && !preSoftmax ? ScoreStage.AfterSelection : ScoreStage.BeforeSelection },
            Select = new TopKSelection { K = k, UsesBias = bias, Groups = RouterRules.Groups(groups, keepGroups, GroupScore.SumOfTopShare) },
            Weigh = RouterRules.Sum(!softmax && score != ScoreFunction.Identity, 1e-20) with { NormalizeSingle = false, Scale = scale },
            Dispatch = new DispatchSpec { Capacity = capacityFactor is { } factor ? new CapacitySpec { Factor = factor } : null, Drop = DropPolicy.HeaviestWeight },
        };
        var problems = new SpecProblems();
        problems.Require(score != ScoreFunction.Identity, nameof(score), score, "must be Softmax, Sigmoid or SqrtSoftplus");
        problems.Require(!bias || !softmax, nameof(bias), bias, "needs score Sigmoid or SqrtSoftplus");
        SpecException.ThrowIfAny([.. problems.Found, .. spec.Validate()]);
        return spec;
    }

    /// <summary>torchtitan's token-choice router.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <param name="score">Sigmoid or softmax over all experts.</param>
    /// <param name="normalize"><c>route_norm</c>.</param>
    /// <param name="scale"><c>route_scale</c>, finite.</param>
    /// <param name="bias">The expert bias of the auxiliary-loss-free balancing, on by default there.</param>
    /// <param name="groups">Node-limited routing: G, divides E; 1 with <paramref name="keepGroups"/> 1: none.</param>
    /// <param name="keepGroups">Groups kept per token, 1..G.</param>
    /// <returns>Chosen by s + b; w_j = scale * s_j, or scale * s_j / (sum of the chosen s + 1e-20).</returns>
    /// <exception cref="SpecException">A size or combination is wrong; all problems are named.</exception>
    /// <remarks>
    /// torchtitan <c>torchtitan/models/common/moe.py</c> TokenChoiceTopKRouter, b5bcd76 (2026-08-21). Logits in single precision; groups by their two best, others -infinity. Divides with k = 1 too
    /// (the weight is then constantly <paramref name="scale"/>), unlike <see cref="Megatron"/>. The peer leaves the order of the k choices open.
    /// </remarks>
    public static RouterSpec Torchtitan(int experts, int k, ScoreFunction score = ScoreFunction.Sigmoid, bool normalize = false, double scale = 1.0, bool bias = true, int groups = 1, int keepGroups = 1)
    {
        var spec = new RouterSpec
        {
            Experts = experts,
            Logits = LogitPrecision.Single,
            Score = new ScoreSpec { Function = score },
            Select = new TopKSelection { K = k, UsesBias = bias, Groups = RouterRules.Groups(groups, keepGroups, GroupScore.SumOfTopTwo) },
            Weigh = RouterRules.Sum(normalize, 1e-20) with { Scale = scale },
        };
        var problems = new SpecProblems();
        problems.Require(score is ScoreFunction.Sigmoid or ScoreFunction.Softmax, nameof(score), score, "must be Sigmoid or Softmax");
        SpecException.ThrowIfAny([.. problems.Found, .. spec.Validate()]);
        return spec;
    }

    /// <summary>MegaBlocks: softmax, top-k, optionally divided by an Lp norm (DBRX: p = 1).</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <param name="normalizeP"><c>moe_normalize_expert_weights</c>: p, at least 1; null: raw probabilities.</param>
    /// <param name="capacityFactor"><c>moe_capacity_factor</c>; null: the dropless dMoE (the peer writes 0).</param>
    /// <returns>w = p, or p divided by the Lp norm of the chosen. C = floor(factor * k T / E), in token order with all choices of a token together.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// MegaBlocks <c>megablocks/layers/router.py</c> and <c>moe.py</c>, 78eea65 (2025-06). With p = 1 the same weights as <see cref="Mixtral"/>; with p = 2 they sum to more than one.
    /// Missing: the input jitter of training.
    /// </remarks>
    public static RouterSpec MegaBlocks(int experts, int k, double? normalizeP = null, double? capacityFactor = null) => (RouterRules.SoftmaxThenTopK(experts, k, normalize: false) with
    {
        Weigh = normalizeP is { } p ? new WeighSpec { Normalization = WeightNormalization.PNorm, P = p } : new WeighSpec(),
        Dispatch = capacityFactor is { } factor
            ? new DispatchSpec { Capacity = new CapacitySpec { Factor = factor, Rounding = CapacityRounding.Floor }, Arrival = ArrivalOrder.TokenMajor }
            : DispatchSpec.Dropless,
    }).Checked();

    /// <summary>llama.cpp's <c>build_moe_ffn</c>.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <param name="score">The gating function: softmax, sigmoid or sqrt-softplus.</param>
    /// <param name="afterSelection">The function sees the chosen logits only (<c>SOFTMAX_WEIGHT</c>, Llama 4's sigmoid).</param>
    /// <param name="normalize"><c>norm_w</c>.</param>
    /// <param name="scale"><c>w_scale</c>, finite; the peer takes 0 for 1.</param>
    /// <param name="bias">A selection bias (<c>exp_probs_b</c>); weights never see it.</param>
    /// <param name="groups">G, divides E; 1 with <paramref name="keepGroups"/> 1: none.</param>
    /// <param name="keepGroups">Groups kept per token, 1..G.</param>
    /// <returns>w_j = scale * s_j, or scale * s_j / max(sum of the chosen s, 6.103515625e-5).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// llama.cpp <c>src/llama-graph.cpp</c> build_moe_ffn, 00395eb (2026). The sum is at least the least normal half, where other peers add 1e-20 or nothing: a token whose chosen sigmoids are all
    /// tiny gets weights that do not sum to the scale. Groups are scored by their two best also without a bias, unlike <see cref="DeepSeekV3"/>.
    /// </remarks>
    public static RouterSpec LlamaCpp(int experts, int k, ScoreFunction score = ScoreFunction.Softmax, bool afterSelection = false, bool normalize = true, double scale = 1.0, bool bias = false, int groups = 1, int keepGroups = 1) => new RouterSpec
    {
        Experts = experts,
        Score = new ScoreSpec { Function = score, Stage = afterSelection ? ScoreStage.AfterSelection : ScoreStage.BeforeSelection },
        Select = new TopKSelection { K = k, UsesBias = bias, Groups = RouterRules.Groups(groups, keepGroups, GroupScore.SumOfTopTwo) },
        Weigh = RouterRules.Sum(normalize, 6.103515625e-5) with { EpsilonRule = EpsilonRule.Floor, Scale = scale },
    }.Checked();

    /// <summary>ONNX Runtime's float MoE operator on the CPU: p over all experts, top-k with ties to the <b>highest</b> index.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <param name="normalize"><c>normalize_routing_weights</c>.</param>
    /// <returns>w_j = p_j, or p_j / sum of the chosen p.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// onnxruntime <c>contrib_ops/cpu/moe/moe_cpu.cc</c>, probed on 1.31.1. The rule of <see cref="Olmoe"/> but for the ties. The operator answers a row with a NaN logit by zeros; engines here refuse it.
    /// </remarks>
    public static RouterSpec OnnxRuntimeMoE(int experts, int k, bool normalize = true) =>
        (RouterRules.SoftmaxThenTopK(experts, k, normalize) with { Ties = TieRule.HighestIndex }).Checked();

    /// <summary>ONNX Runtime's quantised QMoE operator on the CPU: top-k on the logits, softmax over the k, ties to the <b>highest</b> index.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <returns>w = softmax(l of the chosen); the operator's <c>normalize_routing_weights</c> changes nothing.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// onnxruntime <c>contrib_ops/cpu/moe/moe_quantization_cpu.cc</c>, probed on 1.31.1. The rule of <see cref="MistralInference"/> but for the ties. Missing: the optional input
    /// <c>router_weights</c>, with which any router's own weights can be fed; and that weights of 1e-8 and less are skipped.
    /// </remarks>
    public static RouterSpec OnnxRuntimeQMoE(int experts, int k) =>
        (RouterRules.TopKThen(ScoreFunction.Softmax, experts, k) with { Ties = TieRule.HighestIndex }).Checked();
}
