using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A convolution with n experts as slices of its output channels, of which a sample passes one (AdvMoE, <c>MoEConv</c>). Where the route learns, every slice is computed, because the gradient of a choice needs the outputs of all;
/// otherwise each sample costs its own slice alone.
/// </summary>
public sealed class PathwayConv2d : nn.Module
{
    private readonly Parameter weight;

    /// <summary>Makes a layer; no bias, as a normalisation follows.</summary>
    /// <param name="inputs">Channels in, positive.</param>
    /// <param name="outputs">Channels out of one expert, positive.</param>
    /// <param name="experts">n, positive.</param>
    /// <param name="kernel">Pixels per side, positive and odd; the image is padded by its half.</param>
    /// <param name="stride">Positive.</param>
    /// <param name="dtype">Type of the weights; single precision by default.</param>
    /// <param name="device">Device of the weights.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    public PathwayConv2d(int inputs, int outputs, int experts, int kernel = 3, int stride = 1, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(PathwayConv2d))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(kernel);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(stride);
        if (kernel % 2 == 0) throw new ArgumentException($"kernel = {kernel}: must be odd", nameof(kernel));
        (Outputs, Experts, Kernel, Stride) = (outputs, experts, kernel, stride);
        weight = Initial.Linear([(long)experts * outputs, inputs, kernel, kernel], (long)inputs * kernel * kernel, dtype, device, generator);
        RegisterComponents();
    }

    /// <summary>Channels out of one expert.</summary>
    public int Outputs { get; }

    /// <summary>n.</summary>
    public int Experts { get; }

    /// <summary>Pixels per side of the kernel.</summary>
    public int Kernel { get; }

    /// <summary>The stride.</summary>
    public int Stride { get; }

    /// <summary>[n * outputs, inputs, kernel, kernel]: the channels of expert 0, then those of expert 1, ...</summary>
    public Parameter Weight => weight;

    /// <summary>Runs the layer.</summary>
    /// <param name="x">[B, inputs, H, W].</param>
    /// <param name="route">Of the same B samples and n experts.</param>
    /// <returns>[B, outputs, H / stride, W / stride], rounded up.</returns>
    /// <exception cref="ArgumentException">A shape is wrong, or the route has another number of samples or experts.</exception>
    public Tensor call(Tensor x, PathwayRoute route)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(route);
        if (x.dim() != 4 || x.shape[1] != weight.shape[1]) throw new ArgumentException($"x has shape {TensorGuard.Shape(x)}; must be [B, {weight.shape[1]}, H, W]", nameof(x));
        if (route.Experts != Experts || route.Choices.shape[0] != x.shape[0])
            throw new ArgumentException($"route has {route.Choices.shape[0]} samples and {route.Experts} experts; must have {x.shape[0]} and {Experts}", nameof(route));
        using var scope = NewDisposeScope();
        return (route.Learns ? All(x, route) : Chosen(x, route)).MoveToOuterDisposeScope();
    }

    private Tensor All(Tensor x, PathwayRoute route)
    {
        var y = Convolve(x, weight);
        y = y.view(y.shape[0], Experts, Outputs, y.shape[2], y.shape[3]);
        return y.mul(route.Weights.view(-1, Experts, 1, 1, 1)).sum(1);
    }

    private Tensor Chosen(Tensor x, PathwayRoute route)
    {
        var (rows, restore) = route.Groups();
        var parts = new List<Tensor>();
        for (int e = 0; e < Experts; e++)
        {
            long count = rows[e].shape[0];
            if (count == 0) continue;
            var slice = weight.narrow(0, (long)e * Outputs, Outputs);
            if (count == x.shape[0]) return Convolve(x, slice);
            parts.Add(Convolve(x.index_select(0, rows[e]), slice));
        }

        return parts.Count == 0 ? Convolve(x, weight.narrow(0, 0, Outputs)) : cat([.. parts], 0).index_select(0, restore);
    }

    private Tensor Convolve(Tensor x, Tensor slices) => nn.functional.conv2d(x, slices, strides: [Stride, Stride], padding: [Kernel / 2, Kernel / 2]);
}
