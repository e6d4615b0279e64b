namespace MoE;

/// <summary>ReMoE's control of the L1 coefficient: it grows while the router is too dense and shrinks while it is too sparse (Wang et al. 2024, eq. 7).</summary>
public sealed record SparsityControl
{
    /// <summary>The sparsity to hold, in 0..1: 1 - k/E.</summary>
    public required double Target { get; init; }

    /// <summary>The coefficient, positive. Starts at 1e-8 in the paper.</summary>
    public double Coefficient { get; init; } = 1e-8;

    /// <summary>The factor of a step, above 1; 1.2 in the paper.</summary>
    public double Factor { get; init; } = 1.2;

    /// <summary>A control that holds k of E experts per token.</summary>
    /// <param name="experts">E, positive.</param>
    /// <param name="k">1..E.</param>
    public static SparsityControl Of(int experts, int k)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(k, experts);
        return new SparsityControl { Target = 1 - (double)k / experts };
    }

    /// <summary>The control after a batch: coefficient * factor^sign(target - sparsity).</summary>
    /// <param name="sparsity">Share of (token, expert) pairs without a route, in 0..1; <see cref="RouterLosses.Sparsity"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The sparsity or a setting is out of range.</exception>
    public SparsityControl After(double sparsity)
    {
        if (!(sparsity >= 0 && sparsity <= 1)) throw new ArgumentOutOfRangeException(nameof(sparsity), sparsity, "must be in 0..1");
        if (!(Factor > 1 && double.IsFinite(Factor))) throw new ArgumentOutOfRangeException(nameof(Factor), Factor, "must be above 1");
        if (!(Coefficient > 0 && double.IsFinite(Coefficient))) throw new ArgumentOutOfRangeException(nameof(Coefficient), Coefficient, "must be positive and finite");
        return this with { Coefficient = Math.Clamp(Coefficient * Math.Pow(Factor, Math.Sign(Target - sparsity)), double.Epsilon, double.MaxValue) };
    }
}
