namespace MoE.Torch;

/// <summary>The projections of a gated feed-forward network.</summary>
[Flags]
public enum GluProjections
{
    /// <summary>The gate projection.</summary>
    Gate = 1,

    /// <summary>The up projection.</summary>
    Up = 2,

    /// <summary>The down projection.</summary>
    Down = 4,

    /// <summary>All three.</summary>
    All = Gate | Up | Down,
}
