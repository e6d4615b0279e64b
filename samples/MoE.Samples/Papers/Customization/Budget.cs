namespace MoE.Samples.Papers.Customization;

/// <summary>What local expert and gate may cost: a fortieth of the global expert.</summary>
/// <param name="Classes">C.</param>
public readonly record struct Budget(int Classes)
{
    /// <summary>The share allowed.</summary>
    public const double Share = 0.025;

    /// <summary>What the gate reads: the features, and the confidence of each expert.</summary>
    public const int GateWidth = LeNet.Features + 2;

    private const int Gate = 2 * GateWidth + 2;

    /// <summary>Parameters of the global expert: 61,706 with ten classes.</summary>
    public int Global => 6 * 25 + 6 + 16 * 150 + 16 + 400 * 120 + 120 + 120 * LeNet.Features + LeNet.Features + LeNet.Features * Classes + Classes;

    /// <summary>The largest rank of the local expert that is allowed.</summary>
    public int Rank => (int)((Share * Global - Gate - Classes) / (LeNet.Features + Classes));

    /// <summary>Multiply-adds of local expert and gate per image.</summary>
    public int MultiplyAdds => Rank * (LeNet.Features + Classes) + 2 * GateWidth;
}
