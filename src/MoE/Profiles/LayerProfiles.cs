namespace MoE;

/// <summary>
/// The mixture-of-experts layers of published models, as specs with the sizes as arguments: the router of <see cref="RouterProfiles"/>, the form of the experts, and the shared expert.
/// D is the model width, F the expert width. Experts are down(silu(gate x) * up x) without biases unless said otherwise.
/// </summary>
public static class LayerProfiles
{
    /// <summary>Mixtral: <see cref="RouterProfiles.Mixtral"/> and SwiGLU experts.</summary>
    /// <param name="width">D, positive (8x7B: 4096).</param>
    /// <param name="expertWidth">F, positive (8x7B: 14336).</param>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <exception cref="SpecException">A size is wrong; all problems of router and layer are named.</exception>
    /// <remarks>transformers <c>models/mixtral/modeling_mixtral.py</c>, 561a79a (2025-07-18). Weights w1, w3, w2 are gate, up, down.</remarks>
    public static MoELayerSpec Mixtral(int width, int expertWidth, int experts = 8, int k = 2) =>
        Glu(width, expertWidth, RouterRules.SoftmaxThenTopK(experts, k, normalize: true)).Checked();

    /// <summary>OLMoE: <see cref="RouterProfiles.Olmoe"/> and SwiGLU experts.</summary>
    /// <param name="width">D, positive (1B-7B: 2048).</param>
    /// <param name="expertWidth">F, positive (1B-7B: 1024).</param>
    /// <param name="experts">E, positive (64).</param>
    /// <param name="k">1..E (8).</param>
    /// <param name="normalize"><c>norm_topk_prob</c>.</param>
    /// <exception cref="SpecException">A size is wrong; all problems of router and layer are named.</exception>
    /// <remarks>transformers <c>models/olmoe/modeling_olmoe.py</c>, 561a79a (2025-07-18).</remarks>
    public static MoELayerSpec Olmoe(int width, int expertWidth, int experts, int k, bool normalize = false) =>
        Glu(width, expertWidth, RouterRules.SoftmaxThenTopK(experts, k, normalize)).Checked();

    /// <summary>Qwen2-MoE: <see cref="RouterProfiles.Qwen2Moe"/>, SwiGLU experts, and a shared expert times sigmoid(w . x).</summary>
    /// <param name="width">D, positive (A2.7B: 2048).</param>
    /// <param name="expertWidth">F, positive (A2.7B: 1408).</param>
    /// <param name="sharedWidth">Width of the shared expert, positive (A2.7B: 5632).</param>
    /// <param name="experts">E, positive (60).</param>
    /// <param name="k">1..E (4).</param>
    /// <param name="normalize"><c>norm_topk_prob</c>.</param>
    /// <exception cref="SpecException">A size is wrong; all problems of router and layer are named.</exception>
    /// <remarks>transformers <c>models/qwen2_moe/modeling_qwen2_moe.py</c>, 561a79a (2025-07-18).</remarks>
    public static MoELayerSpec Qwen2Moe(int width, int expertWidth, int sharedWidth, int experts, int k, bool normalize = false) =>
        (Glu(width, expertWidth, RouterRules.SoftmaxThenTopK(experts, k, normalize)) with { Shared = new SharedExpertSpec { Width = sharedWidth, SigmoidGate = true } }).Checked();

    /// <summary>Qwen3-MoE: <see cref="RouterProfiles.Qwen3Moe"/> and SwiGLU experts, no shared expert.</summary>
    /// <param name="width">D, positive (30B-A3B: 2048).</param>
    /// <param name="expertWidth">F, positive (30B-A3B: 768).</param>
    /// <param name="experts">E, positive (128).</param>
    /// <param name="k">1..E (8).</param>
    /// <param name="normalize"><c>norm_topk_prob</c>.</param>
    /// <exception cref="SpecException">A size is wrong; all problems of router and layer are named.</exception>
    /// <remarks>transformers <c>models/qwen3_moe/modeling_qwen3_moe.py</c>, 561a79a (2025-07-18).</remarks>
    public static MoELayerSpec Qwen3Moe(int width, int expertWidth, int experts, int k, bool normalize = true) =>
        Glu(width, expertWidth, RouterRules.SoftmaxThenTopK(experts, k, normalize)).Checked();

    /// <summary>DeepSeek-V2: <see cref="RouterProfiles.DeepSeekV2"/>, SwiGLU experts, and shared experts merged into one of their total width.</summary>
    /// <param name="width">D, positive (V2-Lite: 2048).</param>
    /// <param name="expertWidth">F, positive (V2-Lite: 1408).</param>
    /// <param name="experts">E, positive (64).</param>
    /// <param name="k">1..E (6).</param>
    /// <param name="groups">G, divides E; 1 with <paramref name="keepGroups"/> 1: none (V2-Lite).</param>
    /// <param name="keepGroups">Groups kept per token, 1..G.</param>
    /// <param name="scale"><c>routed_scaling_factor</c>, finite; it does not touch the shared experts.</param>
    /// <param name="sharedExperts"><c>n_shared_experts</c>, not negative (2); each has width F.</param>
    /// <exception cref="SpecException">A size is wrong; all problems of router and layer are named.</exception>
    /// <remarks>transformers <c>models/deepseek_v2/modeling_deepseek_v2.py</c>, 561a79a (2025-07-18).</remarks>
    public static MoELayerSpec DeepSeekV2(int width, int expertWidth, int experts, int k, int groups, int keepGroups, double scale, int sharedExperts = 2) =>
        Shared(Glu(width, expertWidth, RouterRules.DeepSeekV2(experts, k, groups, keepGroups, scale, normalize: false)), sharedExperts);

    /// <summary>DeepSeek-V3: <see cref="RouterProfiles.DeepSeekV3"/>, SwiGLU experts, and shared experts merged into one of their total width.</summary>
    /// <param name="width">D, positive (7168).</param>
    /// <param name="expertWidth">F, positive (2048).</param>
    /// <param name="experts">E, positive (256).</param>
    /// <param name="k">1..E (8).</param>
    /// <param name="groups">G, divides E (8).</param>
    /// <param name="keepGroups">Groups kept per token, 1..G (4).</param>
    /// <param name="scale"><c>routed_scaling_factor</c>, finite (2.5); it does not touch the shared experts.</param>
    /// <param name="sharedExperts"><c>n_shared_experts</c>, not negative (1); each has width F.</param>
    /// <exception cref="SpecException">A size is wrong; all problems of router and layer are named.</exception>
    /// <remarks>deepseek-ai/DeepSeek-V3 <c>inference/model.py</c> MoE, 9b4e978 (2025-08-28).</remarks>
    public static MoELayerSpec DeepSeekV3(int width, int expertWidth, int experts, int k, int groups, int keepGroups, double scale, int sharedExperts = 1) =>
        Shared(Glu(width, expertWidth, RouterRules.DeepSeekV3(experts, k, groups, keepGroups, scale, normalize: true, bias: true)), sharedExperts);

    /// <summary>gpt-oss: <see cref="RouterProfiles.GptOss"/> with a scorer bias; experts down((up x + 1) * g * sigmoid(alpha g)) with g and up x clamped, biases everywhere, gate and up interleaved.</summary>
    /// <param name="width">D, positive (2880).</param>
    /// <param name="expertWidth">F, positive (2880).</param>
    /// <param name="experts">E, positive (20b: 32, 120b: 128).</param>
    /// <param name="k">1..E.</param>
    /// <param name="limit"><c>swiglu_limit</c>: the gate is at most this, up is within plus or minus this; positive.</param>
    /// <param name="alpha">Slope inside the sigmoid, finite.</param>
    /// <exception cref="SpecException">A size is wrong; all problems of router and layer are named.</exception>
    /// <remarks>transformers <c>models/gpt_oss/modeling_gpt_oss.py</c> GptOssExperts, 0fa49db (2025-12-01). The checkpoint stores the projections transposed, [E, D, 2F] and [E, F, D].</remarks>
    public static MoELayerSpec GptOss(int width, int expertWidth, int experts, int k = 4, double limit = 7.0, double alpha = 1.702) => new MoELayerSpec
    {
        Width = width,
        Router = RouterRules.TopKThen(ScoreFunction.Softmax, experts, k),
        RouterBias = true,
        Expert = new ExpertSpec { Width = expertWidth, Biases = true, Layout = GluLayout.Interleaved, Alpha = alpha, Limit = limit, UpOffset = 1 },
    }.Checked();

    /// <summary>Llama 4: <see cref="RouterProfiles.Llama4"/> with the weight on the experts' <b>input</b>, SwiGLU experts, and an unweighted shared expert of the same width.</summary>
    /// <param name="width">D, positive (5120).</param>
    /// <param name="expertWidth">F, positive (8192).</param>
    /// <param name="experts">E, positive (Scout: 16, Maverick: 128).</param>
    /// <param name="k">1..E.</param>
    /// <exception cref="SpecException">A size is wrong; all problems of router and layer are named.</exception>
    /// <remarks>transformers <c>models/llama4/modeling_llama4.py</c> Llama4TextMoe, 561a79a (2025-07-18). As SiLU is not linear, a weight on the input is another function than the same weight on the output.</remarks>
    public static MoELayerSpec Llama4(int width, int expertWidth, int experts, int k = 1) => (Glu(width, expertWidth, RouterRules.TopKThen(ScoreFunction.Sigmoid, experts, k)) with
    {
        Shared = new SharedExpertSpec { Width = expertWidth },
        Weighted = WeightedSide.Input,
    }).Checked();

    private static MoELayerSpec Glu(int width, int expertWidth, RouterSpec router) =>
        new() { Width = width, Router = router, Expert = new ExpertSpec { Width = expertWidth } };

    // The merged width is checked as one value, so a negative count and a product beyond int are named together with everything else.
    private static MoELayerSpec Shared(MoELayerSpec layer, int sharedExperts)
    {
        var problems = new SpecProblems();
        problems.Require(sharedExperts >= 0, nameof(sharedExperts), sharedExperts, "must not be negative");
        long total = (long)layer.Expert.Width * sharedExperts;
        problems.Require(total <= int.MaxValue, nameof(sharedExperts), sharedExperts, $"times the expert width ({layer.Expert.Width}) must fit {int.MaxValue}");
        if (sharedExperts > 0 && layer.Expert.Width > 0 && total <= int.MaxValue) layer = layer with { Shared = new SharedExpertSpec { Width = (int)total } };
        SpecException.ThrowIfAny([.. problems.Found, .. layer.Validate()]);
        return layer;
    }
}
