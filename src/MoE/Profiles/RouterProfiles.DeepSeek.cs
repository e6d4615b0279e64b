namespace MoE;

public static partial class RouterProfiles
{
    /// <summary>DeepSeek-V2: softmax, group-limited top-k with the best probability as group score, raw probabilities times a factor.</summary>
    /// <param name="experts">E, positive (V2: 160, V2-Lite: 64).</param>
    /// <param name="k">1..E (6).</param>
    /// <param name="groups">G, divides E (V2: 8). 1 with <paramref name="keepGroups"/> 1 is <c>topk_method: greedy</c> (V2-Lite).</param>
    /// <param name="keepGroups">Groups kept per token, 1..G (V2: 3).</param>
    /// <param name="scale"><c>routed_scaling_factor</c>, finite (V2: 16).</param>
    /// <param name="normalize"><c>norm_topk_prob</c>; off in the published models. On, with k above 1, DeepSeek's code divides by the sum + 1e-20 and then does <b>not</b> scale.</param>
    /// <returns>w_j = scale * p_j; or p_j / (sum of the chosen p + 1e-20).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// DeepSeek-V2 <c>modeling_deepseek.py</c> MoEGate (deepseek-ai/DeepSeek-V2, 2024) and transformers <c>models/deepseek_v2</c> DeepseekV2MoEGate, 561a79a (2025-07-18), which reads
    /// <c>norm_topk_prob</c> and ignores it. Both fill masked groups with 0; as probabilities are not negative that differs from -infinity only where the kept ones underflow to 0.
    /// Neighbours: <see cref="DeepSeekV3"/> scores with sigmoids, adds a bias, and scores groups by their two best.
    /// </remarks>
    public static RouterSpec DeepSeekV2(int experts, int k, int groups, int keepGroups, double scale, bool normalize = false) =>
        RouterRules.DeepSeekV2(experts, k, groups, keepGroups, scale, normalize).Checked();

    /// <summary>DeepSeek-V3 and R1, as the model authors have it: sigmoid scores, a selection bias, groups by the sum of their two best, division by the sum, a factor.</summary>
    /// <param name="experts">E, positive (256).</param>
    /// <param name="k">1..E (8).</param>
    /// <param name="groups">G, divides E (8). 1 with <paramref name="keepGroups"/> 1: all experts compete.</param>
    /// <param name="keepGroups">Groups kept per token, 1..G (4).</param>
    /// <param name="scale"><c>routed_scaling_factor</c>, finite (2.5).</param>
    /// <param name="normalize"><c>norm_topk_prob</c>, on in the published models.</param>
    /// <param name="bias">A selection bias per expert (<c>e_score_correction_bias</c>); weights never see it. Without it groups are scored by their best expert, as the reference does.</param>
    /// <returns>s = sigmoid(l); chosen by s + b; w_j = scale * s_j / sum of the chosen s.</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// deepseek-ai/DeepSeek-V3 <c>inference/model.py</c> Gate, 9b4e978 (2025-08-28). Masked groups are -infinity and the sum has no epsilon. Logits are taken in single precision, as training and
    /// transformers do; the reference takes them in the input's. Neighbours: <see cref="TransformersDeepSeekV3"/> (masked groups 0), <see cref="Megatron"/> (another group score,
    /// no division with k = 1), <see cref="Torchtitan"/>, <see cref="LlamaCpp"/> (two best also without bias).
    /// </remarks>
    public static RouterSpec DeepSeekV3(int experts, int k, int groups, int keepGroups, double scale, bool normalize = true, bool bias = true) =>
        RouterRules.DeepSeekV3(experts, k, groups, keepGroups, scale, normalize, bias).Checked();

    /// <summary>DeepSeek-V3 as transformers 4 and early 5 have it: <see cref="DeepSeekV3"/> with masked groups at 0 and 1e-20 in the sum.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    /// <param name="groups">G, divides E; each group has two experts or more, unless G is 1.</param>
    /// <param name="keepGroups">Groups kept per token, 1..G.</param>
    /// <param name="scale"><c>routed_scaling_factor</c>, finite.</param>
    /// <param name="normalize"><c>norm_topk_prob</c>.</param>
    /// <returns>s = sigmoid(l); chosen by s + b; w_j = scale * s_j / (sum of the chosen s + 1e-20).</returns>
    /// <exception cref="SpecException">A size is wrong; all problems are named.</exception>
    /// <remarks>
    /// transformers <c>models/deepseek_v3/modeling_deepseek_v3.py</c> DeepseekV3TopkRouter, 561a79a (2025-07-18). With negative biased scores a masked group at 0 <b>wins</b>: the authors'
    /// model does not do that, and transformers pull request 45441 changed it. Use it for parity with numbers from those versions only.
    /// </remarks>
    public static RouterSpec TransformersDeepSeekV3(int experts, int k, int groups, int keepGroups, double scale, bool normalize = true)
    {
        var authors = RouterRules.DeepSeekV3(experts, k, groups, keepGroups, scale, normalize, bias: true);
        return (authors with
        {
            Select = new TopKSelection { K = k, UsesBias = true, Groups = RouterRules.Groups(groups, keepGroups, GroupScore.SumOfTopTwo, GroupMask.Zero) },
            Weigh = RouterRules.Sum(normalize, 1e-20) with { Scale = scale },
        }).Checked();
    }
}
