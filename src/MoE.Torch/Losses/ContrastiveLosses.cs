using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Losses that draw two views of the same row together and rows apart: on gate outputs they ask for the same experts from a shortened or disturbed input. All are scalars.</summary>
public static class ContrastiveLosses
{
    /// <summary>
    /// InfoNCE within a batch: the mean over u of <c>-log(exp(s(g_u, g'_u) / tau) / (exp(s(g_u, g'_u) / tau) + sum_{v != u} exp(s(g_u, g_v) / tau)))</c>, s the cosine (AW-MoE; van den Oord et al. 2018).
    /// The negatives are the other rows' first views. A row of zeros has cosine 0 with everything.
    /// </summary>
    /// <param name="rows">g [B, E], B positive.</param>
    /// <param name="views">g' [B, E].</param>
    /// <param name="temperature">tau, positive.</param>
    /// <exception cref="ArgumentException">A shape or type is wrong.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The temperature is not positive.</exception>
    public static Tensor info_nce(Tensor rows, Tensor views, double temperature = 0.5)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(views);
        if (!(temperature > 0 && double.IsFinite(temperature))) throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "must be positive and finite");
        TensorGuard.Matrix(rows, rows.dim() == 2 ? rows.shape[1] : 0, nameof(rows));
        if (rows.shape[0] == 0) throw new ArgumentException("rows has no rows; must have at least one", nameof(rows));
        TensorGuard.Matrix(views, rows.shape[1], nameof(views));
        if (views.shape[0] != rows.shape[0]) throw new ArgumentException($"views has shape {TensorGuard.Shape(views)}; must be {TensorGuard.Shape(rows)}", nameof(views));
        using var scope = NewDisposeScope();
        var g_BE = nn.functional.normalize(rows, 2, -1, 1e-12);
        var own_B1 = (g_BE * nn.functional.normalize(views, 2, -1, 1e-12)).sum(-1, keepdim: true);
        // The row itself is no negative: its place takes the view.
        var self = eye(rows.shape[0], dtype: ScalarType.Bool, device: rows.device);
        var logits_BB = where(self, own_B1.expand(rows.shape[0], rows.shape[0]), g_BE.mm(g_BE.t())) / temperature;
        return (logits_BB.logsumexp(-1) - own_B1.squeeze(-1) / temperature).mean().MoveToOuterDisposeScope();
    }
}
