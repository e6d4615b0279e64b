using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// A layer with its adapters as one module: <c>base_layer</c> and the factors of its bank, for models built with adapters from the start. To put adapters on a model that exists, see <see cref="LoraModel"/>.
/// </summary>
public abstract class LoraLayer : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor> base_layer;
    private readonly LoraBank adapters;

    private protected LoraLayer(string name, nn.Module<Tensor, Tensor> layer, LoraBank bank)
        : base(name)
    {
        base_layer = layer;
        adapters = bank;
        RegisterComponents();
    }

    /// <summary>The base layer; owned by this module.</summary>
    public nn.Module<Tensor, Tensor> Base => base_layer;

    /// <summary>The adapters.</summary>
    public LoraBank Adapters => adapters;

    /// <summary>Which adapters act; none at first.</summary>
    public LoraMix Mix { get; set; } = LoraMix.None;

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        return adapters.apply(input, base_layer.call(input), Mix).MoveToOuterDisposeScope();
    }
}

/// <summary>A linear layer with adapters.</summary>
/// <param name="layer">Owned by this module from now on.</param>
public sealed class LoraLinear(Linear layer) : LoraLayer(nameof(LoraLinear), layer, new LinearLoraBank(layer));

/// <summary>An embedding with adapters.</summary>
/// <param name="layer">Owned by this module from now on.</param>
public sealed class LoraEmbedding(Embedding layer) : LoraLayer(nameof(LoraEmbedding), layer, new EmbeddingLoraBank(layer));

/// <summary>A two-dimensional convolution with adapters.</summary>
/// <param name="layer">Owned by this module from now on.</param>
public sealed class LoraConv2d(Conv2d layer) : LoraLayer(nameof(LoraConv2d), layer, new ConvolutionLoraBank(layer));
