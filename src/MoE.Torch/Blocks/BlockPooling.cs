namespace MoE.Torch;

/// <summary>How the vectors of a block become one.</summary>
[Flags]
public enum BlockPooling
{
    /// <summary>The mean.</summary>
    Mean = 1,

    /// <summary>The largest value of each feature.</summary>
    Max = 2,

    /// <summary>The smallest value of each feature.</summary>
    Min = 4,
}
