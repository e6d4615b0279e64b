using System.Runtime.CompilerServices;

namespace MoE;

/// <summary>The product of a batch with a matrix of few columns (a router's scorer) as items for a team: one block of rows each.</summary>
internal sealed unsafe class LinearRun : IKernelJob
{
    private PackedMatrix _matrix = null!;
    private KernelPath _path;
    private float* _x, _y, _scratch;
    private int _rows, _outputs;

    /// <summary>y [T, N] = x [T, D] W^T, W in single precision.</summary>
    public void Compute(PackedMatrix matrix, int outputs, KernelPath path, float* x, int rows, float* y, MoEWorkspace workspace)
    {
        _matrix = matrix;
        _outputs = outputs;
        _path = path;
        _x = x;
        _y = y;
        _rows = rows;
        _scratch = workspace.Rows((long)workspace.Threads * Tiles.MaxRows * matrix.Inputs);
        workspace.Team.Run(this, (rows + Tiles.MaxRows - 1) / Tiles.MaxRows);
    }

    /// <inheritdoc/>
    [SkipLocalsInit]
    public void Run(int item, int worker)
    {
        int from = item * Tiles.MaxRows, n = Math.Min(Tiles.MaxRows, _rows - from), d = _matrix.Inputs;
        float* a = _scratch + (long)worker * Tiles.MaxRows * d;
        float** rows = stackalloc float*[Tiles.MaxRows];
        for (int r = 0; r < n; r++) rows[r] = _x + (long)(from + r) * d;
        Transposes.Pack(rows, n, d, a, n);

        float* tile = stackalloc float[Tiles.MaxRows * Tiles.Columns];
        for (int p = 0; p < _matrix.Panels; p++)
        {
            Tiles.Multiply(_path, n, a, (float*)_matrix.Panel(p), d, tile, null);
            int count = Math.Min(Tiles.Columns, _outputs - p * Tiles.Columns);
            for (int r = 0; r < n; r++)
                new ReadOnlySpan<float>(tile + r * Tiles.Columns, count).CopyTo(new Span<float>(_y + (long)(from + r) * _outputs + p * Tiles.Columns, count));
        }
    }
}
