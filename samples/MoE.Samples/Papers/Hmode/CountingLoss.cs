using MoE.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Hmode;

/// <summary>The losses of HMoDE.</summary>
public static class CountingLoss
{
    /// <summary>Densities are learned a hundredfold.</summary>
    public const double Scale = 100;

    private const int Cell = 16, Hardest = 9;

    /// <summary>All of it, over the size of the batch: squared errors of the seven maps, weighed 1, 2 and 4 by level; importance of the first level's gates; the mask; relative local counts.</summary>
    /// <param name="maps">The maps.</param>
    /// <param name="density">[B, 1, H, W], a hundredfold.</param>
    /// <param name="relative">With the relative local counts, which the released training leaves out.</param>
    public static Tensor Of(DensityMaps maps, Tensor density, bool relative)
    {
        using var scope = NewDisposeScope();
        var loss = (maps.Experts - density).square().sum() + 2 * (maps.Pairs - density).square().sum() + 4 * (maps.Final - density).square().sum();
        for (int g = 0; g < DensityModel.Experts; g++) loss = loss + TorchRouterLosses.importance(maps.PairWeights.select(1, g).permute(0, 2, 3, 1).reshape(-1, 2));
        long times = density.shape[2] / maps.Mask.shape[2];
        var mask = nn.functional.interpolate(maps.Mask, scale_factor: [times, times], mode: InterpolationMode.Nearest);
        loss = loss + nn.functional.binary_cross_entropy(mask, density.gt(1e-5 * Scale).to(ScalarType.Float32), reduction: nn.Reduction.Sum);
        if (relative) loss = loss + Relative(maps.Final, density);
        return (loss / density.shape[0]).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Relative local counts: of the cells of 16x16 pixels of an image, the nine with the largest squared errors, sorted by their true counts and dealt into three triples (a, b, c), a the largest. Predicted counts must keep the
    /// order, by hinges on a - b, a - c and their difference; the nine squared errors are added.
    /// </summary>
    /// <param name="predicted">[B, 1, H, W].</param>
    /// <param name="density">[B, 1, H, W].</param>
    /// <returns>The sum over the batch; where an image has fewer than nine cells, their squared errors alone.</returns>
    public static Tensor Relative(Tensor predicted, Tensor density)
    {
        using var scope = NewDisposeScope();
        // Means of cells times their pixels.
        Tensor Cells(Tensor map) => nn.functional.avg_pool2d(map, [Cell, Cell]).mul(Cell * Cell).flatten(1);
        Tensor p = Cells(predicted), t = Cells(density), errors = (p - t).square();
        if (errors.shape[1] < Hardest) return errors.sum().MoveToOuterDisposeScope();
        var hard = errors.detach().topk(Hardest, 1).indexes;
        var order = hard.gather(1, t.gather(1, hard).argsort(1, descending: true));
        var sorted = p.gather(1, order).view(-1, 3, Hardest / 3);
        Tensor a = sorted.select(1, 0), ab = a - sorted.select(1, 1), ac = a - sorted.select(1, 2);
        return (ab.neg().relu().sum() + ac.neg().relu().sum() + (ab - ac).relu().sum() + errors.gather(1, hard).sum()).MoveToOuterDisposeScope();
    }
}
