using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Adapters of a two-dimensional convolution: A is a convolution like the base layer's to r channels [r, in, h, w], B one by one [out, r, 1, 1].</summary>
public sealed class ConvolutionLoraBank : LoraBank
{
    private readonly Func<Conv2d> _layer;

    /// <summary>Makes a bank without adapters.</summary>
    /// <param name="layer">A layer of one group with zero padding; it stays the caller's.</param>
    /// <exception cref="ArgumentException">The layer has several groups or pads with other than zeros.</exception>
    public ConvolutionLoraBank(Conv2d layer)
        : base(nameof(ConvolutionLoraBank), Weight(layer))
    {
        if (layer.groups != 1) throw new ArgumentException($"layer has {layer.groups} groups; must have one", nameof(layer));
        if (layer.padding_mode != PaddingModes.Zeros || layer.padding is null) throw new ArgumentException("layer pads with other than a number of zeros", nameof(layer));
        _layer = () => layer;
        Register();
    }

    private protected override (Parameter A, Parameter B) Factors(LoraSpec spec, Generator? generator)
    {
        long[] shape = BaseWeight.shape;
        long fan = shape[1] * shape[2] * shape[3];
        return (Initial.Linear([spec.Rank, shape[1], shape[2], shape[3]], fan, BaseWeight.dtype, BaseWeight.device, generator), Initial.Zeros([shape[0], spec.Rank, 1, 1], BaseWeight.dtype, BaseWeight.device));
    }

    private protected override Tensor Product(Tensor a, Tensor b) => b.flatten(1).matmul(a.flatten(1)).view(BaseWeight.shape);

    private protected override Tensor LowRank(Tensor x, Tensor a, Tensor b)
    {
        var layer = _layer();
        long[] stride = layer.stride, padding = layer.padding!, dilation = layer.dilation;
        var h = nn.functional.conv2d(x, a, null, stride, padding, dilation);
        return nn.functional.conv2d(h, b);
    }

    private protected override Tensor WithoutBias(Tensor output) => _layer().bias is { } bias ? output - OnOutput(bias) : output;

    private protected override Tensor OnOutput(Tensor perOutput) => perOutput.view(-1, 1, 1);

    private static Func<Tensor> Weight(Conv2d layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        return () => layer.weight;
    }
}
