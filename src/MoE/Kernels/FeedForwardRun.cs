using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MoE;

/// <summary>
/// One chunk of tokens through the experts, as items for a team: rows are gathered into blocks; every (expert, group of panels) makes its part of the hidden numbers; every column panel of the output adds up the experts in
/// ascending order. Which thread takes an item changes no bit of the result.
/// </summary>
internal sealed unsafe class FeedForwardRun : IKernelJob
{
    // Panels of one item of the first product: enough work to be worth a claim, few enough to share.
    private const int Group = 4;
    // Bytes ahead in a stream of weights that is read once.
    private const int Distance = 64 << 10;

    // Weights of the second product's panels that an item keeps in the second cache.
    private const int DownBytes = 512 << 10;

    private enum Phase
    {
        Gather,
        First,
        Down,
    }

    private struct Block
    {
        public int Expert, Row, Rows;
        public long Gathered, Hidden;
    }

    private struct Slice
    {
        public int FirstBlock, Blocks, FirstItem;
    }

    private Block[] _blocks = [];
    private Slice[] _slices = [];
    private int[] _tokens = [];
    private float[] _weights = [];
    private int[] _cursors = [];
    private int _blockCount, _sliceCount, _rowCount, _items;
    private long _gathered, _hiddenLength;
    private Phase _phase;
    private PackedExpert[] _experts = [];
    private ExpertSpec _spec = null!;
    private WeightFormat _format;
    private bool _integers, _unpacks;
    private KernelPath _path;
    private int _width, _from, _to, _group;
    // Experts below this have their weights on the input.
    private int _inputWeighted;
    private float* _x, _y, _rows, _hidden, _unpacked;
    private long _unpackedLength;
    private int _mostInner;

    /// <summary>A copy of the first E of E + 1 offsets, in memory of the run's own.</summary>
    public Span<int> Cursors(ReadOnlySpan<int> offsets)
    {
        int experts = offsets.Length - 1;
        if (_cursors.Length < experts) _cursors = new int[experts];
        offsets[..experts].CopyTo(_cursors);
        return _cursors.AsSpan(0, experts);
    }

    /// <summary>Begins a chunk of tokens from..to-1. Where weights go to the input they do so for the first <paramref name="routed"/> experts only: a shared expert's is always on its output.</summary>
    public void Begin(PackedExpert[] experts, ExpertSpec spec, ExpertPrecision precision, KernelPath path, int width, int routed, bool weighsInput, int from, int to)
    {
        (_experts, _spec, _path, _width, _inputWeighted, _from, _to) = (experts, spec, path, width, weighsInput ? routed : 0, from, to);
        _format = precision.Weights;
        _integers = precision.Activations == ActivationFormat.Int8;
        // Weights that no tile reads as they are become single precision, panel by panel.
        _unpacks = !_integers && _format != WeightFormat.Single && !(_format == WeightFormat.BFloat16 && path == KernelPath.Vector512);
        _blockCount = _sliceCount = _rowCount = _items = 0;
        _gathered = _hiddenLength = 0;
    }

    /// <summary>Adds a row to the expert of the next <see cref="EndExpert"/>.</summary>
    public void AddRow(int token, float weight)
    {
        if (_rowCount == _tokens.Length)
        {
            Array.Resize(ref _tokens, Math.Max(64, 2 * _rowCount));
            Array.Resize(ref _weights, _tokens.Length);
        }

        (_tokens[_rowCount], _weights[_rowCount]) = (token, weight);
        _rowCount++;
    }

    /// <summary>The rows since the last end are those of this expert; experts end in ascending order. They are evened out over blocks: 16 rows are 8 and 8.</summary>
    public void EndExpert(int expert)
    {
        int start = _blockCount == 0 ? 0 : _blocks[_blockCount - 1].Row + _blocks[_blockCount - 1].Rows, rows = _rowCount - start;
        if (rows == 0) return;
        int count = (rows + Tiles.MaxRows - 1) / Tiles.MaxRows, least = rows / count, more = rows % count;
        if (_blockCount + count > _blocks.Length) Array.Resize(ref _blocks, Math.Max(_blockCount + count, 2 * _blocks.Length));
        if (_sliceCount == _slices.Length) Array.Resize(ref _slices, Math.Max(16, 2 * _slices.Length));
        _slices[_sliceCount++] = new Slice { FirstBlock = _blockCount, Blocks = count, FirstItem = _items };
        _items += (_experts[expert].First.Panels + Group - 1) / Group;
        for (int b = 0; b < count; b++)
        {
            int n = least + (b < more ? 1 : 0);
            _blocks[_blockCount++] = new Block { Expert = expert, Row = start, Rows = n, Gathered = _gathered, Hidden = _hiddenLength };
            start += n;
            // Integer rows lie behind the hidden numbers that they are made of.
            _gathered += _integers ? IntegerRows.Length(n, _experts[expert].First.Blocks, _format) : (long)n * _width;
            _hiddenLength += (long)n * _experts[expert].Inner + (_integers ? IntegerRows.Length(n, _experts[expert].Down.Blocks, _format) : 0);
        }
    }

    /// <summary>Computes y for the chunk's tokens, every number of it.</summary>
    public void Compute(float* x, float* y, MoEWorkspace workspace)
    {
        _x = x;
        _y = y;
        _rows = workspace.Rows(_gathered);
        _hidden = workspace.Hidden(_hiddenLength);
        var team = workspace.Team;
        int panels = (_width + Tiles.Columns - 1) / Tiles.Columns;
        _group = DownGroup(panels, team.Threads);
        _unpackedLength = _unpacks ? (long)Tiles.Columns * Math.Max(_width, _group * _mostInner) : 0;
        _unpacked = workspace.Unpacked(team.Threads * _unpackedLength);
        _phase = Phase.Gather;
        team.Run(this, _blockCount);
        _phase = Phase.First;
        team.Run(this, _items);
        _phase = Phase.Down;
        team.Run(this, (panels + _group - 1) / _group);
    }

    /// <inheritdoc/>
    public void Run(int item, int worker)
    {
        switch (_phase)
        {
            case Phase.Gather:
                Gather(_blocks[item]);
                break;
            case Phase.First:
                First(item, _unpacked + worker * _unpackedLength);
                break;
            default:
                Down(item, _unpacked + worker * _unpackedLength);
                break;
        }
    }

    [SkipLocalsInit]
    private void Gather(in Block block)
    {
        float* to = _rows + block.Gathered;
        int n = block.Rows;
        float** rows = stackalloc float*[Tiles.MaxRows];
        for (int r = 0; r < n; r++) rows[r] = _x + (long)_tokens[block.Row + r] * _width;
        if (_integers)
        {
            var integers = new IntegerRows(to, n, _experts[block.Expert].First.Blocks, _format);
            for (int r = 0; r < n; r++)
            {
                integers.Set(r, 0, rows[r], _width);
                if (block.Expert >= _inputWeighted) continue;
                for (int b = 0; b < _experts[block.Expert].First.Blocks; b++) integers.Scales[b * n + r] *= _weights[block.Row + r];
            }

            return;
        }

        Transposes.Pack(rows, n, _width, to, n);
        if (block.Expert >= _inputWeighted) return;
        for (int k = 0; k < _width; k++)
        {
            for (int r = 0; r < n; r++) to[(long)k * n + r] *= _weights[block.Row + r];
        }
    }

    [SkipLocalsInit]
    private void First(int item, float* unpacked)
    {
        int s = SliceOf(item);
        ref readonly var slice = ref _slices[s];
        var expert = _experts[_blocks[slice.FirstBlock].Expert];
        int from = (item - slice.FirstItem) * Group, to = Math.Min(from + Group, expert.First.Panels);
        float* tile = stackalloc float[Tiles.MaxRows * Tiles.Columns + 16];
        tile = Tiles.Aligned(tile);
        for (int p = from; p < to; p++)
        {
            if (_unpacks) expert.First.Unpack(p, unpacked);
            for (int b = 0; b < slice.Blocks; b++)
            {
                ref readonly var block = ref _blocks[slice.FirstBlock + b];
                byte* ahead = slice.Blocks == 1 ? expert.First.Panel(p) + Distance : p + 1 < expert.First.Panels ? expert.First.Panel(p + 1) : null;
                Multiply(expert.First, p, block.Rows, _rows + block.Gathered, tile, Share(ahead, expert.First, slice.Blocks, b), Tiles.Shares(slice.Blocks), unpacked);
                Activate(expert, p, block, tile);
            }
        }

        if (!_integers) return;
        // An item's panels are whole blocks of hidden numbers, but for the last ones.
        int first = from * expert.Half, count = Math.Min(to * expert.Half, expert.Inner) - first;
        for (int b = 0; b < slice.Blocks; b++)
        {
            ref readonly var block = ref _blocks[slice.FirstBlock + b];
            var integers = Integers(expert, block);
            for (int r = 0; r < block.Rows; r++) integers.Set(r, first, _hidden + block.Hidden + (long)r * expert.Inner + first, count);
        }
    }

    private IntegerRows Integers(PackedExpert expert, in Block block) => new(_hidden + block.Hidden + (long)block.Rows * expert.Inner, block.Rows, expert.Down.Blocks, _format);

    private static byte* Share(byte* ahead, PackedMatrix matrix, int blocks, int block) => ahead is null || block >= Tiles.Shares(blocks) ? null : ahead + block * matrix.PanelBytes / Tiles.Shares(blocks);

    // One tile, whatever the weights are held in.
    private void Multiply(PackedMatrix matrix, int panel, int rows, float* a, float* tile, byte* ahead, int share, float* unpacked)
    {
        if (_integers) IntegerTiles.Multiply(_path, new IntegerRows(a, rows, matrix.Blocks, _format), matrix, panel, tile);
        else if (_unpacks) Tiles.Multiply(_path, rows, a, unpacked, matrix.Inputs, tile, null);
        else if (_format == WeightFormat.BFloat16) Tiles.MultiplyHalf(rows, a, matrix.Panel(panel), matrix.Inputs, tile, ahead, share);
        else Tiles.Multiply(_path, rows, a, (float*)matrix.Panel(panel), matrix.Inputs, tile, (float*)ahead, share);
    }

    // The tile becomes columns of the block's hidden numbers, [F, rows], as the second product reads them.
    private void Activate(PackedExpert expert, int panel, in Block block, float* tile)
    {
        int n = block.Rows, count = Math.Min(expert.Half, expert.Inner - panel * expert.Half);
        float* to = _hidden + block.Hidden + (long)panel * expert.Half * n;
        float* bias = expert.FirstBias(panel);
        var l = Vector512.Load(bias);
        var h = Vector512.Load(bias + 16);
        for (int r = 0; r < n; r++)
        {
            float* row = tile + r * Tiles.Columns;
            var a = Vector512.Load(row);
            var b = Vector512.Load(row + 16);
            if (expert.HasFirstBias) (a, b) = (a + l, b + h);
            if (_spec.Form == ExpertForm.Glu)
            {
                Epilogues.Glu(_spec, a, b).Store(row);
            }
            else
            {
                Epilogues.Apply(_spec.Activation, (float)_spec.Alpha, a).Store(row);
                Epilogues.Apply(_spec.Activation, (float)_spec.Alpha, b).Store(row + 16);
            }
        }

        if (_integers)
        {
            // By row: the numbers are made into integers next.
            for (int r = 0; r < n; r++) new ReadOnlySpan<float>(tile + r * Tiles.Columns, count).CopyTo(new Span<float>(_hidden + block.Hidden + (long)r * expert.Inner + (long)panel * expert.Half, count));
            return;
        }

        for (int j = 0; j < count; j++)
        {
            for (int r = 0; r < n; r++) to[(long)j * n + r] = tile[r * Tiles.Columns + j];
        }
    }

    // Where experts have several blocks, a block of hidden numbers serves the panels of an item while it is in the second cache, beside their weights.
    private int DownGroup(int panels, int threads)
    {
        _mostInner = 1;
        for (int s = 0; s < _sliceCount; s++) _mostInner = Math.Max(_mostInner, _experts[_blocks[_slices[s].FirstBlock].Expert].Inner);
        int most = _blockCount < 2 * _sliceCount ? 1 : DownBytes / (_mostInner * Tiles.Columns * sizeof(float));
        return Math.Clamp(Math.Min(most, panels / (4 * threads)), 1, panels);
    }

    [SkipLocalsInit]
    private void Down(int item, float* unpacked)
    {
        int first = item * _group, last = Math.Min(first + _group, (_width + Tiles.Columns - 1) / Tiles.Columns);
        int column = first * Tiles.Columns, columns = Math.Min(last * Tiles.Columns, _width) - column;
        for (int t = _from; t < _to; t++) new Span<float>(_y + (long)t * _width + column, columns).Clear();
        float* tile = stackalloc float[Tiles.MaxRows * Tiles.Columns + 16];
        tile = Tiles.Aligned(tile);
        for (int s = 0; s < _sliceCount; s++)
        {
            ref readonly var slice = ref _slices[s];
            var expert = _experts[_blocks[slice.FirstBlock].Expert];
            var next = s + 1 < _sliceCount ? _experts[_blocks[slice.FirstBlock + slice.Blocks].Expert] : null;
            for (int p = first; p < last && _unpacks; p++) expert.Down.Unpack(p, unpacked + (long)(p - first) * Tiles.Columns * expert.Inner);
            for (int b = 0; b < slice.Blocks; b++)
            {
                ref readonly var block = ref _blocks[slice.FirstBlock + b];
                float* a = _hidden + block.Hidden + (_integers ? (long)block.Rows * expert.Inner : 0);
                for (int p = first; p < last; p++)
                {
                    byte* ahead = slice.Blocks == 1 ? expert.Down.Panel(p) + Distance : next is not null ? next.Down.Panel(p) : null;
                    Multiply(expert.Down, p, block.Rows, a, tile, Share(ahead, expert.Down, slice.Blocks, b), Tiles.Shares(slice.Blocks), unpacked + (long)(p - first) * Tiles.Columns * expert.Inner);
                    Combine(expert, p, block, tile, p * Tiles.Columns, Math.Min(Tiles.Columns, _width - p * Tiles.Columns));
                }
            }
        }
    }

    private void Combine(PackedExpert expert, int panel, in Block block, float* tile, int column, int count)
    {
        float* bias = expert.DownBias(panel);
        for (int r = 0; r < block.Rows; r++)
        {
            float w = block.Expert < _inputWeighted ? 1 : _weights[block.Row + r];
            float* to = _y + (long)_tokens[block.Row + r] * _width + column;
            float* from = tile + r * Tiles.Columns;
            if (count == Tiles.Columns)
            {
                var weight = Vector512.Create(w);
                var a = Vector512.Load(from);
                var b = Vector512.Load(from + 16);
                if (expert.HasDownBias) (a, b) = (a + Vector512.Load(bias), b + Vector512.Load(bias + 16));
                Vector512.MultiplyAddEstimate(weight, a, Vector512.Load(to)).Store(to);
                Vector512.MultiplyAddEstimate(weight, b, Vector512.Load(to + 16)).Store(to + 16);
                continue;
            }

            for (int j = 0; j < count; j++) to[j] += w * (expert.HasDownBias ? from[j] + bias[j] : from[j]);
        }
    }

    private int SliceOf(int item)
    {
        int low = 0, high = _sliceCount - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            if (_slices[middle].FirstItem <= item) low = middle;
            else high = middle - 1;
        }

        return low;
    }
}
