using System.Runtime.CompilerServices;

namespace MoE;

/// <summary>Rows of weights as small integers and scales: what <see cref="MoEFeedForward"/> holds and the exporters write. No calibration data; a block of zeros has the scale zero.</summary>
public static unsafe class WeightQuantizer
{
    /// <summary>Weights that share a scale in the formats per block.</summary>
    public const int BlockSize = PackedMatrix.Block;

    /// <summary>Scales of a row.</summary>
    /// <param name="format">A format with integers.</param>
    /// <param name="length">Weights of the row, positive.</param>
    public static int ScaleCount(WeightFormat format, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        return Integers(format) == WeightFormat.Int8PerRow ? 1 : (length + BlockSize - 1) / BlockSize;
    }

    /// <summary>Zero points of a row: as many as scales, or none.</summary>
    /// <param name="format">A format with integers.</param>
    /// <param name="length">Weights of the row, positive.</param>
    public static int ZeroPointCount(WeightFormat format, int length)
    {
        int scales = ScaleCount(format, length);
        return format == WeightFormat.Int4PerBlockAsymmetric ? scales : 0;
    }

    /// <summary>Quantises a row: a weight is scale (number - zero point).</summary>
    /// <param name="format">A format with integers.</param>
    /// <param name="row">[K], finite.</param>
    /// <param name="numbers">[K], overwritten: -127..127 or -8..7.</param>
    /// <param name="scales">[<see cref="ScaleCount"/>], overwritten: each a bfloat16 number.</param>
    /// <param name="zeroPoints">[<see cref="ZeroPointCount"/>], overwritten: -8..7. Empty for formats without.</param>
    /// <exception cref="ArgumentException">A length is wrong, the format has no integers, or a weight is not finite.</exception>
    [SkipLocalsInit]
    public static void Quantize(WeightFormat format, ReadOnlySpan<float> row, Span<sbyte> numbers, Span<float> scales, Span<sbyte> zeroPoints = default)
    {
        int count = ScaleCount(format, row.Length);
        if (numbers.Length != row.Length) throw new ArgumentException($"numbers has {numbers.Length} places; must have {row.Length}", nameof(numbers));
        if (scales.Length != count) throw new ArgumentException($"scales has {scales.Length} places; must have {count}", nameof(scales));
        if (zeroPoints.Length != ZeroPointCount(format, row.Length)) throw new ArgumentException($"zeroPoints has {zeroPoints.Length} places; must have {ZeroPointCount(format, row.Length)}", nameof(zeroPoints));
        int at = row.IndexOfAnyExceptInRange(float.MinValue, float.MaxValue);
        if (at >= 0) throw new ArgumentException($"row[{at}] = {row[at]}; must be finite", nameof(row));
        float* block = stackalloc float[BlockSize];
        sbyte* rounded = stackalloc sbyte[BlockSize];
        if (format == WeightFormat.Int8PerRow) scales[0] = Quantizer.Scale8(row);
        for (int k = 0; k < row.Length; k += BlockSize)
        {
            int n = Math.Min(BlockSize, row.Length - k);
            new Span<float>(block, BlockSize).Clear();
            row.Slice(k, n).CopyTo(new Span<float>(block, BlockSize));
            scales[format == WeightFormat.Int8PerRow ? 0 : k / BlockSize] = Quantizer.Round(format, block, scales[0], rounded, out int zero, out _);
            if (!zeroPoints.IsEmpty) zeroPoints[k / BlockSize] = (sbyte)zero;
            new ReadOnlySpan<sbyte>(rounded, n).CopyTo(numbers[k..]);
        }
    }

    private static WeightFormat Integers(WeightFormat format) => format is WeightFormat.Int8PerRow or WeightFormat.Int8PerBlock or WeightFormat.Int4PerBlock or WeightFormat.Int4PerBlockAsymmetric
        ? format
        : throw new ArgumentOutOfRangeException(nameof(format), format, "must be a format with integers: Int8PerRow, Int8PerBlock, Int4PerBlock or Int4PerBlockAsymmetric");
}
