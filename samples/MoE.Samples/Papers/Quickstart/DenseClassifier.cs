using MoE.Samples.Digits;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Quickstart;

/// <summary>The rivals: the same network with one dense hidden block, of two widths, and what each costs.</summary>
public static class DenseClassifier
{
    private const int D = DigitImages.Size;

    /// <summary>The hidden width that costs as many operations per image as the mixture: its router and its chosen experts.</summary>
    public static int WidthOfEqualFlops { get; } = (int)Math.Round(MixtureProducts() / (2.0 * D));

    /// <summary>The hidden width that has as many parameters as the mixture: its router and all its experts.</summary>
    public static int WidthOfEqualParameters { get; } = (int)Math.Round((LayerParameters(MoEClassifier.Spec) - D) / (2.0 * D + 1));

    /// <summary>Operations per image of the mixture, a product and a sum counted as two.</summary>
    public static long MixtureFlops => 2 * (MixtureProducts() + D * DigitImages.Classes);

    /// <summary>Operations per image of a dense network.</summary>
    public static long Flops(int width) => 2L * (2 * D * width + D * DigitImages.Classes);

    /// <summary>Parameters of a network.</summary>
    public static long Parameters(nn.Module model) => model.parameters().Sum(static p => p.numel());

    /// <summary>Makes a dense network; its weights come from the global generator.</summary>
    public static nn.Module<Tensor, Tensor> Make(int width) =>
        nn.Sequential(nn.Linear(D, width), nn.ReLU(), nn.Linear(width, D), nn.Linear(D, DigitImages.Classes));

    private static long MixtureProducts()
    {
        var spec = MoEClassifier.Spec;
        long width = spec.Router.TopK * spec.Expert.Width + (spec.Shared?.Width ?? 0), matrices = spec.Expert.Form == ExpertForm.Glu ? 3 : 2;
        return D * spec.Router.Experts + matrices * D * width;
    }

    private static long LayerParameters(MoELayerSpec spec) =>
        WeightNames.Of(spec).Sum(static w => w.Shape.Aggregate(1L, static (product, d) => product * d));
}
