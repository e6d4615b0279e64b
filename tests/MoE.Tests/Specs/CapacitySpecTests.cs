namespace MoE.Tests.Specs;

/// <summary>The capacity formulas of the peers, against numbers worked out by hand or recorded from them.</summary>
public sealed class CapacitySpecTests
{
    // Recorded from Megatron-LM get_capacity(num_tokens, num_experts, factor, min), d98e8a6; its tokens are T * k.
    [Theory]
    [InlineData(16, 4, 1.0, 0, 4)]
    [InlineData(17, 4, 1.25, 0, 6)]
    [InlineData(100, 8, 1.1, 4, 14)]
    [InlineData(30, 10, 1.1, 0, 4)]
    [InlineData(1, 64, 1.0, 4, 4)]
    public void Megatron_rounds_up(int routes, int experts, double factor, int minimum, int expected) =>
        Assert.Equal(expected, new CapacitySpec { Factor = factor, Minimum = minimum }.Of(routes, experts, 1));

    // Recorded from V-MoE compute_capacity(tokens, experts, factor, ceil, multiple), 942a78b; the last by hand.
    [Theory]
    [InlineData(16, 4, 1.0, 4, 4)]
    [InlineData(17, 4, 1.25, 4, 8)]
    [InlineData(10, 8, 1.05, 1, 2)]
    [InlineData(196, 32, 1.05, 4, 8)]
    [InlineData(9, 4, 1.0, 2, 4)]
    public void VMoE_rounds_up_to_a_multiple(int tokens, int experts, double factor, int multiple, int expected) =>
        Assert.Equal(expected, new CapacitySpec { Factor = factor, Multiple = multiple }.Of(tokens, experts, 1));

    // DeepSpeed: max(ceil((T / E) * factor * k), minimum).
    [Theory]
    [InlineData(1, 8, 2, 4)]
    [InlineData(7, 4, 2, 4)]
    [InlineData(128, 8, 1, 16)]
    [InlineData(1000, 64, 2, 32)]
    public void DeepSpeed_counts_choices_and_has_a_minimum(int tokens, int experts, int k, int expected) =>
        Assert.Equal(expected, new CapacitySpec { Factor = 1, Minimum = 4 }.Of(tokens, experts, k));

    // Mesh TensorFlow and lucidrains: max(min(T, floor(T * factor / E)), 4), whatever k.
    [Theory]
    [InlineData(1, 8, 1.25, 4)]
    [InlineData(128, 8, 1.25, 20)]
    [InlineData(1000, 64, 2.0, 31)]
    [InlineData(1000, 1, 2.0, 1000)]
    public void Mesh_counts_tokens_and_is_between_four_and_T(int tokens, int experts, double factor, int expected)
    {
        var capacity = new CapacitySpec { Factor = factor, CountsChoices = false, Rounding = CapacityRounding.Floor, Minimum = 4, AtMostTokens = true };
        Assert.Equal(expected, capacity.Of(tokens, experts, 1));
        Assert.Equal(expected, capacity.Of(tokens, experts, 2));
    }

    // MegaBlocks: int(factor * k * T / E).
    [Theory]
    [InlineData(7, 4, 2, 1.0, 3)]
    [InlineData(128, 8, 2, 1.25, 40)]
    [InlineData(1, 64, 8, 1.0, 0)]
    public void MegaBlocks_rounds_down(int tokens, int experts, int k, double factor, int expected) =>
        Assert.Equal(expected, new CapacitySpec { Factor = factor, Rounding = CapacityRounding.Floor }.Of(tokens, experts, k));

    // flaxformer: int(round(factor * T / E)), and Python rounds halves to even.
    [Theory]
    [InlineData(5, 2, 2)]
    [InlineData(7, 2, 4)]
    [InlineData(9, 4, 2)]
    [InlineData(11, 4, 3)]
    public void Halves_go_to_even(int tokens, int experts, int expected) =>
        Assert.Equal(expected, new CapacitySpec { Factor = 1, CountsChoices = false, Rounding = CapacityRounding.HalfToEven }.Of(tokens, experts, 4));

    [Fact]
    public void A_fixed_capacity_ignores_the_batch()
    {
        Assert.Equal(64, new CapacitySpec { Fixed = 64 }.Of(3, 8, 2));
        Assert.Equal(3, new CapacitySpec { Fixed = 64, AtMostTokens = true }.Of(3, 8, 2));
        Assert.Equal(0, new CapacitySpec { Fixed = 0 }.Of(3, 8, 2));
    }

    [Fact]
    public void No_tokens_need_no_capacity_and_huge_ones_saturate()
    {
        Assert.Equal(0, new CapacitySpec { Factor = 2 }.Of(0, 8, 2));
        Assert.Equal(int.MaxValue, new CapacitySpec { Factor = 1e300 }.Of(int.MaxValue, 1, 1));
        Assert.Equal(int.MaxValue, new CapacitySpec { Factor = 1 }.Of(int.MaxValue, 1, 2));
    }

    [Fact]
    public void Sizes_are_checked()
    {
        var capacity = new CapacitySpec { Factor = 1 };
        Assert.Equal("tokens", Assert.Throws<ArgumentOutOfRangeException>(() => capacity.Of(-1, 1, 1)).ParamName);
        Assert.Equal("experts", Assert.Throws<ArgumentOutOfRangeException>(() => capacity.Of(1, 0, 1)).ParamName);
        Assert.Equal("k", Assert.Throws<ArgumentOutOfRangeException>(() => capacity.Of(1, 1, 0)).ParamName);
    }
}
