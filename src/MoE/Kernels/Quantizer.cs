using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MoE;

/// <summary>Blocks of 32 numbers as small integers and a scale. A block of zeros has the scale zero.</summary>
internal static unsafe class Quantizer
{
    private const int Block = PackedMatrix.Block;

    // Where the largest number of a block goes, in steps of the scale: within -8..7 or a little past the end, whichever leaves the least error.
    private static readonly float[] s_ends = [-8, -7.5f, -7, -8.5f, 7, 7.5f];

    /// <summary>The scale that puts the largest magnitude at 127, as the bfloat16 it is held in.</summary>
    public static float Scale8(ReadOnlySpan<float> values)
    {
        float most = 0;
        foreach (float v in values) most = Math.Max(most, Math.Abs(v));
        return Bfloat16.Widen(Bfloat16.Round(most / 127));
    }

    /// <summary>-127..127.</summary>
    private static float Round8(float* values, float scale, sbyte* to)
    {
        float inverse = scale == 0 ? 0 : 1 / scale;
        for (int k = 0; k < Block; k++) to[k] = (sbyte)Math.Clamp(MathF.Round(values[k] * inverse), -127, 127);
        return scale;
    }

    /// <summary>-8..7, by the scale of the least squared error among a few.</summary>
    private static float Round4(float* values, sbyte* to)
    {
        Vector512<float> a = Vector512.Load(values), b = Vector512.Load(values + 16);
        float largest = 0;
        for (int k = 0; k < Block; k++)
        {
            if (Math.Abs(values[k]) > Math.Abs(largest)) largest = values[k];
        }

        float best = 0, least = float.PositiveInfinity;
        foreach (float end in s_ends)
        {
            float scale = Bfloat16.Widen(Bfloat16.Round(largest / end));
            if (scale == 0) continue;
            var da = a - Nearest4(a, scale) * scale;
            var db = b - Nearest4(b, scale) * scale;
            float error = Vector512.Sum(da * da + db * db);
            if (error < least) (best, least) = (scale, error);
        }

        Vector512<float> qa = best == 0 ? default : Nearest4(a, best), qb = best == 0 ? default : Nearest4(b, best);
        for (int k = 0; k < 16; k++) (to[k], to[16 + k]) = ((sbyte)qa[k], (sbyte)qb[k]);
        return best;
    }

    /// <summary>A block in the integers of a format; returns its scale.</summary>
    /// <param name="format">A format with integers.</param>
    /// <param name="values">[32].</param>
    /// <param name="rowScale">The row's, where a row has one.</param>
    /// <param name="to">[32], overwritten.</param>
    public static float Round(WeightFormat format, float* values, float rowScale, sbyte* to) => format switch
    {
        WeightFormat.Int8PerRow => Round8(values, rowScale, to),
        WeightFormat.Int8PerBlock => Round8(values, Scale8(new ReadOnlySpan<float>(values, Block)), to),
        _ => Round4(values, to),
    };

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
            var magnitudes = Vector512.Max(Vector512.Abs(a), Vector512.Abs(b));
            var half = Vector256.Max(magnitudes.GetLower(), magnitudes.GetUpper());
            var quarter = Vector128.Max(half.GetLower(), half.GetUpper());
            float most = Math.Max(Math.Max(quarter[0], quarter[1]), Math.Max(quarter[2], quarter[3]));
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

    private static Vector512<float> Nearest4(Vector512<float> values, float scale) =>
        Vector512.Min(Vector512.Max(Vector512.Round(values * (1 / scale)), Vector512.Create(-8f)), Vector512.Create(7f));
}
