using MoE.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.AdvMoe;

/// <summary>A small convolutional net whose four inner convolutions have n experts each; stem, normalisations and classifier are shared. With one expert it is a dense net.</summary>
public sealed class PathwayNet : nn.Module
{
    private const int Classes = 10, Outer = 8, Inner = 16, Last = 32;
    private readonly Conv2d stem;
    private readonly ModuleList<PathwayConv2d> convolutions;
    private readonly ModuleList<BatchNorm2d> norms;
    private readonly Linear classifier;

    /// <summary>Makes a net.</summary>
    /// <param name="experts">n.</param>
    /// <param name="half">Half as wide: r = 0.5.</param>
    public PathwayNet(int experts, bool half)
        : base(nameof(PathwayNet))
    {
        int scale = half ? 2 : 1;
        int[] widths = [Outer / scale, Inner / scale, Inner / scale, Last / scale, Last / scale];
        (Experts, MultiplyAdds) = (experts, Cost(widths));
        stem = nn.Conv2d(1, widths[0], 3, padding: 1, bias: false);
        convolutions = [.. Enumerable.Range(0, 4).Select(i => new PathwayConv2d(widths[i], widths[i + 1], experts, stride: i == 1 ? 2 : 1))];
        norms = [.. widths.Select(static w => nn.BatchNorm2d(w))];
        classifier = nn.Linear(widths[^1], Classes);
        RegisterComponents();
    }

    /// <summary>n.</summary>
    public int Experts { get; }

    /// <summary>Multiply-adds per image, of the pathway that it takes.</summary>
    public long MultiplyAdds { get; }

    /// <summary>Classifies.</summary>
    /// <param name="images">[B, 1, 14, 14].</param>
    /// <param name="route">A pathway per image.</param>
    /// <returns>Logits [B, 10].</returns>
    public Tensor classify(Tensor images, PathwayRoute route)
    {
        using var scope = NewDisposeScope();
        var x = norms[0].call(stem.call(images)).relu();
        for (int i = 0; i < convolutions.Count; i++) x = norms[i + 1].call(convolutions[i].call(x, route)).relu();
        return classifier.call(x.mean([2, 3])).MoveToOuterDisposeScope();
    }

    private static long Cost(int[] widths)
    {
        const int Large = SmallClothes.Size, Small = Large / 4;
        return 9L * (widths[0] * Large + widths[0] * widths[1] * Large + (widths[1] * widths[2] + widths[2] * widths[3] + widths[3] * widths[4]) * Small) + widths[4] * Classes;
    }
}
