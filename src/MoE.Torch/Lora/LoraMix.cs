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
