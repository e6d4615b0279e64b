namespace MoE.Samples.Numerics;

/// <summary>Random numbers of one purpose: the same for the same seed and labels, whatever else is drawn and on whichever thread. SplitMix64 (Steele et al. 2014).</summary>
public sealed class Draws
{
    private ulong _state;
    private double _spare = double.NaN;

    /// <summary>A stream.</summary>
    /// <param name="seed">The seed of the run.</param>
    /// <param name="labels">What the numbers are for: streams of different labels are independent.</param>
    public Draws(long seed, params ReadOnlySpan<long> labels)
    {
        _state = Mix((ulong)seed + 0x9E3779B97F4A7C15);
        foreach (long label in labels) _state = Mix(_state ^ Mix((ulong)label + 0x9E3779B97F4A7C15));
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double Uniform() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [low, high).</summary>
    public double Uniform(double low, double high) => low + (high - low) * Uniform();

    /// <summary>Uniform over 0..count - 1.</summary>
    /// <param name="count">Positive.</param>
    public int Below(int count) => (int)((Next() >> 32) * (ulong)count >> 32);

    /// <summary>Standard normal, by the polar method.</summary>
    public double Normal()
    {
        if (!double.IsNaN(_spare))
        {
            double spare = _spare;
            _spare = double.NaN;
            return spare;
        }

        double u, v, s;
        do
        {
            u = 2 * Uniform() - 1;
            v = 2 * Uniform() - 1;
            s = u * u + v * v;
        }
        while (s is >= 1 or 0);
        double scale = Math.Sqrt(-2 * Math.Log(s) / s);
        _spare = v * scale;
        return u * scale;
    }

    /// <summary>Puts values into a random order (Fisher and Yates).</summary>
    public void Shuffle<T>(Span<T> values)
    {
        for (int i = values.Length - 1; i > 0; i--)
        {
            int j = Below(i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    private ulong Next() => Mix(_state += 0x9E3779B97F4A7C15);

    private static ulong Mix(ulong z)
    {
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        return z ^ z >> 31;
    }
}
