using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>
/// Multi-head mixture of experts (Wu et al. 2024, arXiv 2404.15045): a token is mapped and cut into H sub-tokens, each of which is routed by itself in a layer of width D / H, and the results are joined and mapped again. One
/// token so reaches up to H k experts. Parameters beside the layer's: <c>split</c> and <c>merge</c>, linear with bias, D to D.
/// </summary>
/// <example><code>var layer = new MultiHeadMoE(new MoELayer(LayerProfiles.Mixtral(width: 16, expertWidth: 64, experts: 8)), width: 64, heads: 4);</code></example>
public sealed class MultiHeadMoE : nn.Module<Tensor, Tensor>
{
    private readonly Linear split;
    private readonly Linear merge;
    private readonly MoELayer layer;

    /// <summary>Makes a layer; weights of the two maps are drawn with Xavier's uniform rule, gain 1 / sqrt 2 and 1, as in the paper's appendix.</summary>
    /// <param name="layer">The mixture over sub-tokens; owned by this layer from now on.</param>
    /// <param name="width">D, positive.</param>
    /// <param name="heads">H, positive; divides D.</param>
    /// <param name="dtype">Type of the two maps; single precision by default.</param>
    /// <param name="device">Device of the two maps.</param>
    /// <param name="generator">Source of the initial weights; the global one by default.</param>
    /// <exception cref="ArgumentException">The layer's spec has another width than D / H.</exception>
    public MultiHeadMoE(MoELayer layer, int width, int heads, ScalarType? dtype = null, Device? device = null, Generator? generator = null)
        : base(nameof(MultiHeadMoE))
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        if (width % heads != 0) throw new ArgumentException($"heads = {heads}; must divide the width, {width}", nameof(heads));
        if (layer.Spec is { } spec && spec.Width != width / heads) throw new ArgumentException($"layer has width {spec.Width}; must have {width / heads}, the width of a sub-token", nameof(layer));
        Heads = heads;
        split = Map(Math.Sqrt(3.0 / 2));
        merge = Map(Math.Sqrt(3));
        this.layer = layer;
        RegisterComponents();

        Linear Map(double bound)
        {
            var map = nn.Linear(width, width, hasBias: true, device: device, dtype: dtype);
            // U(-a, a) with a = gain sqrt(6 / (D + D)); the initialiser draws from +-1 / sqrt(fan in).
            map.weight = Initial.Linear([width, width], width, dtype, device, generator);
            using (no_grad()) map.weight.mul_(bound);
            map.bias = Initial.Zeros([width], dtype, device);
            return map;
        }
    }

    /// <summary>H.</summary>
    public int Heads { get; }

    /// <summary>The mixture over sub-tokens.</summary>
    public MoELayer Layer => layer;

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return route(x).Output.MoveToOuterDisposeScope();
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="x">[..., D].</param>
    /// <param name="context">Padding, token, task and type ids are per token; whatever else there is goes to the inner layer as it is and is per sub-token: row t H + h is head h of token t.</param>
    /// <returns>The output, [..., D]; the routing and losses of the sub-tokens.</returns>
    /// <exception cref="ArgumentException">A shape or type is wrong, or a logit cannot be routed.</exception>
    public MoEResult route(Tensor x, GateContext? context = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        long width = split.weight!.shape[1];
        TensorGuard.LastDimension(x, width, nameof(x));
        TensorGuard.SameType(x, split.weight, nameof(x));
        using var scope = NewDisposeScope();
        // Sequences stay sequences, H times as long.
        long[] tokens = x.shape[..^1];
        long[] inner = tokens.Length == 0 ? [Heads, width / Heads] : [.. tokens[..^1], tokens[^1] * Heads, width / Heads];
        var result = layer.route(split.call(x).reshape(inner), context is null ? null : PerHead(context));
        var output = merge.call(result.Output.reshape([.. tokens, width]));
        return new MoEResult(output, result.Routing, result.Losses).MoveToOuterDisposeScope();
    }

    private GateContext PerHead(GateContext context) => ReferenceEquals(context, GateContext.Empty) ? context : context with
    {
        Padding = Each(context.Padding),
        TokenIds = Each(context.TokenIds),
        TaskIds = Each(context.TaskIds),
        TypeIds = Each(context.TypeIds),
        SequenceLength = checked(context.SequenceLength * Heads),
    };

    private Tensor? Each(Tensor? perToken) => perToken?.flatten().unsqueeze(1).expand(-1, Heads).reshape(-1);
}
