using System.Runtime.CompilerServices;

namespace MoE;

/// <summary>A matrix with few columns (a router's scorer) in panels, and its product with the rows of a batch.</summary>
internal sealed unsafe class PackedLinear : IDisposable
{
    private readonly AlignedBuffer _panels;

    /// <param name="weight">[N, D].</param>
    /// <param name="width">D, positive.</param>
    public PackedLinear(ReadOnlySpan<float> weight, int width)
    {
        Width = width;
        Outputs = weight.Length / width;
        Panels = (Outputs + Tiles.Columns - 1) / Tiles.Columns;
        _panels = new AlignedBuffer((long)Panels * width * Tiles.Columns);
        for (int n = 0; n < Outputs; n++)
            Tiles.Column(weight.Slice(n * width, width), Panel(n / Tiles.Columns) + n % Tiles.Columns, Tiles.Columns);
    }

    public int Width { get; }

    public int Outputs { get; }

    public int Panels { get; }

    public float* Panel(int panel) => _panels.Data + (long)panel * Width * Tiles.Columns;

    public void Dispose() => _panels.Dispose();
}

/// <summary>The product as items for a team: one block of rows each.</summary>
internal sealed unsafe class LinearRun : IKernelJob
{
    private PackedLinear _matrix = null!;
    private KernelPath _path;
    private float* _x, _y, _scratch;
    private int _rows;

    /// <summary>y [T, N] = x [T, D] W^T.</summary>
    public void Compute(PackedLinear matrix, KernelPath path, float* x, int rows, float* y, MoEWorkspace workspace)
    {
        _matrix = matrix;
        _path = path;
        _x = x;
        _y = y;
        _rows = rows;
        _scratch = workspace.Rows((long)workspace.Threads * Tiles.MaxRows * matrix.Width);
        workspace.Team.Run(this, (rows + Tiles.MaxRows - 1) / Tiles.MaxRows);
    }

    /// <inheritdoc/>
    [SkipLocalsInit]
    public void Run(int item, int worker)
    {
        int from = item * Tiles.MaxRows, n = Math.Min(Tiles.MaxRows, _rows - from), d = _matrix.Width;
        float* a = _scratch + (long)worker * Tiles.MaxRows * d;
        for (int r = 0; r < n; r++)
            Tiles.Column(new ReadOnlySpan<float>(_x + (long)(from + r) * d, d), a + r, n);

        float* tile = stackalloc float[Tiles.MaxRows * Tiles.Columns];
        for (int p = 0; p < _matrix.Panels; p++)
        {
            Tiles.Multiply(_path, n, a, _matrix.Panel(p), d, tile, null);
            int count = Math.Min(Tiles.Columns, _matrix.Outputs - p * Tiles.Columns);
            for (int r = 0; r < n; r++)
                new ReadOnlySpan<float>(tile + r * Tiles.Columns, count).CopyTo(new Span<float>(_y + (long)(from + r) * _matrix.Outputs + p * Tiles.Columns, count));
        }
    }
}
