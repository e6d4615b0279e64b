namespace MoE;

/// <summary>What becomes of a token's second expert, in the words of NLLB and torchscale.</summary>
public enum SecondExpertPolicy
{
    /// <summary>It is always routed.</summary>
    All,

    /// <summary>It is routed with a probability of twice its value.</summary>
    Random,

    /// <summary>It is chosen with Gumbel noise, and always routed.</summary>
    Sampling,
}
