namespace MoE;

public static partial class RouterProfiles
{
    /// <summary>V-MoE: softmax, top-k raw probabilities, all first choices before all second ones.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <param name="capacityFactor">Not negative (1.05); null: dropless.</param>
    /// <param name="prioritized"><c>batch_priority</c>: tokens queue by their best probability (Riquelme et al. 2021).</param>
    /// <param name="noise"><c>noise_std</c>: in training, N(0, (noise / E)^2) on the logits; 0: none.</param>
    /// <returns>w_j = p_j, never normalised. C = ceil(T k factor / E), up to a multiple of 4.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>google-research/vmoe <c>vmoe/nn/routing.py</c> NoisyTopExpertsPerItemRouter and <c>vmoe/moe.py</c>, 942a78b (2026-06-06).</remarks>
    public static RouterSpec VMoE(int experts, int k, double? capacityFactor = 1.05, bool prioritized = false, double noise = 0) => (RouterRules.SoftmaxThenTopK(experts, k, normalize: false) with
    {
        Noise = noise > 0 ? new NoiseSpec { Scale = noise, PerExpert = true } : null,
        Dispatch = capacityFactor is { } factor
            ? new DispatchSpec { Capacity = new CapacitySpec { Factor = factor, Formula = CapacityFormula.FactorFirst, Multiple = 4 }, Priority = prioritized ? TokenPriority.BestScore : TokenPriority.Order }
            : DispatchSpec.Dropless,
    }).Checked();

    /// <summary>V-MoE's expert choice: every expert takes its best C tokens.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="capacityFactor">Mean number of experts per token, not negative.</param>
    /// <returns>w = p (softmax over experts) where taken. C = ceil(T factor / E), up to a multiple of 4.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>google-research/vmoe <c>vmoe/nn/routing.py</c> NoisyTopItemsPerExpertRouter, 942a78b; Zhou et al. 2022. Not causal: <see cref="Causality"/>.</remarks>
    public static RouterSpec VMoEExpertChoice(int experts, double capacityFactor = 1.0) => (RouterRules.SoftmaxThenTopK(experts, 1, normalize: false) with
    {
        Select = new ExpertChoiceSelection(),
        Dispatch = new DispatchSpec { Capacity = new CapacitySpec { Factor = capacityFactor, Formula = CapacityFormula.FactorFirst, Multiple = 4 } },
    }).Checked();

    /// <summary>flaxformer's router in which tokens choose.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <param name="capacity"><c>expert_capacity</c> of a group, not negative.</param>
    /// <param name="prioritized"><c>batch_prioritized_routing</c>.</param>
    /// <param name="scatter">The scatter form, in which padded tokens use places; otherwise the masked form.</param>
    /// <returns>w_j = p_j, never normalised; counted group by group.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>flaxformer <c>flaxformer/architectures/moe/routing.py</c> TokensChooseMaskedRouter and TokensChooseScatterRouter, 399ea3a (2024-04).</remarks>
    public static RouterSpec Flaxformer(int experts, int k, int capacity, bool prioritized = false, bool scatter = false) => (RouterRules.SoftmaxThenTopK(experts, k, normalize: false) with
    {
        Logits = LogitPrecision.Single,
        Dispatch = new DispatchSpec
        {
            Capacity = new CapacitySpec { Fixed = capacity },
            Priority = prioritized ? TokenPriority.BestScore : TokenPriority.Order,
            PerSequence = true,
            PaddingTakesPlaces = scatter,
        },
    }).Checked();

    /// <summary>flaxformer's router in which experts choose.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="capacity">Tokens that an expert takes of a group, not negative.</param>
    /// <returns>w = p (softmax over experts) where taken.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>flaxformer <c>flaxformer/architectures/moe/routing.py</c> ExpertsChooseMaskedRouter, 399ea3a (2024-04); Zhou et al. 2022. Padded tokens are not taken. Not causal: <see cref="Causality"/>.</remarks>
    public static RouterSpec FlaxformerExpertChoice(int experts, int capacity) => (RouterRules.SoftmaxThenTopK(experts, 1, normalize: false) with
    {
        Logits = LogitPrecision.Single,
        Select = new ExpertChoiceSelection(),
        Dispatch = new DispatchSpec { Capacity = new CapacitySpec { Fixed = capacity }, PerSequence = true },
    }).Checked();

    /// <summary>Mesh TensorFlow's expert selection: each expert takes its best C tokens of a group, by a softmax over the tokens.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="capacityFactor">Not negative.</param>
    /// <returns>w = p (softmax over tokens) where taken, divided by the number of experts that took the token. C = max(min(n, floor(n factor / E)), 4).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>Mesh TensorFlow <c>mesh_tensorflow/transformer/moe.py</c> _expert_selection_gating, da90793 (2021-05). Its loss: <see cref="RouterLosses.ExpertChoice"/>. Not causal: <see cref="Causality"/>.</remarks>
    public static RouterSpec MeshExpertChoice(int experts, double capacityFactor = 1.25) => (RouterRules.SoftmaxThenTopK(experts, 1, normalize: false) with
    {
        Select = new ExpertChoiceSelection { OverTokens = true, DividesByCount = true },
        Dispatch = MeshCapacity(capacityFactor) with { Offset = ChoiceOffset.AllEarlierChoices, PerSequence = true },
    }).Checked();

    /// <summary>OLMo-core's router.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <param name="score">Softmax or sigmoid (plus 1e-7).</param>
    /// <param name="normalizeP"><c>normalize_expert_weights</c>: p of the norm, at least 1; null: raw.</param>
    /// <param name="bias"><c>bias_gamma</c> is given: a selection bias, moved by <see cref="BiasUpdate.Sign"/> after each batch.</param>
    /// <returns>w_j = s_j, or s_j divided by the Lp norm of the chosen.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>OLMo-core <c>olmo_core/nn/moe/router.py</c>, fa6c501. Its loss divides sigmoid scores by their sum first, and counts per batch or per instance.</remarks>
    public static RouterSpec OlmoCore(int experts, int k, ScoreFunction score = ScoreFunction.Softmax, double? normalizeP = null, bool bias = false)
    {
        var spec = RouterRules.SoftmaxThenTopK(experts, k, normalize: false) with
        {
            Logits = LogitPrecision.Single,
            Score = new ScoreSpec { Function = score, Offset = score == ScoreFunction.Sigmoid ? 1e-7 : 0 },
            Select = new TopKSelection { K = k, UsesBias = bias },
            Weigh = normalizeP is { } p ? new WeighSpec { Normalization = WeightNormalization.PNorm, P = p } : new WeighSpec(),
        };
        var problems = new SpecProblems();
        problems.Require(score is ScoreFunction.Sigmoid or ScoreFunction.Softmax, nameof(score), score, "must be Sigmoid or Softmax");
        SpecException.ThrowIfAny([.. problems.Found, .. spec.Validate()]);
        return spec;
    }

    /// <summary>PhiMoE and SparseMixer-v2.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E (2 in PhiMoE).</param>
    /// <param name="jitter"><c>router_jitter_noise</c>, not negative.</param>
    /// <returns>See <see cref="SparseMixerSelection"/>; weights do not sum to one.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>transformers <c>models/phimoe/modeling_phimoe.py</c> sparsemixer, 561a79a (2025-07-18); microsoft/SparseMixer <c>sparsemixer_v2.py</c>, 1b41d56. Engines that replace it by top-k softmax give other outputs.</remarks>
    public static RouterSpec PhiMoE(int experts, int k = 2, double jitter = 0.01) => (RouterRules.TopKThen(ScoreFunction.Softmax, experts, 1) with { Select = new SparseMixerSelection { K = k, Jitter = jitter } }).Checked();

    /// <summary>LongCat-Flash: softmax over feed-forward and copying experts, chosen with a bias.</summary>
    /// <param name="experts">Feed-forward experts, positive.</param>
    /// <param name="copies">Zero-computation experts, which return the token; not negative. <see cref="MoELayerSpec.Special"/>.</param>
    /// <param name="k">1..experts + copies.</param>
    /// <param name="scale"><c>routed_scaling_factor</c>, finite.</param>
    /// <returns>w_j = scale * p_j, chosen by p + b.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>transformers <c>models/longcat_flash/modeling_longcat_flash.py</c> LongcatFlashTopkRouter, 0fa49db (2025-12-01).</remarks>
    public static RouterSpec LongcatFlash(int experts, int copies, int k, double scale = 1.0) => (RouterRules.SoftmaxThenTopK(experts + copies, k, normalize: false) with
    {
        Logits = LogitPrecision.Single,
        Select = new TopKSelection { K = k, UsesBias = true },
        Weigh = new WeighSpec { Scale = scale },
    }).Checked();

    /// <summary>ERNIE 4.5 as transformers has it: chosen by biased probabilities, and weighed by them.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <param name="minimum"><c>moe_norm_min</c>: the sum that weights are divided by is at least this; not negative.</param>
    /// <param name="biasedWeights">As version 5.0.0.dev0 does, a defect; otherwise weights are the probabilities.</param>
    /// <returns>w_j = (p_j + b_j) / max(sum of them, minimum).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>transformers <c>models/ernie4_5_moe/modeling_ernie4_5_moe.py</c>, 0fa49db (2025-12-01).</remarks>
    public static RouterSpec Ernie45(int experts, int k, double minimum = 1e-12, bool biasedWeights = true) => (RouterRules.SoftmaxThenTopK(experts, k, normalize: true) with
    {
        Logits = LogitPrecision.Single,
        Select = new TopKSelection { K = k, UsesBias = true },
        Weigh = RouterRules.Sum(true, minimum) with { EpsilonRule = EpsilonRule.Floor, BiasedWeights = biasedWeights },
    }).Checked();

    /// <summary>MoE++: top-2 of softmax; the zero expert weighs nothing, and the pair is normalised without it.</summary>
    /// <param name="experts">E, with two constant experts, a copying one and a zero one at the end; five or more.</param>
    /// <param name="k">1..E.</param>
    /// <returns>w_j = p_j / sum of the chosen p, the last expert's p taken as zero.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>MoE-plus-plus <c>moe_plus_plus_layer.py</c>, 7f43967; Jin et al. 2024. The scorer is <c>PlusPlusGate</c> of the torch engine, the layer's <see cref="MoELayerSpec.Special"/> { Constant = 2, Copy = 1, Zero = 1 }.</remarks>
    public static RouterSpec MoEPlusPlus(int experts, int k = 2) => (RouterRules.SoftmaxThenTopK(experts, k, normalize: true) with { Weigh = RouterRules.Sum(true) with { WeightlessExperts = 1 } }).Checked();

    /// <summary>Dense-to-sparse (EvoMoE): in training every expert whose Gumbel softmax is above a threshold; with a falling temperature fewer and fewer are.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="temperature">Its course over training; the paper anneals from 2 to about 0.3. Null: constantly 1.</param>
    /// <param name="threshold">Scores above it are routed, 0..1; the peer: 0.001.</param>
    /// <param name="noisy">Gumbel noise on the logits in training.</param>
    /// <returns>w_e = p_e where above the threshold, p = softmax((l + g) / temperature); the best expert where none is. Not normalised.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>Nie et al. 2021, "EvoMoE"; Hetu's and the authors' <c>topkgating_dense_to_sparse</c>. <c>DenseToSparse</c> of the torch engine has the peer's other modes (hard, clean weights, dense at temperature zero).</remarks>
    public static RouterSpec DenseToSparse(int experts, ScheduleSpec? temperature = null, double threshold = 0.001, bool noisy = true) => (RouterRules.SoftmaxThenTopK(experts, 1, normalize: false) with
    {
        Noise = noisy ? new NoiseSpec { Kind = NoiseKind.Gumbel } : null,
        Select = new ThresholdSelection { Threshold = threshold, AtLeastOne = true },
        Schedules = temperature is null ? null : new RouterSchedules { Temperature = temperature },
    }).Checked();

    /// <summary>Megatron-LM's Sinkhorn router: in training experts are chosen by balanced scores.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <param name="logSpace">In the logarithmic domain; the peer is not, and overflows for logits above 88.</param>
    /// <returns>w_j = sigmoid(l_j) for k = 1, otherwise softmax over all experts; not normalised.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>Megatron-LM <c>megatron/core/transformer/moe/router.py</c> sinkhorn_load_balancing, d98e8a6 (2026-08); Clark et al. 2022.</remarks>
    public static RouterSpec MegatronSinkhorn(int experts, int k, bool logSpace = false) => (RouterRules.SoftmaxThenTopK(experts, k, normalize: false) with
    {
        Score = new ScoreSpec { Function = k == 1 ? ScoreFunction.Sigmoid : ScoreFunction.Softmax },
        Select = new TopKSelection { K = k, Balance = new BatchBalance { Method = logSpace ? BalanceMethod.LogSinkhorn : BalanceMethod.Sinkhorn, Iterations = 1000 } },
    }).Checked();

    /// <summary>BASE layers: in training an auction gives every expert T / E tokens; in evaluation each token takes its best expert.</summary>
    /// <param name="experts">E, positive.</param>
    /// <returns>w = sigmoid(l of the expert).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>fairseq <c>fairseq/modules/base_layer.py</c> and <c>fairseq/clib/libbase/balanced_assignment.cpp</c>, 3d262bb; Lewis et al. 2021. T must be a multiple of E in training.</remarks>
    public static RouterSpec Base(int experts) => (RouterRules.SoftmaxThenTopK(experts, 1, normalize: false) with
    {
        Score = new ScoreSpec { Function = ScoreFunction.Sigmoid, Stage = ScoreStage.AfterSelection },
        Select = new TopKSelection { K = 1, Balance = new BatchBalance { Method = BalanceMethod.Auction } },
    }).Checked();

    /// <summary>Dynamic_MoE: each token takes experts until their probabilities sum to more than p.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="p">The mass, not negative (0.4 in the paper).</param>
    /// <returns>w_j = p_j, not normalised.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>Dynamic_MoE <c>modeling/modeling_moe.py</c> top_p_sampling_batched, f56bc20; Huang et al. 2024.</remarks>
    public static RouterSpec DynamicTopP(int experts, double p = 0.4) => (RouterRules.SoftmaxThenTopK(experts, 1, normalize: false) with { Select = new TopPSelection { P = p } }).Checked();

    /// <summary>ReMoE: every expert with a positive logit.</summary>
    /// <param name="experts">E, positive.</param>
    /// <returns>w_e = max(l_e, 0); a token may go nowhere.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>ReMoE <c>megatron/core/transformer/moe/router.py</c> ReLURouter, 463c6af; Wang et al. 2024. Sparsity is held at 1 - k/E by an L1 loss whose coefficient <see cref="SparsityControl"/> moves.</remarks>
    public static RouterSpec ReMoE(int experts) => (RouterRules.SoftmaxThenTopK(experts, 1, normalize: false) with
    {
        Score = new ScoreSpec { Function = ScoreFunction.Relu },
        Select = new ThresholdSelection(),
    }).Checked();
}
