using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Adapters of a two-dimensional convolution: A is a convolution like the base layer's to r channels [r, in, h, w], B one by one [out, r, 1, 1]. In a layer of g groups A still sees all inputs, as PEFT has it, and B is in g groups,
/// [out, r / g, 1, 1]: what that adds is no weight of g groups, so such adapters cannot be merged.
/// </summary>
public sealed class ConvolutionLoraBank : LoraBank
{
    private readonly Func<Conv2d> _layer;

    /// <summary>Makes a bank without adapters.</summary>
    /// <param name="layer">A layer with zero padding; it stays the caller's.</param>
    /// <exception cref="ArgumentException">The layer pads with other than zeros.</exception>
    public ConvolutionLoraBank(Conv2d layer)
        : base(nameof(ConvolutionLoraBank), Weight(layer))
    {
        if (layer.padding_mode != PaddingModes.Zeros || layer.padding is null) throw new ArgumentException("layer pads with other than a number of zeros", nameof(layer));
        _layer = () => layer;
        Register();
    }

    private protected override (Parameter A, Parameter B) Factors(LoraSpec spec, Generator? generator)
    {
        long groups = _layer().groups;
        if (spec.Rank % groups != 0) throw new ArgumentException($"rank = {spec.Rank}: must be a multiple of the layer's {groups} groups", nameof(spec));
        var (a, b) = Shapes(BaseWeight.shape, groups, spec.Rank);
        return (Initial.Linear(a, a[1] * a[2] * a[3], BaseWeight.dtype, BaseWeight.device, generator), Initial.Zeros(b, BaseWeight.dtype, BaseWeight.device));
    }

    /// <summary>Shapes of A and B for a weight [out, in / groups, h, w].</summary>
    internal static (long[] A, long[] B) Shapes(long[] weight, long groups, long rank) => ([rank, weight[1] * groups, weight[2], weight[3]], [weight[0], rank / groups, 1, 1]);

    internal override string? Unmergeable => _layer().groups == 1 ? null : $"the layer has {_layer().groups} groups: what its adapters add is no weight of that many groups";

    private protected override bool SupportsMagnitude => _layer().groups == 1;

    private protected override Tensor Product(Tensor a, Tensor b) => b.flatten(1).matmul(a.flatten(1)).view(BaseWeight.shape);

    private protected override Tensor LowRank(Tensor x, Tensor a, Tensor b)
    {
        var layer = _layer();
        long[] stride = layer.stride, padding = layer.padding!, dilation = layer.dilation;
        var h = nn.functional.conv2d(x, a, null, stride, padding, dilation);
        return nn.functional.conv2d(h, b, groups: layer.groups);
    }

    private protected override Tensor WithoutBias(Tensor output) => _layer().bias is { } bias ? output - OnOutput(bias) : output;

    private protected override Tensor OnOutput(Tensor perOutput) => perOutput.view(-1, 1, 1);

    private static Func<Tensor> Weight(Conv2d layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        return () => layer.weight;
    }
}
