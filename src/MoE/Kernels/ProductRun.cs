using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MoE;

/// <summary>
/// Grouped products out[o(r)] (+)= s(r) B_g^T a[i(r)] as items for a team. Weights are packed where they are used, panel by panel, so none can be stale. Every number of the result is one chain of multiply-adds, added in
/// ascending order of rows, whatever the threads.
/// </summary>
internal sealed unsafe class ProductRun : IKernelJob
{
    // Packed rows of a chunk: bounds the scratch memory.
    private const int ChunkRows = 2048;
    // Panels of weights that an item packs at once: what half of the second cache holds.
    private const int PanelBytes = 512 << 10;

    private enum Phase
    {
        Pack,
        Multiply,
        Combine,
    }

    private struct Block
    {
        public int Row, Rows;
    }

    private struct Part
    {
        public int Group, FirstBlock, Blocks;
    }

    private Block[] _blocks = [];
    private Part[] _parts = [];
    private int _blockCount, _partCount, _first, _end;
    private Phase _phase;
    // Columns of an item that adds rows up.
    private const int CombinedColumns = 256;

    private float* _a, _weights, _out, _products, _packed, _panels, _scales;
    private int* _inputs, _outputs;
    private int _k, _n, _panelCount, _perItem, _itemsOfPart;
    private bool _rowsOfInputs, _adds;

    /// <summary>The product.</summary>
    /// <param name="a">[.., k].</param>
    /// <param name="inputs">[R] rows of a, or null.</param>
    /// <param name="weights">[G, n, k], or [G, k, n] where <paramref name="rowsOfInputs"/>.</param>
    /// <param name="rowsOfInputs">The weights have a row for each of the k inputs.</param>
    /// <param name="k">Positive.</param>
    /// <param name="n">Positive.</param>
    /// <param name="offsets">[G + 1].</param>
    /// <param name="output">[.., n]; with <paramref name="outputs"/> it is added to, otherwise overwritten unless <paramref name="adds"/>.</param>
    /// <param name="outputs">[R] rows of the output, or null.</param>
    /// <param name="scales">[R], or null.</param>
    /// <param name="adds">Adds where rows have a place of their own.</param>
    /// <param name="workspace">The caller's.</param>
    public void Compute(float* a, int* inputs, float* weights, bool rowsOfInputs, int k, int n, ReadOnlySpan<int> offsets, float* output, int* outputs, float* scales, bool adds, MoEWorkspace workspace)
    {
        _a = a;
        _inputs = inputs;
        _weights = weights;
        _rowsOfInputs = rowsOfInputs;
        _k = k;
        _n = n;
        _out = output;
        _outputs = outputs;
        _scales = scales;
        _adds = adds;
        _panelCount = (n + Tiles.Columns - 1) / Tiles.Columns;
        var team = workspace.Team;
        _perItem = Math.Clamp(Math.Min(PanelBytes / (k * Tiles.Columns * sizeof(float)), _panelCount / team.Threads), 1, 8);
        _itemsOfPart = (_panelCount + _perItem - 1) / _perItem;
        int rows = offsets[^1], group = 0;
        _packed = workspace.Rows((long)Math.Min(rows, ChunkRows) * k);
        // Where rows share a place, products lie by row first and are added up afterwards, so that weights are read matrix by matrix.
        long products = outputs is null ? 0 : (long)Math.Min(rows, ChunkRows) * n;
        _products = workspace.Hidden(products + (long)team.Threads * _perItem * Tiles.Columns * k);
        _panels = _products + products;
        for (_first = 0; _first < rows; _first += ChunkRows)
        {
            Begin(offsets, ref group, Math.Min(_first + ChunkRows, rows));
            _phase = Phase.Pack;
            team.Run(this, _blockCount);
            _phase = Phase.Multiply;
            team.Run(this, _partCount * _itemsOfPart);
            if (outputs is null) continue;
            _end = Math.Min(_first + ChunkRows, rows);
            _phase = Phase.Combine;
            team.Run(this, (n + CombinedColumns - 1) / CombinedColumns);
        }
    }

    /// <inheritdoc/>
    public void Run(int item, int worker)
    {
        switch (_phase)
        {
            case Phase.Pack:
                Pack(_blocks[item]);
                break;
            case Phase.Multiply:
                Multiply(item / _itemsOfPart, item % _itemsOfPart * _perItem, _panels + (long)worker * _perItem * Tiles.Columns * _k);
                break;
            default:
                Combine(item * CombinedColumns);
                break;
        }
    }

    // The rows of a chunk by group, evened out over blocks.
    private void Begin(ReadOnlySpan<int> offsets, ref int group, int to)
    {
        _blockCount = _partCount = 0;
        int row = _first;
        while (row < to)
        {
            while (offsets[group + 1] <= row) group++;
            int rows = Math.Min(offsets[group + 1], to) - row, count = (rows + Tiles.MaxRows - 1) / Tiles.MaxRows, least = rows / count, more = rows % count;
            if (_blockCount + count > _blocks.Length) Array.Resize(ref _blocks, Math.Max(_blockCount + count, 2 * _blocks.Length));
            if (_partCount == _parts.Length) Array.Resize(ref _parts, Math.Max(16, 2 * _partCount));
            _parts[_partCount++] = new Part { Group = group, FirstBlock = _blockCount, Blocks = count };
            for (int b = 0; b < count; b++)
            {
                int n = least + (b < more ? 1 : 0);
                _blocks[_blockCount++] = new Block { Row = row, Rows = n };
                row += n;
            }
        }
    }

    [SkipLocalsInit]
    private void Pack(in Block block)
    {
        float** rows = stackalloc float*[Tiles.MaxRows];
        for (int r = 0; r < block.Rows; r++)
        {
            int row = block.Row + r;
            rows[r] = _a + (long)(_inputs is null ? row : _inputs[row]) * _k;
        }

        Transposes.Pack(rows, block.Rows, _k, Packed(block), block.Rows);
    }

    private float* Packed(in Block block) => _packed + (long)(block.Row - _first) * _k;

    [SkipLocalsInit]
    private void Multiply(int number, int firstPanel, float* panels)
    {
        ref readonly var part = ref _parts[number];
        int count = Math.Min(_perItem, _panelCount - firstPanel);
        float* weights = _weights + (long)part.Group * _n * _k;
        int next = firstPanel + _perItem, share = Tiles.Shares(part.Blocks);
        if (_rowsOfInputs) Pieces(weights, firstPanel, count, panels);
        else for (int p = 0; p < count; p++) Panel(weights, firstPanel + p, panels + (long)p * Tiles.Columns * _k);
        float* tile = stackalloc float[Tiles.MaxRows * Tiles.Columns + 16];
        tile = Tiles.Aligned(tile);
        for (int b = 0; b < part.Blocks; b++)
        {
            ref readonly var block = ref _blocks[part.FirstBlock + b];
            for (int p = 0; p < count; p++)
            {
                // The first blocks fetch the weights that are packed next where a panel's are one run of memory. Pieces of rows would meet in few sets of the caches.
                float* ahead = b >= share || part.Blocks == 1 || _rowsOfInputs || next + p >= _panelCount ? null : weights + ((long)(next + p) * _k + (long)b * _k / share) * Tiles.Columns;
                Tiles.Multiply(Tiles.Path, block.Rows, Packed(block), panels + (long)p * Tiles.Columns * _k, _k, tile, ahead, share);
                Store(block, (firstPanel + p) * Tiles.Columns, tile);
            }
        }
    }

    // [k, 32] of columns 32 p of the product, zero behind the last.
    [SkipLocalsInit]
    private void Panel(float* weights, int panel, float* to)
    {
        int from = panel * Tiles.Columns, columns = Math.Min(Tiles.Columns, _n - from);
        if (columns < Tiles.Columns) new Span<float>(to, Tiles.Columns * _k).Clear();
        float** rows = stackalloc float*[16];
        for (int half = 0; half < columns; half += 16)
        {
            int n = Math.Min(16, columns - half);
            for (int j = 0; j < n; j++) rows[j] = weights + (long)(from + half + j) * _k;
            Transposes.Pack(rows, n, _k, to + half, Tiles.Columns);
        }
    }

    // The same from weights with a row per input: row by row, so that memory is read in pieces as long as can be.
    private void Pieces(float* weights, int firstPanel, int count, float* to)
    {
        int from = firstPanel * Tiles.Columns, columns = Math.Min(count * Tiles.Columns, _n - from), whole = columns / Tiles.Columns;
        for (int i = 0; i < _k; i++, to += Tiles.Columns)
        {
            float* row = weights + (long)i * _n + from;
            for (int p = 0; p < whole; p++)
            {
                float* panel = to + (long)p * Tiles.Columns * _k;
                Vector512.Load(row + p * Tiles.Columns).Store(panel);
                Vector512.Load(row + p * Tiles.Columns + 16).Store(panel + 16);
            }

            if (whole == count) continue;
            float* last = to + (long)whole * Tiles.Columns * _k;
            for (int j = 0; j < Tiles.Columns; j++) last[j] = whole * Tiles.Columns + j < columns ? row[whole * Tiles.Columns + j] : 0;
        }
    }

    // A tile to its rows: to the output itself, or to the products that are added up later.
    private void Store(in Block block, int column, float* tile)
    {
        int count = Math.Min(Tiles.Columns, _n - column);
        bool plain = _outputs is not null;
        for (int r = 0; r < block.Rows; r++, tile += Tiles.Columns)
        {
            int row = block.Row + r;
            if (plain) Tiles.Put(tile, count, 1, _products + (long)(row - _first) * _n + column, adds: false);
            else Tiles.Put(tile, count, _scales is null ? 1 : _scales[row], _out + (long)row * _n + column, _adds);
        }
    }

    // In ascending order of rows, whoever takes the columns.
    private void Combine(int column)
    {
        int count = Math.Min(CombinedColumns, _n - column);
        for (int row = _first; row < _end; row++)
            Tiles.Put(_products + (long)(row - _first) * _n + column, count, _scales is null ? 1 : _scales[row], _out + (long)_outputs[row] * _n + column, adds: true);
    }
}
