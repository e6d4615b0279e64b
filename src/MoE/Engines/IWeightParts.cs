namespace MoE;

/// <summary>Weights that are read expert by expert, so that a layer need not lie in memory at once. Every number that is given out is finite.</summary>
public interface IWeightParts : IWeightSource
{
    /// <summary>The shape of a tensor, or null where there is none.</summary>
    /// <param name="name">A name of <see cref="WeightNames"/>.</param>
    int[]? ShapeOf(string name);

    /// <summary>Reads a tensor, or one expert's share of a stacked one.</summary>
    /// <param name="name">A name that is there.</param>
    /// <param name="expert">The expert; 0 for a tensor that is not stacked by experts.</param>
    /// <param name="destination">As many numbers as the share has.</param>
    void Read(string name, int expert, Span<float> destination);
}
