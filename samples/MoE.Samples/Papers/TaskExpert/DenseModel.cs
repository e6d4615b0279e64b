using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.TaskExpert;

/// <summary>A backbone of four taps, a decoder between, and a head per task; contenders differ in the decoder alone.</summary>
public abstract class DenseModel : nn.Module
{
    /// <summary>Semantic classes, boundary, depth.</summary>
    public const int Tasks = 3;

    /// <summary>Places in the backbone that decoders read.</summary>
    public const int Taps = 4;

    /// <summary>Channels of the backbone, and of what the heads read.</summary>
    protected const int Wide = 24, Narrow = 16;

    // A place of the backbone's map is a patch of 4 x 4 pixels, which a head gives at once.
    private const int Patch = 4, Stem = 16;
    private static readonly int[] s_outputs = [Mosaics.ClassCount, 1, 1];
    private readonly nn.Module<Tensor, Tensor> stem;
    private readonly ModuleList<nn.Module<Tensor, Tensor>> blocks;
    private readonly ModuleList<nn.Module<Tensor, Tensor>> heads;

    /// <summary>Makes backbone and heads, to be registered by the derived type; weights come from the global generator.</summary>
    protected DenseModel(string name)
        : base(name)
    {
        stem = Unit(1, Stem, 3, 2);
        blocks = [.. Enumerable.Range(0, Taps).Select(static tap => Unit(tap == 0 ? Stem : Wide, Wide, 3, tap == 0 ? 2 : 1))];
        heads = [.. s_outputs.Select(static outputs => nn.Sequential(Unit(Narrow, Narrow, 3, 1), nn.Conv2d(Narrow, outputs * Patch * Patch, 1), nn.PixelShuffle(Patch)))];
    }

    /// <summary>Number of parameters.</summary>
    public long Size => parameters().Sum(static p => p.numel());

    /// <summary>Predicts.</summary>
    /// <param name="images">[B, 1, 32, 32].</param>
    public DenseOutput predict(Tensor images)
    {
        using var scope = NewDisposeScope();
        var taps = new Tensor[Taps];
        var x = stem.call(images);
        for (int tap = 0; tap < Taps; tap++)
        {
            x = tap == 0 ? blocks[0].call(x) : x + blocks[tap].call(x);
            taps[tap] = x;
        }

        var (features, weights) = Decode(taps);
        Tensor[] outputs = [.. features.Select((f, t) => heads[t].call(f).MoveToOuterDisposeScope())];
        foreach (var tensor in weights.SelectMany(static w => w)) tensor.MoveToOuterDisposeScope();
        return new(outputs[0], outputs[1], outputs[2], weights);
    }

    /// <summary>Turns taps [B, 24, 8, 8] into a map [B, 16, 8, 8] per task, with the weights of its gates.</summary>
    protected abstract (IReadOnlyList<Tensor> Features, IReadOnlyList<IReadOnlyList<Tensor>> Weights) Decode(IReadOnlyList<Tensor> taps);

    /// <summary>Convolution, normalisation, GELU.</summary>
    protected static nn.Module<Tensor, Tensor> Unit(int from, int to, int kernel, int stride) =>
        nn.Sequential(nn.Conv2d(from, to, kernel, stride: stride, padding: kernel / 2, bias: false), nn.BatchNorm2d(to), nn.GELU());
}
