using MoE.Samples.Graphs;
using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Samples.Tests.Graphs;

public sealed class SparseTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(19)]
    public void A_sparse_product_and_its_gradient_are_the_dense_ones(int width)
    {
        using var scope = NewDisposeScope();
        var random = new Random(width);
        var matrix = Random(random, 6, 9);
        var dense = Dense(matrix);
        Tensor x = randn(9, width).requires_grad_(), y = x.detach().clone().requires_grad_(), project = randn(6, width);
        Tensor sparse = SparseProduct.multiply(matrix, x), product = dense.matmul(y);
        (sparse * project).sum().backward();
        (product * project).sum().backward();
        // At most nine terms of order one.
        Assert.True(sparse.allclose(product, 1e-5, 1e-5));
        Assert.True(x.grad!.allclose(y.grad!, 1e-5, 1e-5));
    }

    [Fact]
    public void A_step_leaves_no_tensor_behind()
    {
        using var scope = NewDisposeScope();
        var matrix = Random(new Random(3), 9, 9);
        var propagation = new Propagation(matrix);
        using var x = randn(9, 4).requires_grad_();
        Step();
        // Of this thread: other tests run beside.
        long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (int i = 0; i < 5; i++) Step();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        void Step()
        {
            using var step = NewDisposeScope();
            (SparseProduct.multiply(matrix, x).sum() + propagation.powers(x, 3).sum()).backward();
            x.grad!.Dispose();
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    public void Propagation_is_the_powers_of_the_matrix_and_so_is_its_gradient(int depth)
    {
        using var scope = NewDisposeScope();
        var entries = new List<(int, int, float)>();
        var random = new Random(depth);
        for (int i = 0; i < 12; i++)
        {
            for (int j = i; j < 12; j++)
            {
                if (random.Next(3) > 0) continue;
                float value = random.NextSingle();
                entries.Add((i, j, value));
                if (i != j) entries.Add((j, i, value));
            }
        }

        var matrix = SparseMatrix.Of(12, 12, entries);
        var dense = Dense(matrix);
        Tensor x = randn(12, 7).requires_grad_(), y = x.detach().clone().requires_grad_(), project = randn(depth + 1, 12, 7);
        var powers = new Propagation(matrix).powers(x, depth);
        var maps = new List<Tensor> { y };
        for (int l = 0; l < depth; l++) maps.Add(dense.matmul(maps[^1]));
        var expected = stack(maps);
        (powers * project).sum().backward();
        (expected * project).sum().backward();
        // Values grow with the depth; single precision keeps five digits.
        Assert.True(powers.allclose(expected, 1e-4, 1e-4));
        Assert.True(x.grad!.allclose(y.grad!, 1e-4, 1e-3));
    }

    [Fact]
    public void Dropout_drops_at_its_rate_and_scales_the_rest()
    {
        var factors = new float[100_000];
        new DropoutNoise(3).Fill(factors, 0.8);
        // Five standard deviations of a share of 0.8.
        Assert.InRange(factors.Count(static f => f == 0) / 100_000.0, 0.7937, 0.8063);
        Assert.All(factors, static f => Assert.True(f is 0 || Math.Abs(f - 5) < 1e-5));
    }

    [Fact]
    public void Entries_outside_are_refused() => Assert.Throws<ArgumentOutOfRangeException>(static () => SparseMatrix.Of(2, 2, [(0, 2, 1f)]));

    private static SparseMatrix Random(Random random, int rows, int columns) => SparseMatrix.Of(rows, columns,
        Enumerable.Range(0, rows * columns).Where(_ => random.Next(2) == 0).Select(i => (i / columns, i % columns, random.NextSingle() - 0.5f)).ToList());

    private static Tensor Dense(SparseMatrix matrix)
    {
        var dense = new float[matrix.Rows * matrix.Columns];
        for (int r = 0; r < matrix.Rows; r++)
        {
            for (int i = matrix.Offsets[r]; i < matrix.Offsets[r + 1]; i++) dense[r * matrix.Columns + matrix.At[i]] += matrix.Values[i];
        }

        return tensor(dense, matrix.Rows, matrix.Columns);
    }
}
