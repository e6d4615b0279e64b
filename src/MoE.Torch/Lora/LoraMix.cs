using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Which adapters of a layer act on a call, and with what weight. A closed family.</summary>
public abstract record LoraMix
{
    private protected LoraMix()
    {
    }

    /// <summary>The base layer alone.</summary>
    public static LoraMix None { get; } = new WeightedLoraMix(new Dictionary<string, double>());

    /// <summary>Adapters with weight one each, added up.</summary>
    /// <param name="names">Names of adapters.</param>
    public static LoraMix Of(params ReadOnlySpan<string> names)
    {
        var weights = new Dictionary<string, double>();
        foreach (string name in names) weights[name] = 1;
        return new WeightedLoraMix(weights);
    }
}

/// <summary>The same weights for every row.</summary>
/// <param name="Weights">By adapter; others do not act.</param>
public sealed record WeightedLoraMix(IReadOnlyDictionary<string, double> Weights) : LoraMix;

/// <summary>One adapter per row of the batch (the situation of S-LoRA and Punica; PEFT <c>adapter_names</c>).</summary>
/// <param name="Adapters">[B] int64, B being the first dimension of the layer's input: the number of an adapter in the order they were added, or -1 for the base alone.</param>
public sealed record RowLoraMix(Tensor Adapters) : LoraMix;

/// <summary>A weight per position and adapter (X-LoRA). It multiplies the input of A, which for a linear layer without dropout is the same as multiplying the output.</summary>
/// <param name="Scalings">[..., n] over all adapters in the order they were added, with the leading dimensions of the layer's input; or [B, n] for one decision per row.</param>
/// <param name="GlobalWeight">Multiplies all of them.</param>
public sealed record ScaledLoraMix(Tensor Scalings, double GlobalWeight = 1) : LoraMix;

/// <summary>
/// A and B of all adapters combined before the product, a combination per row of the batch (experts in parameter space, as Poly mixes skills): A = sum_i w_i A_i, B = sum_i w_i B_i. Adapters must share rank and scale.
/// Takes what gates for <see cref="ScaledLoraMix"/> give: [B, n]. Linear layers only.
/// </summary>
/// <param name="Weights">[B, n] over all adapters in the order they were added, B being the first dimension of the layer's input.</param>
public sealed record CombinedLoraMix(Tensor Weights) : LoraMix;

/// <summary>A gate of the library chooses among the adapters for every position, from the layer's own input: any <see cref="TorchGate"/> over as many experts as there are adapters.</summary>
/// <param name="Route">[T, in] to a routing over the adapters in the order they were added.</param>
public sealed record RoutedLoraMix(Func<Tensor, RoutingTensors> Route) : LoraMix;

/// <summary>
/// Arrow (Ostapenko et al. 2024): every adapter's prototype is the input direction that it changes most, the first right singular vector of B A; a position goes to the adapters whose prototypes have the largest absolute
/// products with it, weighted by a softmax over them. No training. Make it with <see cref="LoraModel.ArrowMixes"/>. Linear layers only.
/// </summary>
/// <param name="Prototypes">[n, in], of unit length.</param>
/// <param name="TopK">Adapters per position, 1..n.</param>
/// <param name="Temperature">Of the softmax, positive.</param>
public sealed record ArrowLoraMix(Tensor Prototypes, int TopK = 3, double Temperature = 1) : LoraMix;
