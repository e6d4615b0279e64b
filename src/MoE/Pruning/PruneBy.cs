namespace MoE;

/// <summary>By what experts are compared when some of them are dropped.</summary>
public enum PruneBy
{
    /// <summary>Tokens that chose the expert, dropped routes included.</summary>
    Tokens,

    /// <summary>The sum of the weights with which it was chosen.</summary>
    Weight,
}
