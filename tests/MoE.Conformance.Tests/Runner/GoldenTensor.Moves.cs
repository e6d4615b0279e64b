namespace MoE.Conformance.Runner;

/// <summary>Moves of elements: none of these computes with a value.</summary>
internal sealed partial class GoldenTensor
{
    /// <summary>The last dimension, or the one given from the end.</summary>
    public int Half(Index dimension) => Size(dimension) / 2;

    public int Rest(Index dimension) => Size(dimension) - 1;

    public int Size(Index dimension) => Shape[dimension.GetOffset(Shape.Count)];

    /// <summary>The same values in another shape; one dimension may be -1.</summary>
    public GoldenTensor Reshape(params int[] shape)
    {
        int open = Array.IndexOf(shape, -1);
        if (open >= 0)
        {
            long rest = shape.Where(static d => d != -1).Aggregate(1L, static (product, d) => product * d);
            shape = [.. shape];
            shape[open] = rest == 0 ? 0 : checked((int)(Count / rest));
        }

        return new GoldenTensor(Type, Kind, shape, _data);
    }

    /// <summary>[..., D] as [T, D].</summary>
    public GoldenTensor Rows() => Shape.Count == 0
        ? throw new InvalidDataException("a scalar has no rows")
        : Reshape([Shape.SkipLast(1).Aggregate(1, static (product, d) => checked(product * d)), Shape[^1]]);

    /// <summary>The last two dimensions swapped.</summary>
    public GoldenTensor Transpose()
    {
        int rows = Size(^2), columns = Size(^1), block = rows * columns;
        return Take([.. Shape.SkipLast(2), columns, rows], i =>
        {
            int inside = i % block;
            return i - inside + inside % rows * columns + inside / rows;
        });
    }

    /// <summary>Every <paramref name="step"/>-th of a dimension, <paramref name="count"/> of them.</summary>
    public GoldenTensor Slice(int dimension, int start, int count, int step = 1)
    {
        int width = Inner(dimension), size = Shape[dimension];
        if (start < 0 || count < 0 || (count > 0 && start + (count - 1) * step >= size))
            throw new InvalidDataException($"{this} has no {count} places from {start} by {step} in dimension {dimension}");
        int[] shape = [.. Shape];
        shape[dimension] = count;
        return Take(shape, i =>
        {
            int outer = i / (count * width), place = i / width % count;
            return (outer * size + start + place * step) * width + i % width;
        });
    }

    /// <summary>Tensors of one shape, side by side in a new dimension.</summary>
    public static GoldenTensor Stack(IReadOnlyList<GoldenTensor> parts, int dimension)
    {
        var first = parts[0];
        if (parts.Any(p => p.Type != first.Type || !p.Shape.SequenceEqual(first.Shape)))
            throw new InvalidDataException($"cannot stack {string.Join(" and ", parts)}");
        int width = dimension == first.Shape.Count ? 1 : first.Inner(dimension) * first.Shape[dimension];
        int[] shape = [.. first.Shape.Take(dimension), parts.Count, .. first.Shape.Skip(dimension)];
        var all = Array.CreateInstance(first._data.GetType().GetElementType()!, first.Count * parts.Count);
        for (int i = 0; i < first.Count / Math.Max(width, 1); i++)
        {
            for (int p = 0; p < parts.Count; p++)
                Array.Copy(parts[p]._data, i * width, all, (i * parts.Count + p) * width, width);
        }

        return new GoldenTensor(first.Type, first.Kind, shape, all);
    }

    /// <summary>Two tensors of one shape, one after the other in a dimension.</summary>
    public static GoldenTensor Concatenate(GoldenTensor first, GoldenTensor second, int dimension) => Merge(first, second, dimension, dimension);

    /// <summary>Two tensors of one shape, in turns in a dimension.</summary>
    public static GoldenTensor Interleave(GoldenTensor first, GoldenTensor second, int dimension) => Merge(first, second, dimension, dimension + 1);

    /// <summary>A [T, E] map as the true columns of each row, [T, K], in rising order and filled up with -1.</summary>
    public GoldenTensor TrueColumns(int count)
    {
        int columns = Size(^1), rows = columns == 0 ? 0 : Count / columns;
        var ids = new long[rows * count];
        Array.Fill(ids, -1);
        for (int t = 0; t < rows; t++)
        {
            int next = 0;
            for (int e = 0; e < columns; e++)
            {
                if (!Flags[t * columns + e]) continue;
                if (next == count) throw new InvalidDataException($"row {t} of a map has more than {count} true values");
                ids[t * count + next++] = e;
            }
        }

        return OfIntegers("int64", [rows, count], ids);
    }

    /// <summary>[T, K] with the columns of every row in another order.</summary>
    /// <param name="columns">[T, K]: where each value comes from.</param>
    public GoldenTensor TakeColumns(IReadOnlyList<int> columns)
    {
        int k = Size(^1);
        return columns.Count == Count
            ? Take([.. Shape], i => i - i % k + columns[i])
            : throw new InvalidDataException($"{this} cannot be reordered by {columns.Count} columns");
    }

    private static GoldenTensor Merge(GoldenTensor first, GoldenTensor second, int dimension, int at)
    {
        int[] shape = [.. first.Shape];
        shape[dimension] *= 2;
        return Stack([first, second], at).Reshape(shape);
    }

    private int Inner(int dimension) => Shape.Skip(dimension + 1).Aggregate(1, static (product, d) => product * d);

    private GoldenTensor Take(int[] shape, Func<int, int> source)
    {
        var moved = Array.CreateInstance(_data.GetType().GetElementType()!, shape.Aggregate(1, static (product, d) => product * d));
        for (int i = 0; i < moved.Length; i++) Array.Copy(_data, source(i), moved, i, 1);
        return new GoldenTensor(Type, Kind, shape, moved);
    }
}
