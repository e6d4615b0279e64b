namespace MoE.Tests.Elements;

public sealed class ElementBlendTests
{
    [Fact]
    public void An_open_gate_gives_one_branch_and_a_closed_one_the_other()
    {
        float[] a = [1, 2, float.PositiveInfinity], b = [4, float.NaN, 6], y = new float[3];
        ElementBlend.Convex([1, 1, 0], a, b, y);
        Assert.Equal([1, 2, 6], y);
    }

    [Fact]
    public void Blends_are_their_formulas()
    {
        float[] x = [1, -2, 3], z = [10, 20, 30], y = new float[3];
        ElementBlend.Convex([0.25f, 0.5f, 0.75f], x, z, y);
        Assert.Equal([7.75f, 9, 9.75f], y);
        ElementBlend.Multiply([0.5f, 2, 0], x, y);
        Assert.Equal([0.5f, -4, 0], y);
        ElementBlend.Residual(x, [0, 0.5f, -1], z, y);
        Assert.Equal([1, 8, -27], y);
    }

    [Fact]
    public void A_zero_gate_keeps_the_input_bit_for_bit_whatever_the_branch_holds()
    {
        float[] x = Draw.Normal(257, 1), y = new float[257];
        float[] branch = [.. Enumerable.Repeat(float.NaN, 257)];
        ElementBlend.Residual(x, new float[257], branch, y);
        Assert.Equal(x, y);
    }

    [Fact]
    public void Other_lengths_are_refused_by_name()
    {
        Assert.Contains("whenClosed has 1 values; must have 2", Assert.Throws<ArgumentException>(() => ElementBlend.Convex([1, 1], [1, 1], [1], new float[2])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("values", () => ElementBlend.Multiply([1, 1], [1], new float[2]));
        Assert.Throws<ArgumentException>("destination", () => ElementBlend.Residual([1, 1], [1, 1], [1, 1], new float[3]));
    }
}
