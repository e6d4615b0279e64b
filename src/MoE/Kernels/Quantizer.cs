using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MoE;

/// <summary>Blocks of 32 numbers as small integers, a scale and, in one format, a zero point. A block of zeros has the scale zero; no scale and no number that is held is infinite or NaN.</summary>
internal static unsafe class Quantizer
{
    private const int Block = PackedMatrix.Block;

    // Where the largest number of a block goes, in steps of the scale: within -8..7 or a little past the end, whichever leaves the least error.
    private static readonly float[] s_ends = [-8, -7.5f, -7, -8.5f, 7, 7.5f];

    // The share of a block's range that sixteen steps cover, where the zero point is free: clipping the ends a little makes the steps between them finer.
    private static readonly float[] s_shares = [1, 0.93f, 0.86f, 0.8f];

    /// <summary>The scale that puts the largest magnitude at 127, as the bfloat16 it is held in.</summary>
    public static float Scale8(ReadOnlySpan<float> values)
    {
        var largest = Vector512<float>.Zero;
        int i = 0;
        for (; i + 16 <= values.Length; i += 16) largest = Vector512.Max(largest, Vector512.Abs(Vector512.Create(values[i..])));
        float most = Most(largest);
        for (; i < values.Length; i++) most = Math.Max(most, Math.Abs(values[i]));
        ushort scale = Bfloat16.Round(most / 127);
        // At the end of the range of single precision, a scale that was rounded up has no finite 127.
        return Bfloat16.Widen(float.IsInfinity(127 * Bfloat16.Widen(scale)) ? (ushort)(scale - 1) : scale);
    }

    /// <summary>-127..127.</summary>
    private static float Round8(float* values, float scale, sbyte* to, out double error)
    {
        float inverse = scale == 0 ? 0 : 1 / scale;
        error = 0;
        // The inverse of a tiny scale is no number, and the square of a large difference none of single precision.
        if (float.IsInfinity(inverse) || scale > 1e15f)
        {
            for (int k = 0; k < Block; k++)
            {
                to[k] = (sbyte)Math.Clamp(Math.Round((double)values[k] / scale), -127, 127);
                double difference = (double)values[k] - scale * to[k];
                error += difference * difference;
            }

            return scale;
        }

        Vector512<float> least = Vector512.Create(-127f), most = Vector512.Create(127f), a = Vector512.Load(values), b = Vector512.Load(values + 16);
        var qa = Vector512.Min(Vector512.Max(Vector512.Round(a * inverse), least), most);
        var qb = Vector512.Min(Vector512.Max(Vector512.Round(b * inverse), least), most);
        Store(qa, qb, to);
        var da = a - qa * scale;
        var db = b - qb * scale;
        error = Vector512.Sum(da * da + db * db);
        return scale;
    }

    private static void Store(Vector512<float> a, Vector512<float> b, sbyte* to)
    {
        var shorts = Vector512.Narrow(Vector512.ConvertToInt32(a), Vector512.ConvertToInt32(b));
        Vector256.Narrow(shorts.GetLower(), shorts.GetUpper()).Store(to);
    }

    /// <summary>-8..7, by the scale, and the zero point where it is free, of the least squared error among a few.</summary>
    private static float Round4(float* values, bool asymmetric, sbyte* to, out int zero, out double error)
    {
        Vector512<float> a = Vector512.Load(values), b = Vector512.Load(values + 16);
        float low = -Most(Vector512.Max(-a, -b)), high = Most(Vector512.Max(a, b)), size = Math.Max(-low, high);
        // Of two that are as large, the first in the row counts.
        ulong firsts = Vector512.Equals(Vector512.Abs(a), Vector512.Create(size)).ExtractMostSignificantBits() | Vector512.Equals(Vector512.Abs(b), Vector512.Create(size)).ExtractMostSignificantBits() << 16;
        // NaN is equal to nothing, and its block becomes zero.
        float largest = size == 0 || firsts == 0 ? 0 : values[BitOperations.TrailingZeroCount(firsts)];
        (low, high) = (Math.Min(low, 0), Math.Max(high, 0));

        var search = new Search4(values, to, size);
        foreach (float end in s_ends)
        {
            float scale = largest / end;
            // The same steps from the other end: a scale below zero is one above it, with the numbers mirrored.
            if (asymmetric && scale < 0) search.Try(-scale, -1);
            else search.Try(scale, 0);
        }

        if (asymmetric)
        {
            // Halves first: the range of the largest numbers is none.
            float middle = high / 2 + low / 2;
            foreach (float share in s_shares)
            {
                float step = share * (high / 15 - low / 15);
                if (step == 0) continue;
                int at = (int)Math.Floor(Math.Clamp(-0.5 - (double)middle / step, -8, 7));
                search.Try(step, at);
                if (at < 7) search.Try(step, at + 1);
            }

            for (int i = 0; i < 2 && search.Scale != 0; i++) search.Refine();
        }

        zero = search.Zero;
        return search.Finish(out error);
    }

    // Halves until four are left: faster than a reduction of all lanes.
    private static float Most(Vector512<float> values)
    {
        var half = Vector256.Max(values.GetLower(), values.GetUpper());
        var quarter = Vector128.Max(half.GetLower(), half.GetUpper());
        return Math.Max(Math.Max(quarter[0], quarter[1]), Math.Max(quarter[2], quarter[3]));
    }

    /// <summary>A block in the integers of a format; returns its scale.</summary>
    /// <param name="format">A format with integers.</param>
    /// <param name="values">[32].</param>
    /// <param name="rowScale">The row's, where a row has one.</param>
    /// <param name="to">[32], overwritten.</param>
    /// <param name="zero">The number that stands for zero: 0 where the format has no zero points, otherwise in -8..7.</param>
    /// <param name="error">The sum of the squared differences.</param>
    public static float Round(WeightFormat format, float* values, float rowScale, sbyte* to, out int zero, out double error)
    {
        zero = 0;
        return format switch
        {
            WeightFormat.Int8PerRow => Round8(values, rowScale, to, out error),
            WeightFormat.Int8PerBlock => Round8(values, Scale8(new ReadOnlySpan<float>(values, Block)), to, out error),
            _ => Round4(values, format == WeightFormat.Int4PerBlockAsymmetric, to, out zero, out error),
        };
    }

    /// <summary>The sum of 32 squares.</summary>
    public static double Squares(float* values)
    {
        Vector512<float> a = Vector512.Load(values), b = Vector512.Load(values + 16);
        float sum = Vector512.Sum(a * a + b * b);
        if (float.IsNormal(sum) && sum > 1e-30f) return sum;
        double squares = 0;
        for (int k = 0; k < Block; k++) squares += (double)values[k] * values[k];
        return squares;
    }

    /// <summary>Activations of one row: 8-bit numbers, a scale in single precision for each 32 of them, and their sums times the offset of the weights.</summary>
    /// <param name="from">[count], finite or not: what is not finite spoils its block only.</param>
    /// <param name="count">Numbers; the last block is filled up with zeros.</param>
    /// <param name="numbers">Blocks of 32, <paramref name="numbersStep"/> bytes apart.</param>
    /// <param name="numbersStep">Bytes from one block to the next.</param>
    /// <param name="scales">One per block, <paramref name="step"/> apart.</param>
    /// <param name="sums">One per block, <paramref name="step"/> apart: -offset times the sum of the block.</param>
    /// <param name="step">From one block's scale to the next.</param>
    /// <param name="offset">What was added to the weights to make them unsigned.</param>
    /// <param name="wide">16-bit numbers, 0, 2, 1, 3 of each four.</param>
    [SkipLocalsInit]
    public static void Activations(float* from, int count, byte* numbers, nint numbersStep, float* scales, int* sums, nint step, int offset, bool wide)
    {
        float* rest = stackalloc float[Block];
        for (int k = 0; k < count; k += Block, numbers += numbersStep, scales += step, sums += step)
        {
            float* at = from + k;
            if (count - k < Block)
            {
                new Span<float>(rest, Block).Clear();
                new ReadOnlySpan<float>(at, count - k).CopyTo(new Span<float>(rest, Block));
                at = rest;
            }

            Vector512<float> a = Vector512.Load(at), b = Vector512.Load(at + 16);
            float most = Most(Vector512.Max(Vector512.Abs(a), Vector512.Abs(b)));
            // NaN and infinity go into the scale, and from there into every number of the block's products.
            *scales = most / 127;
            float inverse = float.IsNormal(most) ? 127 / most : 0;
            if (float.IsInfinity(inverse)) inverse = 0;
            var qa = Vector512.ConvertToInt32(Vector512.Round(a * inverse));
            var qb = Vector512.ConvertToInt32(Vector512.Round(b * inverse));
            *sums = -offset * Vector512.Sum(qa + qb);
            var shorts = Vector512.Narrow(qa, qb);
            if (wide) Vector512.Shuffle(shorts, EvenFirst).Store((short*)numbers);
            else Vector256.Narrow(shorts.GetLower(), shorts.GetUpper()).Store((sbyte*)numbers);
        }
    }

    private static Vector512<short> EvenFirst => Vector512.Create(0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15, 16, 18, 17, 19, 20, 22, 21, 23, 24, 26, 25, 27, 28, 30, 29, 31);

    /// <summary>The best scale and zero point so far of one block.</summary>
    private ref struct Search4
    {
        private readonly float* _values;
        private readonly sbyte* _to;
        // Squares of these overflow or vanish in single precision, and inverses of their scales may.
        private readonly bool _extreme;
        private double _least;

        public Search4(float* values, sbyte* to, float largest)
        {
            _values = values;
            _to = to;
            _extreme = largest is > 1e18f or < 1e-15f;
            _least = double.PositiveInfinity;
        }

        public float Scale { get; private set; }

        public int Zero { get; private set; }

        public void Try(float wanted, int zero)
        {
            float scale = Bfloat16.Widen(Bfloat16.Round(wanted));
            if (scale == 0) return;
            double error = _extreme ? Slow(scale, zero) : Fast(scale, zero);
            if (error < _least) (_least, Scale, Zero) = (error, scale, zero);
        }

        /// <summary>Tries the scale that is best for the numbers of the best one.</summary>
        public void Refine()
        {
            if (_extreme) return;
            Vector512<float> a = Vector512.Load(_values), b = Vector512.Load(_values + 16), qa = Nearest4(a, Scale, Zero), qb = Nearest4(b, Scale, Zero);
            float products = Vector512.Sum(a * qa + b * qb), squares = Vector512.Sum(qa * qa + qb * qb);
            if (squares > 0 && products > 0) Try(products / squares, Zero);
        }

        /// <summary>Writes the numbers; returns the scale.</summary>
        public readonly float Finish(out double error)
        {
            // Without a scale all are zero, whose error is their size.
            error = Scale == 0 ? Squares(_values) : _least;
            if (Scale != 0 && !_extreme)
            {
                var zero = Vector512.Create((float)Zero);
                Store(Nearest4(Vector512.Load(_values), Scale, Zero) + zero, Nearest4(Vector512.Load(_values + 16), Scale, Zero) + zero, _to);
                return Scale;
            }

            for (int k = 0; k < Block; k++) _to[k] = Scale == 0 ? (sbyte)0 : (sbyte)Number(_values[k], Scale, Zero);
            return Scale;
        }

        private static double Number(float value, float scale, int zero) => Math.Clamp(Math.Round((double)value / scale) + zero, -8, 7);

        private readonly float Fast(float scale, int zero)
        {
            Vector512<float> a = Vector512.Load(_values), b = Vector512.Load(_values + 16);
            var da = a - Nearest4(a, scale, zero) * scale;
            var db = b - Nearest4(b, scale, zero) * scale;
            return Vector512.Sum(da * da + db * db);
        }

        private readonly double Slow(float scale, int zero)
        {
            double error = 0;
            for (int k = 0; k < Block; k++)
            {
                double difference = _values[k] - (double)(float)(scale * (float)(Number(_values[k], scale, zero) - zero));
                error += difference * difference;
            }

            return error;
        }

        // Steps from zero.
        private static Vector512<float> Nearest4(Vector512<float> values, float scale, int zero) =>
            Vector512.Min(Vector512.Max(Vector512.Round(values * (1 / scale)), Vector512.Create(-8f - zero)), Vector512.Create(7f - zero));
    }
}
