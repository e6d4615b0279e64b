namespace MoE;

/// <summary>Which variance a squared coefficient of variation uses.</summary>
public enum VarianceKind
{
    /// <summary>Divided by n - 1 (the ports of Shazeer's gate: FastMoE, Tutel, LLaMA-MoE).</summary>
    Unbiased,

    /// <summary>Divided by n (V-MoE).</summary>
    Biased,
}
