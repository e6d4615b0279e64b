using MoE.Diagnostics;

namespace MoE.Onnx;

/// <summary>One batch of a verification.</summary>
public sealed record OnnxVerifiedBatch
{
    /// <summary>What the batch is made of.</summary>
    public required string Name { get; init; }

    /// <summary>T.</summary>
    public required int Tokens { get; init; }

    /// <summary>The largest difference of an output, over the tokens that both engines sent to the same experts.</summary>
    public required double MaxDifference { get; init; }

    /// <summary>The largest difference of an output as a fraction of what is tolerated for it.</summary>
    public required double OfTolerance { get; init; }

    /// <summary>The largest difference of a routing weight; null where one engine reports no routing.</summary>
    public required double? MaxWeightDifference { get; init; }

    /// <summary>The largest difference of a routing weight as a fraction of what is tolerated for it; null where one engine reports no routing.</summary>
    public required double? WeightsOfTolerance { get; init; }

    /// <summary>The tokens that went to other experts, with the routing margin of the expected engine, ascending; empty also where one engine reports no routing.</summary>
    public required IReadOnlyList<TokenChange> Differently { get; init; }

    /// <summary>How many of them had a margin that rounding does not explain.</summary>
    public required int ClearlyDifferently { get; init; }

    /// <summary>Tokens whose outputs differ and may: without a clear margin, where one engine does not say which experts a run used, or with scores so small (1e-30) that single precision loses them.</summary>
    public required int Undecided { get; init; }

    /// <summary>Within tolerance, and no token clearly elsewhere. A NaN fails.</summary>
    public bool Passed => ClearlyDifferently == 0 && OfTolerance <= 1 && (WeightsOfTolerance is null || WeightsOfTolerance <= 1);
}
