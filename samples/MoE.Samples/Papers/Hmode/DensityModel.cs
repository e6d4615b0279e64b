using MoE.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.Hmode;

/// <summary>HMoDE, small: an encoder with strides 2, 4 and 8, a decoder with skips, a density expert on each of its three levels, pairs of experts under competing gates, and the merged maps under one more.</summary>
public sealed class DensityModel : nn.Module
{
    /// <summary>Experts; the last is the finest.</summary>
    public const int Experts = 3;

    private const int C1 = 16, C2 = 32, C3 = 64, Fine = 8, Gate = 32;
    private readonly nn.Module<Tensor, Tensor> down1;
    private readonly nn.Module<Tensor, Tensor> down2;
    private readonly nn.Module<Tensor, Tensor> down3;
    private readonly nn.Module<Tensor, Tensor> up2;
    private readonly nn.Module<Tensor, Tensor> up1;
    private readonly ModuleList<nn.Module<Tensor, Tensor>> heads;
    private readonly PixelGate compete;
    private readonly nn.Module<Tensor, Tensor> mask;
    private readonly PixelGate join;
    private readonly GateForm _form;

    /// <summary>Makes a model; its weights come from the global generator and do not depend on the form of the gates.</summary>
    /// <param name="form">What the gates give.</param>
    public DensityModel(GateForm form)
        : base(nameof(DensityModel))
    {
        _form = form;
        down1 = Block(1, C1, 2);
        down2 = Block(C1, C2, 2);
        down3 = nn.Sequential(Block(C2, C3, 2), Block(C3, C3, 1));
        up2 = Block(C3 + C2, C1, 1);
        up1 = Block(C1 + C1, Fine, 1);
        heads = [Head(C3), Head(C1), Head(Fine)];
        compete = new PixelGate(Scorer(2 * Experts), 2, Experts);
        mask = nn.Sequential(nn.Conv2d(C3, 1, 3, padding: 1), nn.Sigmoid());
        join = new PixelGate(Scorer(Experts), Experts);
        RegisterComponents();
    }

    /// <summary>Predicts densities, a hundredfold.</summary>
    /// <param name="images">[B, 1, H, W], H and W multiples of 8.</param>
    public DensityMaps predict(Tensor images)
    {
        using var scope = NewDisposeScope();
        Tensor x1 = down1.call(images), x2 = down2.call(x1), x3 = down3.call(x2);
        var y2 = up2.call(cat([Enlarge(x3, 2), x2], 1));
        var y1 = up1.call(cat([Enlarge(y2, 2), x1], 1));
        // Nearest neighbours and no division: a map's count is its sum over all pixels.
        var maps = cat([Enlarge(heads[0].call(x3), 8), Enlarge(heads[1].call(y2), 4), Enlarge(heads[2].call(y1), 2)], 1);
        Tensor amplitude = mask.call(x3), pairs = compete.call(x3), joined = join.call(x3 * amplitude);
        if (_form == GateForm.Uniform) (pairs, joined) = (full_like(pairs, 0.5), full_like(joined, 1.0 / Experts));
        var merged = PixelGate.mix(PixelGate.pairs(maps), pairs);
        var final = PixelGate.mix(merged.unsqueeze(1), joined);
        return new(maps.MoveToOuterDisposeScope(), merged.MoveToOuterDisposeScope(), final.MoveToOuterDisposeScope(), pairs.MoveToOuterDisposeScope(), amplitude.MoveToOuterDisposeScope());
    }

    private static nn.Module<Tensor, Tensor> Block(int from, int to, int stride) => nn.Sequential(nn.Conv2d(from, to, 3, stride: stride, padding: 1, bias: false), nn.BatchNorm2d(to), nn.ReLU());

    // A ReLU ends the expert, as in the paper; a bias of one half keeps it from being dead at first.
    private static nn.Module<Tensor, Tensor> Head(int from)
    {
        var last = nn.Conv2d(16, 1, 1);
        nn.init.constant_(last.bias!, 0.5);
        return nn.Sequential(nn.Conv2d(from, 16, 1), nn.ReLU(), last, nn.ReLU());
    }

    private nn.Module<Tensor, Tensor> Scorer(int logits) => nn.Sequential(
        nn.Conv2d(C3, Gate, 3, padding: 1), nn.ReLU(), nn.Conv2d(Gate, logits, 1), _form == GateForm.Image ? nn.AdaptiveAvgPool2d(1) : nn.Identity());

    private static Tensor Enlarge(Tensor maps, int times) => nn.functional.interpolate(maps, scale_factor: [times, times], mode: InterpolationMode.Nearest);
}
