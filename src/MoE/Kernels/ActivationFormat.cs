namespace MoE;

/// <summary>What the products of a layer multiply its weights with.</summary>
public enum ActivationFormat
{
    /// <summary>Single precision.</summary>
    Single,

    /// <summary>
    /// 8 bits with a scale per token and 32 numbers, for 8-bit and 4-bit weights: integer products. Each activation is off by up to 1/254 of its block's largest, which adds about 0.6 % to a product's error
    /// (root mean square over normal numbers; measured 0.5 to 1 % on a layer's output).
    /// </summary>
    Int8,
}
