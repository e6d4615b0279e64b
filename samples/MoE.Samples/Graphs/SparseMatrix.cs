using System.Numerics;
using System.Runtime.InteropServices;

namespace MoE.Samples.Graphs;

/// <summary>A sparse matrix by rows.</summary>
/// <param name="Rows">Number of rows.</param>
/// <param name="Columns">Number of columns.</param>
/// <param name="Offsets">[rows + 1]: where rows begin.</param>
/// <param name="At">[entries]: columns.</param>
/// <param name="Values">[entries].</param>
public sealed record SparseMatrix(int Rows, int Columns, int[] Offsets, int[] At, float[] Values)
{
    /// <summary>Sorts entries into a matrix.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An entry lies outside.</exception>
    public static SparseMatrix Of(int rows, int columns, IEnumerable<(int Row, int Column, float Value)> entries)
    {
        var sorted = entries.OrderBy(static e => e.Row).ThenBy(static e => e.Column).ToArray();
        var offsets = new int[rows + 1];
        foreach (var (row, column, _) in sorted)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)rows, nameof(entries));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)column, (uint)columns, nameof(entries));
            offsets[row + 1]++;
        }

        for (int r = 0; r < rows; r++) offsets[r + 1] += offsets[r];
        return new(rows, columns, offsets, [.. sorted.Select(static e => e.Column)], [.. sorted.Select(static e => e.Value)]);
    }

    /// <summary>The matrix with each entry dropped at a probability and the others scaled up.</summary>
    /// <param name="probability">0 up to 1, excluded.</param>
    /// <param name="noise">Draws.</param>
    /// <param name="values">[entries], overwritten: the memory of the result.</param>
    public SparseMatrix Dropout(double probability, DropoutNoise noise, float[] values)
    {
        noise.Fill(values, probability);
        for (int i = 0; i < values.Length; i++) values[i] *= Values[i];
        return this with { Values = values };
    }

    /// <summary>y = this x.</summary>
    /// <param name="x">[columns, width].</param>
    /// <param name="width">Columns of x and y.</param>
    /// <param name="y">[rows, width], overwritten.</param>
    public void Multiply(ReadOnlySpan<float> x, int width, Span<float> y)
    {
        y.Clear();
        for (int r = 0; r < Rows; r++)
        {
            var to = y.Slice(r * width, width);
            for (int i = Offsets[r]; i < Offsets[r + 1]; i++) Add(x.Slice(At[i] * width, width), Values[i], to);
        }
    }

    /// <summary>y = this^T x.</summary>
    /// <param name="x">[rows, width].</param>
    /// <param name="width">Columns of x and y.</param>
    /// <param name="y">[columns, width], overwritten.</param>
    public void MultiplyTransposed(ReadOnlySpan<float> x, int width, Span<float> y)
    {
        y.Clear();
        for (int r = 0; r < Rows; r++)
        {
            var from = x.Slice(r * width, width);
            for (int i = Offsets[r]; i < Offsets[r + 1]; i++) Add(from, Values[i], y.Slice(At[i] * width, width));
        }
    }

    private static void Add(ReadOnlySpan<float> row, float factor, Span<float> to)
    {
        if (factor == 0) return;
        var from = MemoryMarshal.Cast<float, Vector<float>>(row);
        var sums = MemoryMarshal.Cast<float, Vector<float>>(to);
        for (int v = 0; v < sums.Length; v++) sums[v] += factor * from[v];
        for (int c = sums.Length * Vector<float>.Count; c < to.Length; c++) to[c] += factor * row[c];
    }
}
