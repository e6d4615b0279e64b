namespace MoE;

/// <summary>
/// Rows of a grouped product without repetitions: where rows of one segment read the same input, the product is made once (compact materialisation; Wu et al., PIGEON, 2301.06284). Edges of a graph that leave one node by the
/// same relation are such rows.
/// </summary>
public sealed class CompactRows
{
    private readonly int[] _offsets, _inputs, _map;

    private CompactRows(int[] offsets, int[] inputs, int[] map) => (_offsets, _inputs, _map) = (offsets, inputs, map);

    /// <summary>[G + 1]: the segments of the rows that are left.</summary>
    public ReadOnlySpan<int> Offsets => _offsets;

    /// <summary>[U]: the input of each row that is left; within a segment in the order of first appearance.</summary>
    public ReadOnlySpan<int> Inputs => _inputs;

    /// <summary>[R]: which of the rows that are left has the product of each row.</summary>
    public ReadOnlySpan<int> Map => _map;

    /// <summary>U / R, the share of the products that has to be made; 1 for no rows.</summary>
    public double Ratio => _map.Length == 0 ? 1 : (double)_inputs.Length / _map.Length;

    /// <summary>Finds the repetitions.</summary>
    /// <param name="offsets">[G + 1], as in <see cref="GroupedRows"/>.</param>
    /// <param name="inputs">[R]: the input of each row.</param>
    /// <param name="inputCount">Rows of the input; each of <paramref name="inputs"/> is below it.</param>
    /// <exception cref="ArgumentException">Offsets or an input are out of range.</exception>
    public static CompactRows Of(ReadOnlySpan<int> offsets, ReadOnlySpan<int> inputs, int inputCount)
    {
        var rows = new GroupedRows(offsets, inputs);
        if (inputs.Length != rows.Count) throw new ArgumentException($"inputs has {inputs.Length} values; must have {rows.Count}", nameof(inputs));
        int[] kept = new int[rows.Count], map = new int[rows.Count], starts = new int[offsets.Length], seen = new int[inputCount];
        seen.AsSpan().Fill(-1);
        int unique = 0;
        for (int g = 0; g < rows.Groups; g++)
        {
            starts[g] = unique;
            for (int r = offsets[g]; r < offsets[g + 1]; r++)
            {
                int input = inputs[r];
                if ((uint)input >= (uint)inputCount) throw new ArgumentException($"inputs[{r}] = {input}; must be in 0..{inputCount - 1}", nameof(inputs));
                // Rows of this segment are numbered from its start: an older number is another segment's.
                if (seen[input] < starts[g])
                {
                    kept[unique] = input;
                    seen[input] = unique++;
                }

                map[r] = seen[input];
            }
        }

        starts[^1] = unique;
        return new CompactRows(starts, kept[..unique], map);
    }

    /// <summary>Copies products to the rows they stand for.</summary>
    /// <param name="products">[U, width].</param>
    /// <param name="width">Positive.</param>
    /// <param name="rows">[R, width], overwritten.</param>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public void Expand(ReadOnlySpan<float> products, int width, Span<float> rows)
    {
        Checked(products.Length, width, rows.Length);
        for (int r = 0; r < _map.Length; r++) products.Slice(_map[r] * width, width).CopyTo(rows.Slice(r * width, width));
    }

    /// <summary>Adds up what <see cref="Expand"/> copied, in the order of the rows: its gradient.</summary>
    /// <param name="rows">[R, width].</param>
    /// <param name="width">Positive.</param>
    /// <param name="products">[U, width], overwritten.</param>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public void Reduce(ReadOnlySpan<float> rows, int width, Span<float> products)
    {
        Checked(products.Length, width, rows.Length);
        products.Clear();
        for (int r = 0; r < _map.Length; r++)
        {
            var sum = products.Slice(_map[r] * width, width);
            var row = rows.Slice(r * width, width);
            for (int i = 0; i < width; i++) sum[i] += row[i];
        }
    }

    private void Checked(int products, int width, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (products != (long)_inputs.Length * width) throw new ArgumentException($"products has {products} values; must have {_inputs.Length} x {width}", nameof(products));
        if (rows != (long)_map.Length * width) throw new ArgumentException($"rows has {rows} values; must have {_map.Length} x {width}", nameof(rows));
    }
}
