namespace MoE.Tests.Noise;

/// <summary>The counter-based noise: the published generator, the right distributions, and numbers that depend on seed, name, step and index alone.</summary>
public sealed class SeededNoiseTests
{
    private const int Count = 100_000;

    // Random123 1.14.0, tests/kat_vectors, philox4x32 10 rounds: counter, key, output.
    [Theory]
    [InlineData(0x00000000u, 0x00000000u, 0x0000000000000000ul, 0x0000000000000000ul, new[] { 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u })]
    [InlineData(0xffffffffu, 0xffffffffu, 0xfffffffffffffffful, 0xfffffffffffffffful, new[] { 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu })]
    [InlineData(0x243f6a88u, 0x85a308d3u, 0x0370734413198a2eul, 0x299f31d0a4093822ul, new[] { 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u })]
    public void Philox_gives_the_published_answers(uint c0, uint c1, ulong step, ulong key, uint[] expected)
    {
        var block = new uint[4];
        SeededNoise.Philox(c0, c1, step, key, block);
        Assert.Equal(expected, block);
    }

    [Theory]
    [InlineData(NoiseKind.Uniform, 0.5, 1 / 12.0, 1.8)]
    [InlineData(NoiseKind.Normal, 0, 1, 3)]
    [InlineData(NoiseKind.Gumbel, 0.5772156649, 1.6449340668, 5.4)]
    [InlineData(NoiseKind.Exponential, 1, 1, 9)]
    public void Moments_and_distribution_are_right(NoiseKind kind, double mean, double variance, double kurtosis)
    {
        const int n = 10 * Count;
        float[] x = Draws(7, "moments", 3, kind, n);
        double m = x.Average(static v => (double)v), v2 = x.Average(v => (v - m) * (v - m));
        // Four standard errors, for a draw that is fixed by its seed.
        Assert.Equal(mean, m, 4 * Math.Sqrt(variance / n));
        Assert.Equal(variance, v2, 4 * variance * Math.Sqrt((kurtosis - 1) / n));
        // Kolmogorov-Smirnov: P(D sqrt(n) > 1.95) = 0.001.
        Array.Sort(x);
        double d = x.Select((v, i) => Math.Max(Math.Abs(Cdf(kind, v) - (double)i / n), Math.Abs(Cdf(kind, v) - (i + 1.0) / n))).Max();
        Assert.InRange(d * Math.Sqrt(n), 0, 1.95);
    }

    [Fact]
    public void Neighbours_and_draws_are_uncorrelated()
    {
        float[] x = Draws(1, "a", 0, NoiseKind.Normal, Count), y = Draws(1, "b", 0, NoiseKind.Normal, Count), z = Draws(1, "a", 1, NoiseKind.Normal, Count);
        double limit = 5 / Math.Sqrt(Count);
        for (int lag = 1; lag <= 4; lag++) Assert.InRange(Correlation(x[lag..], x[..^lag]), -limit, limit);
        Assert.InRange(Correlation(x, y), -limit, limit);
        Assert.InRange(Correlation(x, z), -limit, limit);
    }

    [Theory]
    [InlineData(NoiseKind.Uniform)]
    [InlineData(NoiseKind.Normal)]
    [InlineData(NoiseKind.Gumbel)]
    [InlineData(NoiseKind.Exponential)]
    public void Equal_seed_name_and_step_give_equal_numbers_and_nothing_else_does(NoiseKind kind)
    {
        float[] x = Draws(1, "gate", 5, kind, 64);
        Assert.Equal(x, Draws(1, "gate", 5, kind, 64));
        Assert.NotEqual(x, Draws(2, "gate", 5, kind, 64));
        Assert.NotEqual(x, Draws(1, "gat", 5, kind, 64));
        Assert.NotEqual(x, Draws(1, "gate", 6, kind, 64));
        Assert.NotEqual(x, Draws(1, "gate", 5 + (1L << 32), kind, 64));
        Assert.NotEqual(x, Draws(1 + (1ul << 32), "gate", 5, kind, 64));
        // A longer draw begins with the shorter one.
        Assert.Equal(x[..7], Draws(1, "gate", 5, kind, 7));
    }

    [Fact]
    public void Calls_leave_no_trace_and_threads_do_not_matter()
    {
        var source = new SeededNoise(9);
        float[] expected = Draws(9, "x", 0, NoiseKind.Uniform, 1000);
        Parallel.For(0, 64, i =>
        {
            var values = new float[1000];
            source.Fill("y", i, NoiseKind.Normal, values);
            source.Fill("x", 0, NoiseKind.Uniform, values);
            Assert.Equal(expected, values);
        });
    }

    [Fact]
    public void Values_stay_in_their_range()
    {
        Assert.All(Draws(3, "u", 0, NoiseKind.Uniform, Count), static u => Assert.InRange(u, 0, 0.99999994f));
        foreach (var kind in Enum.GetValues<NoiseKind>()) Assert.All(Draws(3, "v", 0, kind, Count), static v => Assert.True(float.IsFinite(v)));
        Assert.All(Draws(3, "w", 0, NoiseKind.Exponential, Count), static e => Assert.True(e >= 0));
    }

    [Fact]
    public void Empty_draws_and_bad_arguments()
    {
        new SeededNoise(0).Fill("empty", 0, NoiseKind.Uniform, []);
        Assert.Throws<ArgumentNullException>("name", static () => new SeededNoise(0).Fill(null!, 0, NoiseKind.Uniform, []));
        Assert.Throws<ArgumentOutOfRangeException>("kind", static () => new SeededNoise(0).Fill("x", 0, (NoiseKind)9, new float[1]));
    }

    private static float[] Draws(ulong seed, string name, long step, NoiseKind kind, int count)
    {
        var values = new float[count];
        new SeededNoise(seed).Fill(name, step, kind, values);
        return values;
    }

    private static double Cdf(NoiseKind kind, double x) => kind switch
    {
        NoiseKind.Uniform => x,
        NoiseKind.Normal => 0.5 * (1 + Activations.Erf(x / Math.Sqrt(2))),
        NoiseKind.Gumbel => Math.Exp(-Math.Exp(-x)),
        _ => 1 - Math.Exp(-x),
    };

    private static double Correlation(float[] a, float[] b)
    {
        double ma = a.Average(), mb = b.Average(), ab = 0, aa = 0, bb = 0;
        for (int i = 0; i < a.Length; i++)
        {
            ab += (a[i] - ma) * (b[i] - mb);
            aa += (a[i] - ma) * (a[i] - ma);
            bb += (b[i] - mb) * (b[i] - mb);
        }

        return ab / Math.Sqrt(aa * bb);
    }
}
