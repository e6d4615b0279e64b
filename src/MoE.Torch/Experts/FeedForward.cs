using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>One expert network as a function of its weights.</summary>
internal static class FeedForward
{
    public static Tensor Forward(ExpertSpec spec, Tensor x, Tensor? gate, Tensor up, Tensor down, Tensor? gateBias, Tensor? upBias, Tensor? downBias)
    {
        var h = nn.functional.linear(x, up, upBias);
        if (spec.Form == ExpertForm.FeedForward) return nn.functional.linear(Activate(spec, h), down, downBias);
        var g = nn.functional.linear(x, gate!, gateBias);
        if (spec.Limit is { } limit)
        {
            g = g.clamp_max(limit);
            h = h.clamp(-limit, limit);
        }

        if (spec.UpOffset != 0) h = h.add(spec.UpOffset);
        return nn.functional.linear(Activate(spec, g).mul(h), down, downBias);
    }

    private static Tensor Activate(ExpertSpec spec, Tensor x) => spec.Activation switch
    {
        Activation.Relu => nn.functional.relu(x),
        Activation.Gelu => nn.functional.gelu(x),
        Activation.GeluTanh => nn.functional.gelu(x, TorchSharp.Modules.GELU.Approximate.tanh),
        Activation.Silu when spec.Alpha == 1 => nn.functional.silu(x),
        Activation.Silu => x.mul(x.mul(spec.Alpha).sigmoid()),
        Activation.Identity => x,
        _ => throw new ArgumentOutOfRangeException(nameof(spec), spec.Activation, "must be a defined activation"),
    };
}
