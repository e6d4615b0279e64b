namespace MoE.Diagnostics;

/// <summary>Counts of margins in bins of an eighth of a power of two, so that percentiles over any number of tokens need fixed memory.</summary>
internal sealed class MarginBins
{
    // Sign, exponent and three bits of the mantissa.
    private const int Shift = 20, Half = 1 << 11;

    private readonly long[] _counts = new long[2 * Half];
    private long _count;
    private float _least = float.PositiveInfinity;
    private double _sum;

    public void Add(ReadOnlySpan<float> margins)
    {
        foreach (float margin in margins)
        {
            if (!float.IsFinite(margin)) continue;
            _counts[Bin(margin)]++;
            _count++;
            _least = Math.Min(_least, margin);
            _sum += margin;
        }
    }

    public void Clear()
    {
        Array.Clear(_counts);
        _count = 0;
        _least = float.PositiveInfinity;
        _sum = 0;
    }

    public MarginSummary? Summary() => _count == 0
        ? null
        : new MarginSummary(_count, _least, _sum / _count, Percentile(0.01), Percentile(0.1), Percentile(0.5), Percentile(0.9));

    // Nearest rank.
    private float Percentile(double share)
    {
        long rank = Math.Max(1, (long)Math.Ceiling(share * _count)), seen = 0;
        int bin = 0;
        while ((seen += _counts[bin]) < rank) bin++;
        return Math.Max(Edge(bin), _least);
    }

    private static int Bin(float margin)
    {
        // Zeros of either sign are one value.
        uint bits = BitConverter.SingleToUInt32Bits(Math.Abs(margin)) >> Shift;
        return margin < 0 ? Half - 1 - (int)bits : Half + (int)bits;
    }

    private static float Edge(int bin) => bin >= Half
        ? BitConverter.UInt32BitsToSingle((uint)(bin - Half) << Shift)
        : -BitConverter.UInt32BitsToSingle(((uint)(Half - bin) << Shift) - 1);
}
