using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Dispatch to slots and back.</summary>
internal static class SoftSlots
{
    public static void Check(Tensor x, long width)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.dim() != 3 || x.shape[2] != width || x.shape[1] == 0) throw new ArgumentException($"x has shape {TensorGuard.Shape(x)}; must be [B, N, {width}] with N positive", nameof(x));
        TensorGuard.Floating(x, nameof(x));
    }

    public static void CheckPadding(Tensor? padding, Tensor x)
    {
        if (padding is not null && (padding.dtype != ScalarType.Bool || padding.dim() != 2 || padding.shape[0] != x.shape[0] || padding.shape[1] != x.shape[1]))
            throw new ArgumentException($"padding has shape {TensorGuard.Shape(padding)} and type {padding.dtype}; must be [{x.shape[0]}, {x.shape[1]}] bool", nameof(padding));
    }

    public static Tensor RootMeanSquare(Tensor x, Tensor gamma) => nn.functional.normalize(x, p: 2, dim: -1).mul(Math.Sqrt(x.shape[^1])).mul(gamma);

    /// <summary>Softmaxes over tokens and over slots, masked by the least finite number as the peers do: a masked token still combines, evenly.</summary>
    public static SoftResult Mix(Tensor tokens_BND, Tensor logits_BNES, Tensor? padding_BN, Tensor? emptySlots_BS, ExpertBank experts)
    {
        double lowest = logits_BNES.dtype == ScalarType.Float64 ? double.MinValue : float.MinValue;
        if (padding_BN is not null) logits_BNES = logits_BNES.masked_fill(padding_BN.unsqueeze(-1).unsqueeze(-1), lowest);
        if (emptySlots_BS is not null) logits_BNES = logits_BNES.masked_fill(emptySlots_BS.unsqueeze(1).unsqueeze(1), lowest);
        long batch = logits_BNES.shape[0], e = logits_BNES.shape[2], s = logits_BNES.shape[3];
        if (e != experts.Experts) throw new InvalidOperationException($"the logits are for {e} experts; the bank holds {experts.Experts}");
        var dispatch_BNES = logits_BNES.softmax(1);
        var combine_BNES = logits_BNES.flatten(2).softmax(-1).view(logits_BNES.shape);
        var slots_BZD = dispatch_BNES.flatten(2).transpose(1, 2).matmul(tokens_BND);
        var rows = slots_BZD.view(batch, e, s, -1).transpose(0, 1).reshape(e * batch * s, -1);
        var done = experts.call(rows, new ExpertSegments([.. Enumerable.Repeat(batch * s, (int)e)]));
        var back_BZD = done.view(e, batch, s, -1).transpose(0, 1).reshape(batch, e * s, -1);
        return new SoftResult(combine_BNES.flatten(2).matmul(back_BZD), dispatch_BNES, combine_BNES);
    }
}
