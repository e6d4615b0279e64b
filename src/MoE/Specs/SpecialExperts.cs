namespace MoE;

/// <summary>
/// Experts without a feed-forward network, the last ones of a layer in this order: constant, copy, zero. MoE++ (Jin et al. 2024): two constant, one copy, one zero; LongCat-Flash: copies ("zero-computation experts").
/// </summary>
public sealed record SpecialExperts
{
    /// <summary>Constant experts: a_1 x + a_2 v with (a_1, a_2) = softmax(W x), v and W learned. Not negative.</summary>
    public int Constant { get; init; }

    /// <summary>Copy experts: x. Not negative.</summary>
    public int Copy { get; init; }

    /// <summary>Zero experts: 0. Not negative.</summary>
    public int Zero { get; init; }

    /// <summary>How many there are.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public int Count => Constant + Copy + Zero;

    internal void Check(SpecProblems problems, string path, int experts)
    {
        problems.Require(Constant >= 0, $"{path}.constant", Constant, "must not be negative");
        problems.Require(Copy >= 0, $"{path}.copy", Copy, "must not be negative");
        problems.Require(Zero >= 0, $"{path}.zero", Zero, "must not be negative");
        problems.Require((long)Constant + Copy + Zero < experts, path, $"{(long)Constant + Copy + Zero} experts", $"must be fewer than the router's experts ({experts})");
    }
}
