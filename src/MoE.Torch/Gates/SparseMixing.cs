using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>SparseMixer as tensor operations.</summary>
internal static class SparseMixing
{
    /// <summary>[T, K] experts and weights of SparseMixer-v2.</summary>
    public static (Tensor Experts, Tensor Weights) Route(Tensor logits_TE, SparseMixerSelection rule, GateContext context, bool training)
    {
        var (experts, weights) = (new List<Tensor>(), new List<Tensor>());
        var rest_TE = logits_TE;
        for (int j = 0; j < rule.K; j++)
        {
            Tensor masked_TE, taken_T1, none_T1, part_T1;
            using (no_grad())
            {
                masked_TE = Far(logits_TE, rest_TE, rule.Jitter);
                none_T1 = rest_TE.isneginf().all(1, keepdim: true);
            }

            // A row without any expert is kept finite; it weighs nothing.
            var open_TE = rest_TE.masked_fill(masked_TE, double.NegativeInfinity).masked_fill(none_T1, 0);
            var p_TE = open_TE.softmax(-1);
            using (no_grad())
            {
                var best_T1 = First(p_TE);
                taken_T1 = best_T1;
                part_T1 = ones_like(best_T1, dtype: p_TE.dtype);
                if (context.GivenExperts is { } given)
                {
                    taken_T1 = given.narrow(1, j, 1);
                    none_T1 = none_T1.logical_or(taken_T1.lt(0));
                    taken_T1 = taken_T1.clamp_min(0);
                }
                else if (training)
                {
                    taken_T1 = First(open_TE.sub(NoiseDraw.Of(context, $"{NoiseNames.Sample}{j}", NoiseKind.Exponential, open_TE.shape, open_TE).log()));
                }

                if (training)
                {
                    var uniform_T1 = NoiseDraw.Of(context, $"{NoiseNames.Heun}{j}", NoiseKind.Uniform, [open_TE.shape[0], 1], p_TE);
                    part_T1 = part_T1.masked_fill(taken_T1.ne(best_T1).logical_and(uniform_T1.le(0.75)), 0.3333);
                }
            }

            var weight_T1 = p_TE.gather(1, taken_T1);
            // The forward pass sees a part, the gradient the whole.
            weight_T1 = weight_T1.add(weight_T1.mul(part_T1.sub(1)).detach());
            experts.Add(taken_T1.masked_fill(none_T1, -1));
            weights.Add(weight_T1.masked_fill(none_T1, 0));
            rest_TE = rest_TE.scatter(1, taken_T1, full_like(taken_T1, double.NegativeInfinity, dtype: rest_TE.dtype));
        }

        return (cat(experts, 1), cat(weights, 1));
    }

    /// <summary>True for experts too far below the best of the rest.</summary>
    public static Tensor Far(Tensor logits_TE, Tensor rest_TE, double jitter)
    {
        var best_T1 = rest_TE.amax([1], keepdim: true);
        var factor_TE = maximum(logits_TE.abs(), best_T1);
        return best_T1.sub(logits_TE).div(factor_TE).gt(2 * jitter);
    }

    public static Tensor First(Tensor values_TE) => values_TE.shape[0] == 0 ? zeros([0, 1], dtype: ScalarType.Int64, device: values_TE.device) : values_TE.max(1, keepdim: true).indexes;
}
