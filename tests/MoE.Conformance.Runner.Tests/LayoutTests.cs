namespace MoE.Conformance.Runner.Tests;

/// <summary>Layouts move every element to its place, and back.</summary>
public sealed class LayoutTests
{
    [Fact]
    public void Gate_rows_before_up_rows() => Check(Layout.GateThenUp, [[1, 4, 2]], [[1, 2, 2], [1, 2, 2]], [[0, 1, 2, 3], [4, 5, 6, 7]]);

    [Fact]
    public void Gate_columns_before_up_columns() => Check(Layout.GateThenUpColumns, [[1, 2, 4]], [[1, 2, 2], [1, 2, 2]], [[0, 4, 1, 5], [2, 6, 3, 7]]);

    [Fact]
    public void Gate_and_up_columns_in_turns() => Check(Layout.GateUpInTurnsColumns, [[1, 2, 4]], [[1, 2, 2], [1, 2, 2]], [[0, 4, 2, 6], [1, 5, 3, 7]]);

    [Fact]
    public void Gate_and_up_biases_in_turns() => Check(Layout.GateUpInTurns, [[2, 4]], [[2, 2], [2, 2]], [[0, 2, 4, 6], [1, 3, 5, 7]]);

    [Fact]
    public void Transposed() => Check(Layout.Transposed, [[2, 2, 3]], [[2, 3, 2]], [[0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]]);

    [Fact]
    public void Flat_experts() => Check(Layout.FlatExperts(2), [[4, 3]], [[2, 2, 3]], [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]]);

    [Fact]
    public void Flat_experts_transposed() =>
        Check(Layout.Then(Layout.FlatExperts(2), Layout.Transposed), [[4, 3]], [[2, 3, 2]], [[0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]]);

    [Fact]
    public void One_tensor_per_expert() => Check(Layout.PerExpert, [[2, 3], [2, 3]], [[2, 2, 3]], [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]]);

    [Fact]
    public void Slices_outside_a_tensor_are_refused() =>
        Assert.Throws<InvalidDataException>(() => Counting(0, [2, 3]).Slice(1, 1, 3));

    [Fact]
    public void Maps_become_columns()
    {
        var map = GoldenTensor.OfFlags([2, 3], [true, false, true, false, true, false]);
        Assert.Equal([0, 2, 1, -1], map.TrueColumns(2).Integers.ToArray());
        Assert.Throws<InvalidDataException>(() => map.TrueColumns(1));
    }

    private static void Check(Layout layout, int[][] peers, int[][] own, double[][] expected)
    {
        int next = 0;
        var given = peers.Select(shape =>
        {
            var tensor = Counting(next, shape);
            next += tensor.Count;
            return tensor;
        }).ToArray();
        var moved = layout.ToLibrary(given);
        Assert.Equal(own, moved.Select(static t => t.Shape.ToArray()));
        Assert.Equal(expected, moved.Select(static t => t.Reals.ToArray()));
        var back = layout.ToPeer(moved);
        Assert.Equal(peers, back.Select(static t => t.Shape.ToArray()));
        Assert.Equal(given.Select(static t => t.Reals.ToArray()), back.Select(static t => t.Reals.ToArray()));
    }

    private static GoldenTensor Counting(int from, int[] shape) =>
        GoldenTensor.OfReals("float32", shape, [.. Enumerable.Range(from, shape.Aggregate(1, static (a, b) => a * b)).Select(static i => (double)i)]);
}
