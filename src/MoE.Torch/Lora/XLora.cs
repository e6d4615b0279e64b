using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>How X-LoRA's scalings are thinned out (Buehler and Buehler 2024).</summary>
public static class XLora
{
    /// <summary>The scalings that act: all, or the k largest of each token, optionally renormalised.</summary>
    /// <param name="scalings">[..., n].</param>
    /// <param name="topK">Adapters kept per token, 1..n; null: all.</param>
    /// <param name="softmaxKept">A softmax over the kept scalings of each token (PEFT <c>enable_softmax_topk</c>). A scaling that is exactly zero counts as not kept, as in the peers; a token without any keeps zeros.</param>
    /// <param name="acrossTokens">The softmax runs over all kept scalings of the whole batch as one vector: the defect of the original X-LoRA code (and of PEFT before its issue 2786), for parity only.</param>
    /// <returns>[..., n].</returns>
    /// <exception cref="ArgumentException">There is no adapter.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k does not fit.</exception>
    public static Tensor effective_scalings(Tensor scalings, int? topK = null, bool softmaxKept = false, bool acrossTokens = false)
    {
        ArgumentNullException.ThrowIfNull(scalings);
        if (scalings.dim() == 0 || scalings.shape[^1] == 0) throw new ArgumentException($"scalings has shape {TensorGuard.Shape(scalings)}; must be [..., n]", nameof(scalings));
        TensorGuard.Floating(scalings, nameof(scalings));
        if (topK is { } given && (given < 1 || given > scalings.shape[^1])) throw new ArgumentOutOfRangeException(nameof(topK), topK, $"must be in 1..{scalings.shape[^1]}");
        using var scope = NewDisposeScope();
        var kept = scalings.alias();
        if (topK is { } k)
        {
            Tensor mask;
            using (no_grad())
            {
                var (_, at) = Selection.TopK(scalings.detach(), k, TieRule.Native);
                mask = zeros_like(scalings.detach()).scatter_(-1, at, ones_like(at, dtype: scalings.dtype));
            }

            kept = scalings * mask;
        }

        if (!softmaxKept) return kept.MoveToOuterDisposeScope();
        var closed = kept.detach().eq(0);
        var open = kept.masked_fill(closed, -1e30);
        var weights = acrossTokens ? open.flatten().softmax(0).view(kept.shape) : open.softmax(-1);
        return weights.masked_fill(closed, 0).MoveToOuterDisposeScope();
    }
}
