namespace MoE;

/// <summary>
/// The routers of published models and libraries, as specs: a peer's choices with the sizes as arguments, nothing more. Each function names the peer, the file it was read from, the
/// equation, and where the rule differs from its nearest neighbours. l are logits, p = softmax(l), k choices, E experts, T tokens, C capacity.
/// </summary>
/// <remarks>
/// Two things hold for every profile. Equal scores go to the lowest index (<see cref="TieRule.LowestIndex"/>), where the peer leaves the order to its tensor library; use
/// <c>with { Ties = TieRule.Native }</c> on the torch engine for libtorch's own order. Noise in training (input jitter, Gumbel, learned noise) is no part of a router spec: the
/// profile is the peer's evaluation rule, and the documentation says where its training rule adds noise.
/// </remarks>
public static partial class RouterProfiles
{
    /// <summary>Mixtral: p over all experts, top-k, divided by the sum.</summary>
    /// <param name="experts">E, positive (8x7B: 8).</param>
    /// <param name="k">1..E.</param>
    /// <returns>w_j = p_j / sum of the chosen p.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// transformers <c>models/mixtral/modeling_mixtral.py</c> MixtralSparseMoeBlock, 561a79a (2025-07-18). The division has no epsilon. Equal to
    /// <see cref="MistralInference"/> in exact arithmetic, not bit for bit, as the softmax there runs over k values. Same rule as <see cref="Qwen3Moe"/> with its default.
    /// Training with <c>router_jitter_noise</c> multiplies the input by U(1 - eps, 1 + eps), not covered.
    /// </remarks>
    public static RouterSpec Mixtral(int experts, int k = 2) => RouterRules.SoftmaxThenTopK(experts, k, normalize: true).Checked();

    /// <summary>The Mistral authors' own Mixtral: top-k on the logits, softmax over the k.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <returns>w = softmax(l of the chosen); sums to one.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// mistral-inference <c>src/mistral_inference/moe.py</c> MoeLayer, 2557e12 (2026-02-26). With k = 1 the weight is constantly 1 and the router has no gradient.
    /// The same spec as <see cref="GptOss"/>.
    /// </remarks>
    public static RouterSpec MistralInference(int experts, int k = 2) => RouterRules.TopKThen(ScoreFunction.Softmax, experts, k).Checked();

    /// <summary>OLMoE: p over all experts, top-k, raw probabilities unless <paramref name="normalize"/>.</summary>
    /// <param name="experts">E, positive (1B-7B: 64).</param>
    /// <param name="k">1..E (1B-7B: 8).</param>
    /// <param name="normalize"><c>norm_topk_prob</c>; off in the published model.</param>
    /// <returns>w_j = p_j, or p_j / sum of the chosen p.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>transformers <c>models/olmoe/modeling_olmoe.py</c> OlmoeSparseMoeBlock, 561a79a (2025-07-18). Without the division the weights of a token sum to less than one; <see cref="Mixtral"/> always divides.</remarks>
    public static RouterSpec Olmoe(int experts, int k, bool normalize = false) => RouterRules.SoftmaxThenTopK(experts, k, normalize).Checked();

    /// <summary>Qwen2-MoE and Qwen1.5-MoE: the rule of <see cref="Olmoe"/>.</summary>
    /// <param name="experts">E, positive (A2.7B: 60).</param>
    /// <param name="k">1..E (A2.7B: 4).</param>
    /// <param name="normalize"><c>norm_topk_prob</c>; off in the published models.</param>
    /// <returns>w_j = p_j, or p_j / sum of the chosen p.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// transformers <c>models/qwen2_moe/modeling_qwen2_moe.py</c> Qwen2MoeSparseMoeBlock, 561a79a (2025-07-18). The layer adds a sigmoid-gated shared expert: <see cref="LayerProfiles.Qwen2Moe"/>.
    /// </remarks>
    public static RouterSpec Qwen2Moe(int experts, int k, bool normalize = false) => RouterRules.SoftmaxThenTopK(experts, k, normalize).Checked();

    /// <summary>Qwen3-MoE: the rule of <see cref="Olmoe"/>, normalised in the published models.</summary>
    /// <param name="experts">E, positive (30B-A3B: 128).</param>
    /// <param name="k">1..E (30B-A3B: 8).</param>
    /// <param name="normalize"><c>norm_topk_prob</c>; on in the published models, although the class default of transformers is off.</param>
    /// <returns>w_j = p_j / sum of the chosen p, or p_j.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>transformers <c>models/qwen3_moe/modeling_qwen3_moe.py</c> Qwen3MoeSparseMoeBlock, 561a79a (2025-07-18). No shared expert, unlike <see cref="Qwen2Moe"/>.</remarks>
    public static RouterSpec Qwen3Moe(int experts, int k, bool normalize = true) => RouterRules.SoftmaxThenTopK(experts, k, normalize).Checked();

    /// <summary>gpt-oss: top-k on biased logits, softmax over the k.</summary>
    /// <param name="experts">E, positive (20b: 32, 120b: 128).</param>
    /// <param name="k">1..E.</param>
    /// <returns>w = softmax(l of the chosen); sums to one.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// transformers <c>models/gpt_oss/modeling_gpt_oss.py</c> GptOssTopKRouter, 0fa49db (2025-12-01). The scorer has a bias (<see cref="MoELayerSpec.RouterBias"/>), which is part of the
    /// logits and so of the weights, unlike the selection bias of <see cref="DeepSeekV3"/>. The peer takes the softmax in the logits' own precision; the engines here take it in single.
    /// </remarks>
    public static RouterSpec GptOss(int experts, int k = 4) => RouterRules.TopKThen(ScoreFunction.Softmax, experts, k).Checked();

    /// <summary>Llama 4: top-k on the logits, sigmoid of each chosen logit.</summary>
    /// <param name="experts">E, positive (Scout: 16, Maverick: 128).</param>
    /// <param name="k">1..E.</param>
    /// <returns>w_j = sigmoid(l_j); the weights of a token do not sum to one.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// transformers <c>models/llama4/modeling_llama4.py</c> Llama4TextMoe, 561a79a (2025-07-18). The weight multiplies the expert's <b>input</b>: <see cref="LayerProfiles.Llama4"/>.
    /// The choice is made on logits, not on sigmoids as in <see cref="DeepSeekV3"/>: the same experts, except where sigmoids saturate to equal values.
    /// </remarks>
    public static RouterSpec Llama4(int experts, int k = 1) => RouterRules.TopKThen(ScoreFunction.Sigmoid, experts, k).Checked();
}
