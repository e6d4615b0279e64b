namespace MoE.Samples.Papers.Pigeon;

/// <summary>How a typed product lies in memory.</summary>
public enum Layout
{
    /// <summary>The weights copied for every row: the baseline.</summary>
    Materialised,

    /// <summary>For every type its rows are found by a mask and multiplied.</summary>
    Masked,

    /// <summary>Rows sorted by type, one product per segment, gathered on the way in.</summary>
    Segmented,

    /// <summary>One product per unique pair of input and type.</summary>
    Compact,
}
