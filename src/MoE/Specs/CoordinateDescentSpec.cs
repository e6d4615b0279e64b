namespace MoE;

/// <summary>Coordinate descent for a soft top-k (Lei et al. 2023, CoLT5; lucidrains/CoLT5-attention).</summary>
public sealed record CoordinateDescentSpec
{
    /// <summary>The soft choice sums to k times this, at most n; positive. 9/8 in CoLT5.</summary>
    public double Ratio { get; init; } = 1.125;

    /// <summary>Iterations, positive.</summary>
    public int Iterations { get; init; } = 20;

    /// <summary>The softness epsilon at the end, positive: the smaller, the harder.</summary>
    public double Epsilon { get; init; } = 0.1;

    /// <summary>The softness at the start, at least <see cref="Epsilon"/> takes effect; null: the same.</summary>
    public double? InitialEpsilon { get; init; }

    /// <summary>What the softness is multiplied by after each iteration, in 0..1 (0 excluded).</summary>
    public double EpsilonDecay { get; init; } = 1;

    internal void Check(SpecProblems problems, string path)
    {
        problems.Require(double.IsFinite(Ratio) && Ratio > 0, $"{path}.ratio", Ratio, "must be finite and positive");
        problems.RequirePositive(Iterations, $"{path}.iterations");
        problems.Require(double.IsFinite(Epsilon) && Epsilon > 0, $"{path}.epsilon", Epsilon, "must be finite and positive");
        if (InitialEpsilon is { } initial) problems.Require(double.IsFinite(initial) && initial > 0, $"{path}.initial_epsilon", initial, "must be finite and positive");
        problems.Require(EpsilonDecay > 0 && EpsilonDecay <= 1, $"{path}.epsilon_decay", EpsilonDecay, "must be above 0 and at most 1");
    }
}
