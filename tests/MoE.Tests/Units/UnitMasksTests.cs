using CsCheck;

namespace MoE.Tests.Units;

public sealed class UnitMasksTests
{
    [Theory]
    [InlineData(0.0, MassCut.Crossing, 0)]
    [InlineData(0.4, MassCut.Crossing, 1)]
    [InlineData(0.5, MassCut.Crossing, 1)]
    [InlineData(0.51, MassCut.Crossing, 2)]
    [InlineData(0.8, MassCut.Crossing, 2)]
    [InlineData(1.0, MassCut.Crossing, 3)]
    [InlineData(0.4, MassCut.Below, 0)]
    [InlineData(0.5, MassCut.Below, 1)]
    [InlineData(0.79, MassCut.Below, 1)]
    [InlineData(0.8, MassCut.Below, 2)]
    [InlineData(1.0, MassCut.Below, 3)]
    public void The_mass_decides_how_many(double mass, MassCut cut, int expected)
    {
        var mask = new bool[4];
        Assert.Equal(expected, UnitMasks.TopMass([2, 0, 5, 3], mass, cut, mask));
        Assert.Equal(expected >= 1, mask[2]);
        Assert.Equal(expected >= 2, mask[3]);
        Assert.Equal(expected >= 3, mask[0]);
        Assert.False(mask[1]);
    }

    [Fact]
    public void The_crossing_set_is_the_smallest_that_reaches_the_mass_and_grows_with_it() =>
        Gen.Select(Draw.Seed, Gen.Int[1, 40], Gen.Double[0, 1], Gen.Double[0, 1]).Sample((seed, n, r, s) =>
        {
            float[] activation = Array.ConvertAll(Draw.Normal(n, seed), MathF.Abs);
            bool[] small = new bool[n], large = new bool[n];
            int k = UnitMasks.TopMass(activation, Math.Min(r, s), MassCut.Crossing, small);
            UnitMasks.TopMass(activation, Math.Max(r, s), MassCut.Crossing, large);
            double total = activation.Sum(static a => (double)a), kept = activation.Where((_, i) => small[i]).Sum(static a => (double)a);
            double least = k == 0 ? 0 : activation.Where((_, i) => small[i]).Min();
            return small.Zip(large).All(static m => !m.First || m.Second)
                && kept >= Math.Min(r, s) * total * (1 - 1e-12)
                && (k == 0 || kept - least < Math.Min(r, s) * total);
        });

    [Fact]
    public void The_whole_mass_keeps_exactly_what_is_active_and_the_set_below_is_the_crossing_one_without_the_unit_that_crosses() =>
        Gen.Select(Draw.Seed, Gen.Int[1, 40], Gen.Double[0, 0.99]).Sample((seed, n, r) =>
        {
            // Whole numbers: sums are exact. The released rule allows 1e-5 above the mass, so masses within that of a sum are left out.
            float[] activation = Array.ConvertAll(Draw.Coarse(n, seed), MathF.Abs);
            bool[] all = new bool[n], below = new bool[n], crossing = new bool[n];
            foreach (var cut in Enum.GetValues<MassCut>())
            {
                UnitMasks.TopMass(activation, 1, cut, all);
                if (!all.SequenceEqual(activation.Select(static a => a > 0))) return false;
            }

            double total = activation.Sum(static a => (double)a), sum = 0;
            foreach (float a in activation.OrderDescending())
            {
                sum += a;
                if (Math.Abs(sum - r * total) < 2e-5 * total) return true;
            }

            int least = UnitMasks.TopMass(activation, r, MassCut.Below, below), most = UnitMasks.TopMass(activation, r, MassCut.Crossing, crossing);
            return below.Zip(crossing).All(static m => !m.First || m.Second) && most - least == (total > 0 && r > 0 ? 1 : 0);
        });

    [Fact]
    public void Equal_units_go_to_the_lowest_index()
    {
        var mask = new bool[4];
        UnitMasks.TopMass([1, 1, 1, 1], 0.5, MassCut.Crossing, mask);
        Assert.Equal([true, true, false, false], mask);
        Assert.Equal(2, UnitMasks.TopRatio([3, 7, 7, 7], 0.5, mask));
        Assert.Equal([false, true, true, false], mask);
    }

    [Fact]
    public void Units_that_respond_to_too_many_examples_are_off_however_small_the_responses()
    {
        // Units respond to 0, 1, 2, 3 of three examples; the one that responds once does so loudest.
        float[] responses = [0, 9, 1, 0.1f, 0, 0, 1, 0.1f, 0, 0, 0, 0.1f];
        var mask = new bool[4];
        Assert.Equal(0, UnitMasks.WithoutHyperactive(responses, 0, mask));
        Assert.Equal([true, true, true, true], mask);
        Assert.Equal(1, UnitMasks.WithoutHyperactive(responses, 3, mask));
        Assert.Equal([true, true, true, false], mask);
        Assert.Equal(3, UnitMasks.WithoutHyperactive(responses, 1, mask));
        Assert.Equal([true, false, false, false], mask);
        Assert.Equal(0, UnitMasks.WithoutHyperactive(responses, 4, mask));
        Assert.Throws<ArgumentException>("responses", () => UnitMasks.WithoutHyperactive(responses, 1, new bool[5]));
        Assert.Throws<ArgumentException>("responses", () => UnitMasks.WithoutHyperactive([float.NaN], 1, new bool[1]));
        Assert.Throws<ArgumentOutOfRangeException>("threshold", () => UnitMasks.WithoutHyperactive(responses, -1, mask));
    }

    [Fact]
    public void Nothing_active_keeps_nothing()
    {
        bool[] mask = [true, true];
        Assert.Equal(0, UnitMasks.TopMass([0, 0], 1, MassCut.Crossing, mask));
        Assert.Equal([false, false], mask);
    }

    [Fact]
    public void Inclusion_follows_sampling_without_replacement()
    {
        // Two of three with weights 1, 2, 3: a unit is in with the probability of being drawn first or second.
        double[] w = [1.0 / 6, 2.0 / 6, 3.0 / 6], expected = new double[3];
        for (int i = 0; i < 3; i++)
        {
            expected[i] = w[i];
            for (int j = 0; j < 3; j++) expected[i] += j == i ? 0 : w[j] * w[i] / (1 - w[j]);
        }

        const int draws = 40_000;
        var counts = new double[3];
        var mask = new bool[3];
        var noise = new SeededNoise(1);
        for (int n = 0; n < draws; n++)
        {
            UnitMasks.GumbelTopK([MathF.Log(1), MathF.Log(2), MathF.Log(3)], 2, noise, "edges", n, mask);
            for (int i = 0; i < 3; i++) counts[i] += mask[i] ? 1.0 / draws : 0;
        }

        // Four standard deviations of a share of 40,000 draws.
        for (int i = 0; i < 3; i++) Assert.Equal(expected[i], counts[i], 4 * 0.5 / Math.Sqrt(draws));
    }

    [Fact]
    public void Bad_input_is_refused_by_name()
    {
        var mask = new bool[2];
        Assert.Throws<ArgumentException>("activation", () => UnitMasks.TopMass([1, -1], 0.5, MassCut.Crossing, mask));
        Assert.Throws<ArgumentException>("activation", () => UnitMasks.TopMass([1, float.NaN], 0.5, MassCut.Crossing, mask));
        Assert.Throws<ArgumentOutOfRangeException>("mass", () => UnitMasks.TopMass([1, 1], double.NaN, MassCut.Crossing, mask));
        Assert.Throws<ArgumentException>("scores", () => UnitMasks.TopK([1, float.NaN], 1, mask));
        Assert.Throws<ArgumentOutOfRangeException>("k", () => UnitMasks.TopK([1, 1], 3, mask));
        Assert.Throws<ArgumentException>("mask", () => UnitMasks.TopK([1, 1, 1], 1, mask));
    }
}
