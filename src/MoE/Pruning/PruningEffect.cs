namespace MoE;

/// <summary>What dropping experts that a token did not choose does to the token's output.</summary>
public enum PruningEffect
{
    /// <summary>Nothing: the output has the same bits.</summary>
    SameBits,

    /// <summary>Nothing but rounding: a softmax over all experts is divided by the chosen ones' sum.</summary>
    Rounding,

    /// <summary>
    /// The routed output is multiplied by 1 / (1 - m), m being the softmax mass of the dropped experts: a softmax over all experts whose weights are taken as they are.
    /// </summary>
    Factor,

    /// <summary>No rule: the choice or the weights depend on experts that were not chosen (groups, top-p, biases beside a softmax, capacities, balanced or sequential choices).</summary>
    Unknown,
}
