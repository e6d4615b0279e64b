namespace MoE.Diagnostics;

/// <summary>How two routings of the same tokens differ.</summary>
public sealed record RoutingDifference
{
    /// <summary>Name of the layer, or empty.</summary>
    public required string Layer { get; init; }

    /// <summary>Step, or 0.</summary>
    public required long Step { get; init; }

    /// <summary>T.</summary>
    public required int Tokens { get; init; }

    /// <summary>The tokens whose experts differ, ascending.</summary>
    public required IReadOnlyList<TokenChange> Changes { get; init; }

    /// <summary>Tokens of which a capacity dropped other experts, whether or not they chose others.</summary>
    public required int DropChanges { get; init; }

    /// <summary>The largest difference of a weight over all (token, expert) pairs, an expert that was not taken weighing zero; null where one side has no weights.</summary>
    public required double? MaxWeightDifference { get; init; }
}
