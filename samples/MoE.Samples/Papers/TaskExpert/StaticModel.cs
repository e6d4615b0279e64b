using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Samples.Papers.TaskExpert;

/// <summary>Decoders without gates, wide enough to have as many parameters as another model.</summary>
public sealed class StaticModel : DenseModel
{
    private readonly ModuleList<nn.Module<Tensor, Tensor>> decoders;
    private readonly bool _everyTap;

    /// <summary>Makes a model.</summary>
    /// <param name="everyTap">A decoder per tap and task, whose maps are added; otherwise one per task on the last tap, with larger kernels.</param>
    /// <param name="width">Hidden channels, positive.</param>
    public StaticModel(bool everyTap, int width)
        : base(nameof(StaticModel))
    {
        _everyTap = everyTap;
        int kernel = everyTap ? 1 : 3;
        decoders = [.. Enumerable.Range(0, Tasks * (everyTap ? Taps : 1)).Select(_ => nn.Sequential(Unit(Wide, width, kernel, 1), nn.Conv2d(width, Narrow, kernel, padding: kernel / 2)))];
        RegisterComponents();
    }

    /// <summary>The width that comes closest to a number of parameters, which grows by the same amount with every channel.</summary>
    public static int WidthFor(bool everyTap, long size)
    {
        using StaticModel one = new(everyTap, 1), two = new(everyTap, 2);
        return Math.Max(1, (int)Math.Round(1 + (size - one.Size) / (double)(two.Size - one.Size)));
    }

    /// <inheritdoc/>
    protected override (IReadOnlyList<Tensor> Features, IReadOnlyList<IReadOnlyList<Tensor>> Weights) Decode(IReadOnlyList<Tensor> taps)
    {
        Tensor Of(int task) => _everyTap
            ? Enumerable.Range(0, Taps).Select(tap => decoders[tap * Tasks + task].call(taps[tap])).Aggregate(static (a, b) => a + b)
            : decoders[task].call(taps[^1]);
        return ([.. Enumerable.Range(0, Tasks).Select(Of)], []);
    }
}
