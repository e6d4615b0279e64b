namespace MoE.Checkpoints;

/// <summary>
/// Where a matrix of the layer lies in a stored tensor: number (row, column) at First + row * RowStride + column * ColumnStride. Transposed, concatenated and interleaved layouts are strides, nothing else.
/// </summary>
/// <param name="Name">A name of <see cref="WeightNames"/>; of a stacked tensor it is one expert's share.</param>
/// <param name="Rows">Rows of the matrix; a vector is one column.</param>
/// <param name="Columns">Columns of the matrix.</param>
/// <param name="First">The first number, counted from that of the expert in the stored tensor.</param>
/// <param name="RowStride">From row to row.</param>
/// <param name="ColumnStride">From column to column; where it is not 1, stored rows are columns here.</param>
internal readonly record struct StoredShare(string Name, int Rows, int Columns, long First, long RowStride, long ColumnStride)
{
    public int Count => Rows * Columns;

    /// <summary>The share as it lies in the layer, from numbers as they are stored.</summary>
    public void Read(ITensorReader tensor, long start, Span<float> destination)
    {
        long at = start + First;
        if (ColumnStride == 1)
        {
            if (RowStride == Columns) tensor.Read(at, destination[..Count]);
            else for (int r = 0; r < Rows; r++) tensor.Read(at + r * RowStride, destination.Slice(r * Columns, Columns));
            return;
        }

        // Some stored rows at a time, so that what is written lies together; a little apart, as rows of a power of two would take each other's places in the cache.
        const int Block = 32, Apart = 16;
        int run = checked((int)((Rows - 1) * RowStride + 1)), pitch = run + Apart;
        float[] rows = System.Buffers.ArrayPool<float>.Shared.Rent(checked(pitch * Block));
        for (int c = 0; c < Columns; c += Block)
        {
            int width = Math.Min(Block, Columns - c);
            for (int j = 0; j < width; j++) tensor.Read(at + (c + j) * ColumnStride, rows.AsSpan(j * pitch, run));
            for (int r = 0, from = 0; r < Rows; r++, from += (int)RowStride)
            {
                var to = destination.Slice(r * Columns + c, width);
                for (int j = 0, place = from; j < to.Length; j++, place += pitch) to[j] = rows[place];
            }
        }

        System.Buffers.ArrayPool<float>.Shared.Return(rows);
    }

    /// <summary>Numbers of the layer put where they are stored.</summary>
    public void Write(ReadOnlySpan<float> share, Span<float> stored)
    {
        for (int r = 0; r < Rows; r++)
            for (int c = 0; c < Columns; c++) stored[(int)(First + r * RowStride + c * ColumnStride)] = share[r * Columns + c];
    }

    /// <summary>The place in the stored tensor of a number of the share.</summary>
    public long PlaceOf(long start, int index) => start + First + index / Columns * RowStride + index % Columns * ColumnStride;
}
