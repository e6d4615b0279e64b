using System.Text.Json.Serialization;

namespace MoE;

/// <summary>A low-rank adapter as data: <c>y = W x + scale * B A x</c> with A [r, in] and B [out, r] (Hu et al. 2021).</summary>
public sealed record LoraSpec
{
    /// <summary>Rank r, positive.</summary>
    public required int Rank { get; init; }

    /// <summary>alpha, finite; the update is multiplied by alpha / r.</summary>
    public double Alpha { get; init; } = 8;

    /// <summary>alpha / sqrt(r) instead of alpha / r (rsLoRA, Kalajdzievski 2023).</summary>
    public bool RankStabilized { get; init; }

    /// <summary>Probability of dropping an input of A in training, 0 or more and below 1.</summary>
    public double Dropout { get; init; }

    /// <summary>A learned magnitude per output on the direction of W + scale B A (DoRA, Liu et al. 2024).</summary>
    public bool Magnitude { get; init; }

    /// <summary>What the product B A is multiplied by.</summary>
    [JsonIgnore]
    public double Scale => RankStabilized ? Alpha / Math.Sqrt(Rank) : Alpha / Rank;

    /// <summary>Parameters of one adapter on a matrix: r (in + out), and out more with <see cref="Magnitude"/>.</summary>
    /// <param name="inputs">Width of the input, positive.</param>
    /// <param name="outputs">Width of the output, positive.</param>
    public long ParameterCount(long inputs, long outputs)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs);
        return checked(Rank * (inputs + outputs) + (Magnitude ? outputs : 0));
    }

    /// <summary>All problems of this spec; empty if it can be used.</summary>
    public IReadOnlyList<SpecProblem> Validate()
    {
        var problems = new SpecProblems();
        problems.RequirePositive(Rank, "rank");
        problems.Require(double.IsFinite(Alpha), "alpha", Alpha, "must be finite");
        problems.Require(Dropout >= 0 && Dropout < 1, "dropout", Dropout, "must be 0 or more and below 1");
        return problems.Found;
    }

    /// <summary>This spec, or an exception with all its problems.</summary>
    /// <exception cref="SpecException">The spec has problems.</exception>
    public LoraSpec Checked()
    {
        SpecException.ThrowIfAny(Validate());
        return this;
    }
}
