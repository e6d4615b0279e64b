using System.Runtime.InteropServices;

namespace MoE.Tests.Engines;

/// <summary>Weights as they lie in memory: exact widening of every type, and shapes that do not fit are refused.</summary>
public sealed class WeightTensorTests
{
    [Fact]
    public void BFloat16_is_the_upper_half_of_a_single()
    {
        // 1, -2, the largest, the smallest subnormal, both infinities, a NaN, minus zero.
        ushort[] bits = [0x3F80, 0xC000, 0x7F7F, 0x0001, 0x7F80, 0xFF80, 0x7FC0, 0x8000];
        float[] values = new WeightTensor(WeightType.BFloat16, [2, 4], MemoryMarshal.AsBytes<ushort>(bits)).ToSingles();
        Assert.Equal([1, -2, 3.3895314e38f, 9.1835e-41f, float.PositiveInfinity, float.NegativeInfinity, float.NaN, -0f], values);
        Assert.True(float.IsNegative(values[7]));
        for (int i = 0; i < bits.Length; i++) Assert.Equal((uint)bits[i] << 16, BitConverter.SingleToUInt32Bits(values[i]));
    }

    [Fact]
    public void Float16_widens_exactly()
    {
        // 1, -2, the largest, the smallest normal, the smallest subnormal, both infinities, a NaN.
        ushort[] bits = [0x3C00, 0xC000, 0x7BFF, 0x0400, 0x0001, 0x7C00, 0xFC00, 0x7E00];
        float[] values = new WeightTensor(WeightType.Float16, [8], MemoryMarshal.AsBytes<ushort>(bits)).ToSingles();
        Assert.Equal([1, -2, 65504, 6.103515625e-5f, 5.9604645e-8f, float.PositiveInfinity, float.NegativeInfinity, float.NaN], values);
    }

    [Fact]
    public void Float32_is_copied()
    {
        float[] source = [1.5f, -0f, float.NaN];
        float[] values = new WeightTensor(WeightType.Float32, [3, 1], MemoryMarshal.AsBytes<float>(source)).ToSingles();
        Assert.Equal(source, values);
        Assert.NotSame(source, values);
    }

    [Fact]
    public void A_tensor_knows_its_type_shape_and_count()
    {
        var tensor = new WeightTensor(WeightType.BFloat16, [2, 3], new byte[12]);
        Assert.Equal((WeightType.BFloat16, 6, 12), (tensor.Type, tensor.Count, tensor.Data.Length));
        Assert.Equal([2, 3], tensor.Shape);
        Assert.Equal(0, new WeightTensor(WeightType.Float32, [5, 0], []).Count);
        Assert.Equal(1, new WeightTensor(WeightType.Float32, [], new byte[4]).Count);
    }

    [Theory]
    [InlineData(new[] { 2, 3 }, 20, "needs 24")]
    [InlineData(new[] { 0 }, 4, "needs 0")]
    [InlineData(new[] { 1 << 30, 1 << 30, 1 << 2 }, 0, "needs 9223372036854775807")]
    [InlineData(new[] { int.MaxValue, int.MaxValue, int.MaxValue, int.MaxValue, int.MaxValue }, 16, "needs 9223372036854775807")]
    public void Bytes_that_do_not_fit_the_shape_are_refused(int[] shape, int bytes, string message)
    {
        var refused = Assert.Throws<ArgumentException>(() => _ = new WeightTensor(WeightType.Float32, shape, new byte[bytes]));
        Assert.Equal("data", refused.ParamName);
        Assert.Contains($"data has {bytes} bytes; shape [{string.Join(", ", shape)}] of Float32 {message}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_dimension_empties_even_a_huge_shape() => Assert.Equal(0, new WeightTensor(WeightType.Float32, [int.MaxValue, int.MaxValue, int.MaxValue, 0], []).Count);

    [Fact]
    public void Negative_dimensions_and_unknown_types_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>("shape", static () => _ = new WeightTensor(WeightType.Float32, [-1], []));
        Assert.Throws<ArgumentOutOfRangeException>("type", static () => _ = new WeightTensor((WeightType)7, [], new byte[2]));
    }

    [Fact]
    public void A_dictionary_gives_back_what_was_added_once()
    {
        var weights = new WeightDictionary().Add("a", [1, 2], 2, 1).Add("b", [], 0);
        Assert.Equal(["a", "b"], weights.Names);
        Assert.True(weights.TryGet("a", out var tensor));
        Assert.Equal([1, 2], tensor.ToSingles());
        Assert.False(weights.TryGet("c", out _));
        Assert.StartsWith("name = a: is already present", Assert.Throws<ArgumentException>("name", () => weights.Add("a", [1], 1)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("data", () => weights.Add("c", [1], 2));
        Assert.Throws<ArgumentException>("name", () => weights.Add("", [1], 1));
        Assert.Throws<ArgumentNullException>("values", () => weights.Add("c", null!, 1));
        Assert.Equal(["a", "b"], weights.Names);
    }
}
