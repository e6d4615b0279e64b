namespace MoE.Tests.Kernels;

public sealed class GroupedLoraTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(5, 3, 17)]
    [InlineData(64, 48, 130)]
    [InlineData(33, 129, 40)]
    public void Sums_are_those_of_the_definition(int inputs, int outputs, int rows)
    {
        var random = new Random(inputs * 1000 + rows);
        var adapters = Make(random, inputs, outputs, [1, 4, 8, 3]);
        var lora = new GroupedLora(inputs, outputs, adapters);
        Assert.Equal((4, 8), (lora.Count, lora.Rank));
        float[] x = Values(random, rows * inputs), start = Values(random, rows * outputs);
        // The third adapter has no rows.
        int[] which = [.. Enumerable.Range(0, rows).Select(_ => random.Next(5) switch { 0 => -1, 3 => 0, var a => a - 1 })];
        float[]? first = null;
        foreach (int threads in new[] { 1, 2, 3 })
        {
            using var workspace = new MoEWorkspace(threads);
            float[] y = [.. start];
            lora.Add(x, which, y, workspace);
            for (int t = 0; t < rows; t++)
            {
                for (int o = 0; o < outputs; o++)
                {
                    double expected = start[t * outputs + o];
                    if (which[t] >= 0)
                    {
                        var (spec, a, b) = adapters[which[t]];
                        for (int r = 0; r < spec.Rank; r++)
                        {
                            double h = 0;
                            for (int i = 0; i < inputs; i++) h += (double)a.Span[r * inputs + i] * x[t * inputs + i];
                            expected += spec.Scale * b.Span[o * spec.Rank + r] * h;
                        }
                    }

                    Assert.Equal(expected, y[t * outputs + o], 1e-4 * Math.Max(1, Math.Abs(expected)));
                }
            }

            // Bits depend on neither threads nor the other rows of the batch.
            first ??= y;
            Assert.Equal(first, y);
            float[] last = start[^outputs..];
            lora.Add(x.AsSpan(x.Length - inputs), [which[^1]], last, workspace);
            Assert.Equal(first[^outputs..], last);
        }
    }

    [Fact]
    public void What_does_not_fit_is_refused_all_at_once_and_leaves_the_output()
    {
        var good = Make(new Random(1), 4, 3, [2]);
        string message = Assert.Throws<ArgumentException>("adapters", () => new GroupedLora(4, 3, [good[0], (new LoraSpec { Rank = 2 }, new float[7], new float[5]), (new LoraSpec { Rank = 2, Magnitude = true }, new float[8], new float[6])])).Message;
        foreach (string part in new[] { "adapter 1: A has 7", "adapter 1: B has 5", "adapter 2 has a magnitude" }) Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("adapters", () => new GroupedLora(4, 3, []));
        var lora = new GroupedLora(4, 3, good);
        using var workspace = new MoEWorkspace(1);
        float[] y = [1, 2, 3, 4, 5, 6];
        Assert.Throws<ArgumentException>("adapters", () => lora.Add(new float[8], [0, 1], y, workspace));
        Assert.Throws<ArgumentException>("x", () => lora.Add(new float[7], [0, 0], y, workspace));
        Assert.Throws<ArgumentException>("y", () => lora.Add(new float[8], [0, 0], y.AsSpan(1), workspace));
        Assert.Equal([1, 2, 3, 4, 5, 6], y);
        lora.Add([], [], [], workspace);
        lora.Add(new float[8], [-1, -1], y, workspace);
        Assert.Equal([1, 2, 3, 4, 5, 6], y);
    }

    private static (LoraSpec Spec, ReadOnlyMemory<float> A, ReadOnlyMemory<float> B)[] Make(Random random, int inputs, int outputs, int[] ranks) =>
        [.. ranks.Select(r => (new LoraSpec { Rank = r, Alpha = 3 }, (ReadOnlyMemory<float>)Values(random, r * inputs), (ReadOnlyMemory<float>)Values(random, r * outputs)))];

    private static float[] Values(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
}
