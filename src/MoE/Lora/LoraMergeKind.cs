namespace MoE;

/// <summary>How adapters become one adapter (PEFT <c>add_weighted_adapter</c>).</summary>
public enum LoraMergeKind
{
    /// <summary>Weighted sums of the A and of the B, each with the root of weight times scale; ranks must be equal.</summary>
    Linear,

    /// <summary>The factors one behind the other: exactly the weighted sum of the adapters; ranks add up.</summary>
    Concatenate,

    /// <summary>TIES (Yadav et al. 2023): the largest values of each factor, those of the majority's sign, their mean.</summary>
    Ties,

    /// <summary>DARE (Yu et al. 2023): values of each factor dropped at random and the rest scaled up, then a weighted sum.</summary>
    DareLinear,

    /// <summary>DARE, then the majority's sign and the mean of TIES.</summary>
    DareTies,

    /// <summary>The largest values of each factor, then a weighted sum.</summary>
    MagnitudePrune,
}
