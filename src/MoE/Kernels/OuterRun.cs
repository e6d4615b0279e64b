using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MoE;

/// <summary>Weight gradients dW_g (+)= sum over the rows r of g of s(r) p[i(r)] q[j(r)]^T as items for a team. Each number is a chain of multiply-adds over the rows of a chunk; chunks are added in ascending order.</summary>
internal sealed unsafe class OuterRun : IKernelJob
{
    // Rows that are packed at once: bounds the scratch memory.
    private const int ChunkRows = 2048;
    // An item's blocks of the left side stay in the second cache.
    private const int ItemBytes = 256 << 10;
    private const long StreamedNumbers = 4 << 20;
    // Shares in which a segment is packed.
    private const int Shares = 8;

    private enum Phase
    {
        Pack,
        Multiply,
    }

    private struct Part
    {
        public int Group, Row, Rows, FirstItem, BlocksPerItem;
        public bool Adds;
    }

    private Part[] _parts = [];
    private int _partCount, _items, _first, _blocks, _panels;
    private Phase _phase;
    private float* _p, _q, _scales, _gradient, _left, _right;
    private int* _i, _j;
    private int _m, _n;
    private bool _streams;

    /// <summary>The gradients.</summary>
    /// <param name="p">[.., m]: one row of the gradient per number.</param>
    /// <param name="i">[R] rows of p, or null.</param>
    /// <param name="m">Positive.</param>
    /// <param name="q">[.., n].</param>
    /// <param name="j">[R] rows of q, or null.</param>
    /// <param name="n">Positive.</param>
    /// <param name="scales">[R], or null.</param>
    /// <param name="offsets">[G + 1].</param>
    /// <param name="gradient">[G, m, n].</param>
    /// <param name="adds">Adds to what is there.</param>
    /// <param name="workspace">The caller's.</param>
    public void Compute(float* p, int* i, int m, float* q, int* j, int n, float* scales, ReadOnlySpan<int> offsets, float* gradient, bool adds, MoEWorkspace workspace)
    {
        _p = p;
        _i = i;
        _m = m;
        _q = q;
        _j = j;
        _n = n;
        _scales = scales;
        _gradient = gradient;
        _blocks = (m + Tiles.MaxRows - 1) / Tiles.MaxRows;
        _panels = (n + Tiles.Columns - 1) / Tiles.Columns;
        // A gradient larger than any cache is written past them; whole vectors only.
        _streams = (long)(offsets.Length - 1) * m * n >= StreamedNumbers && n % 16 == 0 && ((nint)gradient & 63) == 0;
        int rows = offsets[^1], group = 0;
        long chunk = Math.Min(rows, ChunkRows);
        _left = workspace.Rows(chunk * m);
        _right = workspace.Hidden(chunk * _panels * Tiles.Columns);
        _first = 0;
        do
        {
            Begin(offsets, ref group, Math.Min(_first + ChunkRows, rows), adds);
            _phase = Phase.Pack;
            workspace.Team.Run(this, _partCount * Shares);
            _phase = Phase.Multiply;
            workspace.Team.Run(this, _items);
            _first += ChunkRows;
        }
        while (_first < rows);
    }

    /// <inheritdoc/>
    public void Run(int item, int worker)
    {
        if (_phase == Phase.Pack) Pack(_parts[item / Shares], item % Shares);
        else Multiply(item);
    }

    // Groups from the one that reaches into the chunk to the last that ends in it; those without rows get zeros, once.
    private void Begin(ReadOnlySpan<int> offsets, ref int group, int to, bool adds)
    {
        _partCount = _items = 0;
        for (; group < offsets.Length - 1; group++)
        {
            int from = Math.Max(offsets[group], _first), end = Math.Min(offsets[group + 1], to);
            if (from > to || (from == to && offsets[group + 1] > to)) break;
            if (_partCount == _parts.Length) Array.Resize(ref _parts, Math.Max(16, 2 * _partCount));
            int n = end - from, perItem = Math.Clamp(ItemBytes / (Tiles.MaxRows * sizeof(float) * Math.Max(n, 1)), 1, 16);
            _parts[_partCount++] = new Part { Group = group, Row = from, Rows = n, FirstItem = _items, BlocksPerItem = perItem, Adds = adds || from > offsets[group] };
            _items += (_blocks + perItem - 1) / perItem;
            if (offsets[group + 1] > to) break;
        }
    }

    // Left blocks [rows, <= 14] and right panels [rows, 32], from rows of both sides.
    private void Pack(in Part part, int share)
    {
        int firstBlock = _blocks * share / Shares, lastBlock = _blocks * (share + 1) / Shares;
        int firstPanel = _panels * share / Shares, lastPanel = _panels * (share + 1) / Shares;
        float* left = Left(part, 0), right = Right(part, 0);
        for (int r = 0; r < part.Rows; r++)
        {
            int row = part.Row + r;
            float* p = _p + (long)(_i is null ? row : _i[row]) * _m;
            float scale = _scales is null ? 1 : _scales[row];
            for (int b = firstBlock; b < lastBlock; b++)
            {
                int from = BlockStart(b), count = BlockStart(b + 1) - from;
                float* to = left + (long)from * part.Rows + (long)r * count;
                for (int c = 0; c < count; c++) to[c] = scale * p[from + c];
            }

            float* q = _q + (long)(_j is null ? row : _j[row]) * _n;
            for (int b = firstPanel; b < lastPanel; b++)
            {
                int from = b * Tiles.Columns, count = Math.Min(Tiles.Columns, _n - from);
                float* to = right + ((long)b * part.Rows + r) * Tiles.Columns;
                if (count == Tiles.Columns)
                {
                    Vector512.Load(q + from).Store(to);
                    Vector512.Load(q + from + 16).Store(to + 16);
                    continue;
                }

                for (int c = 0; c < Tiles.Columns; c++) to[c] = c < count ? q[from + c] : 0;
            }
        }
    }

    // Rows of the gradient, evened out over blocks.
    private int BlockStart(int block) => (int)((long)_m * block / _blocks);

    private float* Left(in Part part, int block) => _left + (long)(part.Row - _first) * _m + (long)BlockStart(block) * part.Rows;

    private float* Right(in Part part, int panel) => _right + ((long)(part.Row - _first) * _panels + (long)panel * part.Rows) * Tiles.Columns;

    [SkipLocalsInit]
    private void Multiply(int item)
    {
        ref readonly var part = ref PartOf(item);
        int first = (item - part.FirstItem) * part.BlocksPerItem, last = Math.Min(first + part.BlocksPerItem, _blocks);
        float* gradient = _gradient + (long)part.Group * _m * _n;
        float* tile = stackalloc float[Tiles.MaxRows * Tiles.Columns + 16];
        tile = Tiles.Aligned(tile);
        for (int p = 0; p < _panels; p++)
        {
            int column = p * Tiles.Columns, count = Math.Min(Tiles.Columns, _n - column);
            for (int b = first; b < last; b++)
            {
                int from = BlockStart(b), rows = BlockStart(b + 1) - from;
                Tiles.Multiply(Tiles.Path, rows, Left(part, b), Right(part, p), part.Rows, tile, null);
                Store(tile, rows, count, gradient + (long)from * _n + column, part.Adds, _streams && !part.Adds);
            }
        }
    }

    private void Store(float* tile, int rows, int count, float* to, bool adds, bool streams)
    {
        for (int r = 0; r < rows; r++, tile += Tiles.Columns, to += _n)
        {
            if (!streams)
            {
                Tiles.Put(tile, count, 1, to, adds);
                continue;
            }

            Vector512.Load(tile).StoreAlignedNonTemporal(to);
            if (count == Tiles.Columns) Vector512.Load(tile + 16).StoreAlignedNonTemporal(to + 16);
        }
    }

    private ref readonly Part PartOf(int item)
    {
        int low = 0, high = _partCount - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            if (_parts[middle].FirstItem <= item) low = middle;
            else high = middle - 1;
        }

        return ref _parts[low];
    }
}
