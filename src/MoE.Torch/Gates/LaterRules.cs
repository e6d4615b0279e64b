using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>The second-expert policies as tensor operations.</summary>
internal static class LaterRules
{
    /// <summary>[T, K] bool: true for the first choice and for later choices that the rule routes.</summary>
    public static Tensor Routed(LaterChoices later, Tensor scores_TE, Tensor experts_TK, Tensor weights_TK, GateContext context)
    {
        long tokens = experts_TK.shape[0], rest = experts_TK.shape[1] - 1;
        var first_T1 = ones([tokens, 1], dtype: ScalarType.Bool, device: experts_TK.device);
        if (later.Rule == LaterRule.None) return cat([first_T1, zeros([tokens, rest], dtype: ScalarType.Bool, device: experts_TK.device)], 1);
        var value_TK = later.Value == LaterValue.Score ? scores_TE.gather(1, experts_TK.clamp_min(0)) : weights_TK;
        var value_TL = value_TK.detach().narrow(1, 1, rest);
        // Compared in single precision, as the peers and the managed engine do.
        float[] thresholds = [.. Enumerable.Range(1, (int)rest).Select(j => (float)(later.Rule == LaterRule.Random ? Math.Max(later.ThresholdOf(j), later.ThresholdFloor) : later.ThresholdOf(j)))];
        var limit_L = tensor(thresholds).to(value_TL.dtype, value_TL.device);
        var routed_TL = later.Rule == LaterRule.Threshold
            ? value_TL.gt(limit_L)
            : NoiseDraw.Of(context, NoiseNames.LaterChoices, NoiseKind.Uniform, [rest, tokens], value_TL).t().lt(value_TL.div(limit_L));
        return cat([first_T1, routed_TL], 1);
    }
}
