namespace MoE;

/// <summary>Which blocks of keys a block of queries attends to (SeerAttention): selection over a grid of scores.</summary>
public static class BlockSelection
{
    /// <summary>
    /// The share of each row that keeps the share <paramref name="ratio"/> of a causal triangle: <c>1 - sqrt(1 - ratio)</c>. A row keeps the same number of blocks wherever it stands, and early rows
    /// have fewer to keep: with n blocks the kept fraction of the triangle tends to the ratio as n grows.
    /// </summary>
    /// <param name="ratio">0..1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The ratio is outside 0..1.</exception>
    public static double CausalShare(double ratio) =>
        ratio >= 0 && ratio <= 1 ? 1 - Math.Sqrt(1 - ratio) : throw new ArgumentOutOfRangeException(nameof(ratio), ratio, "must be in 0..1");

    /// <summary>The best k blocks of every row; of a causal row at most its own.</summary>
    /// <param name="scores">[rows, columns], row-major; not NaN.</param>
    /// <param name="rows">Blocks of queries, positive.</param>
    /// <param name="k">Blocks per row, not negative.</param>
    /// <param name="causal">Row i sees columns 0..i only; needs as many columns as rows.</param>
    /// <param name="mask">[rows, columns], overwritten.</param>
    /// <exception cref="ArgumentException">A length is wrong, or a score is NaN.</exception>
    public static void TopKPerRow(ReadOnlySpan<float> scores, int rows, int k, bool causal, Span<bool> mask)
    {
        int columns = Columns(scores, rows, causal, mask);
        ArgumentOutOfRangeException.ThrowIfNegative(k);
        for (int r = 0; r < rows; r++)
        {
            int open = causal ? r + 1 : columns;
            mask.Slice(r * columns, columns).Clear();
            UnitMasks.TopK(scores.Slice(r * columns, open), Math.Min(k, open), mask.Slice(r * columns, open));
        }
    }

    /// <summary>Every block whose score is above the threshold; the diagonal of a causal grid is always kept, so that no query is left without keys.</summary>
    /// <param name="scores">[rows, columns], row-major; not NaN.</param>
    /// <param name="rows">Blocks of queries, positive.</param>
    /// <param name="threshold">Finite.</param>
    /// <param name="causal">Row i sees columns 0..i only; needs as many columns as rows.</param>
    /// <param name="mask">[rows, columns], overwritten.</param>
    /// <exception cref="ArgumentException">A length is wrong, or a score is NaN.</exception>
    public static void Threshold(ReadOnlySpan<float> scores, int rows, double threshold, bool causal, Span<bool> mask)
    {
        int columns = Columns(scores, rows, causal, mask);
        if (!double.IsFinite(threshold)) throw new ArgumentOutOfRangeException(nameof(threshold), threshold, "must be finite");
        for (int i = 0; i < scores.Length; i++)
        {
            int row = i / columns, column = i % columns;
            if (float.IsNaN(scores[i])) throw new ArgumentException($"scores[{row}, {column}] = NaN: must be a number", nameof(scores));
            mask[i] = (!causal || column <= row) && (scores[i] > threshold || (causal && column == row));
        }
    }

    private static int Columns(ReadOnlySpan<float> scores, int rows, bool causal, Span<bool> mask)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        if (scores.Length % rows != 0) throw new ArgumentException($"scores has {scores.Length} values; must be a multiple of rows ({rows})", nameof(scores));
        if (mask.Length != scores.Length) throw new ArgumentException($"mask has {mask.Length} values; must have {scores.Length}", nameof(mask));
        int columns = scores.Length / rows;
        if (causal && columns != rows) throw new ArgumentException($"scores is [{rows}, {columns}]; must be square for a causal selection", nameof(scores));
        return columns;
    }
}
