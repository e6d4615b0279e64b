namespace MoE.Conformance.Runner.Tests;

/// <summary>The tolerances, at their edges.</summary>
public sealed class ComparisonTests
{
    [Theory]
    [InlineData(nameof(Quantity.Weights), 1.0, 2.2e-5)]
    [InlineData(nameof(Quantity.Weights), 0.0, 2e-6)]
    [InlineData(nameof(Quantity.Loss), -10.0, 2.02e-4)]
    [InlineData(nameof(Quantity.Logits), 1.0, 2.2e-5)]
    [InlineData(nameof(Quantity.Output), 1.0, 1.1e-4)]
    [InlineData(nameof(Quantity.Output), 0.0, 1e-5)]
    public void Single_precision(string quantity, double recorded, double bound) =>
        Edge(Tolerance.Of(Enum.Parse<Quantity>(quantity), "float32", "t4_e2"), [recorded], 0, bound);

    [Fact]
    public void Single_precision_gradients() => Edge(Tolerance.OfGradient("float32", "t4_e2"), [2.0, 1000.0], 0, 2.1e-4);

    [Theory]
    [InlineData("t9_e4_k2_sat")]
    [InlineData("l1_large_t5")]
    [InlineData("clamp")]
    public void Large_activations_have_a_floor_that_grows_with_them(string name)
    {
        var tolerance = Tolerance.OfGradient("float32", name);
        Edge(tolerance, [0.0, 5000.0], 0, 0.05);
        Edge(tolerance, [0.0, 5000.0], 1, 0.50001);
        Edge(tolerance, [0.5, 0.1], 0, 6e-5);
        Assert.Equal(Tolerance.Layer, Tolerance.OfGradient("float32", "t9_saturday_largest"));
        Assert.Equal(Tolerance.Routing, Tolerance.Of(Quantity.Weights, "float32", name));
    }

    [Fact]
    public void Routing_in_bfloat16_is_compared_number_by_number()
    {
        Edge(Tolerance.Of(Quantity.Weights, "bfloat16", "t4"), [0.5, 100.0], 0, 0.01001);
        Edge(Tolerance.Of(Quantity.Weights, "bfloat16", "t4"), [0.0, 100.0], 0, 1e-5);
    }

    [Fact]
    public void Sums_in_bfloat16_are_compared_in_two_norms()
    {
        var tolerance = Tolerance.OfGradient("bfloat16", "t4");
        Edge(tolerance, [0.0, 10.0, 0.0], 0, 0.2);
        // Each is within 2 per cent of the largest; all of them together are not within 2 per cent of the tensor.
        double[] recorded = [1.0, .. new double[99]], actual = [1.0, .. Enumerable.Repeat(0.019, 99)];
        Assert.Contains("all values together", Comparison.Of("x", Reals(recorded), Reals(actual), tolerance).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_part_is_held_against_the_scale_of_the_whole()
    {
        var tolerance = Tolerance.OfGradient("bfloat16", "t4");
        GoldenTensor part = Reals([0.01]), other = Reals([10.0]);
        Assert.NotNull(Comparison.Of("x", part, Reals([0.05]), tolerance).Problem);
        Assert.Null(Comparison.Of("x", part, Reals([0.05]), tolerance, [part, other]).Problem);
    }

    [Fact]
    public void Non_finite_numbers_are_equal_by_kind()
    {
        double[] kinds = [double.NaN, double.PositiveInfinity, double.NegativeInfinity, 1e300];
        foreach (double b in kinds)
        {
            foreach (double a in kinds)
                Assert.Equal(a.Equals(b), Comparison.Of("x", Reals([b, 1]), Reals([a, 1]), Tolerance.Layer).Problem is null);
        }
    }

    [Fact]
    public void Integers_and_flags_are_exact()
    {
        var ints = GoldenTensor.OfIntegers("int64", [2], [1, long.MaxValue]);
        Assert.Null(Comparison.Of("x", ints, GoldenTensor.OfIntegers("int64", [2], [1, long.MaxValue]), Tolerance.Layer).Problem);
        Assert.NotNull(Comparison.Of("x", ints, GoldenTensor.OfIntegers("int64", [2], [1, long.MaxValue - 1]), Tolerance.Layer).Problem);
        Assert.NotNull(Comparison.Of("x", GoldenTensor.OfFlags([1], [true]), GoldenTensor.OfFlags([1], [false]), Tolerance.Layer).Problem);
        Assert.NotNull(Comparison.Of("x", ints, Reals([1, 2]), Tolerance.Layer).Problem);
    }

    [Fact]
    public void Another_number_of_values_is_wrong() =>
        Assert.NotNull(Comparison.Of("x", Reals([1, 2]), Reals([1, 2, 3]), Tolerance.Layer).Problem);

    [Fact]
    public void The_worst_value_is_named()
    {
        var recorded = GoldenTensor.OfReals("float32", [2, 3], new double[6]);
        var actual = GoldenTensor.OfReals("float32", [2, 3], [0, 0, 0.5, 0, 2, 0]);
        Assert.StartsWith("x[1, 1]: recorded 0, got 2", Comparison.Of("x", recorded, actual, Tolerance.Layer).Problem, StringComparison.Ordinal);
    }

    private static void Edge(Tolerance tolerance, double[] recorded, int at, double bound)
    {
        Assert.Null(Off(bound * 0.999));
        Assert.Null(Off(-bound * 0.999));
        Assert.NotNull(Off(bound * 1.001));
        Assert.NotNull(Off(-bound * 1.001));

        string? Off(double by)
        {
            double[] actual = [.. recorded];
            actual[at] += by;
            return Comparison.Of("x", Reals(recorded), Reals(actual), tolerance).Problem;
        }
    }

    private static GoldenTensor Reals(double[] values) => GoldenTensor.OfReals("float32", [values.Length], values);
}
