using System.Runtime.InteropServices;
using CsCheck;

namespace MoE.Tests.Kernels;

/// <summary>Formats of weights, number by number.</summary>
public sealed unsafe class PackedMatrixTests
{
    [Fact]
    public void Bfloat16_rounds_to_nearest_even()
    {
        Assert.Equal(0x3f80, Bfloat16.Round(1f));
        // 1 + 2^-8 lies between 1 and 1 + 2^-7; 1 + 3 2^-8 between 1 + 2^-7 and 1 + 2^-6.
        Assert.Equal(0x3f80, Bfloat16.Round(1 + MathF.Pow(2, -8)));
        Assert.Equal(0x3f82, Bfloat16.Round(1 + 3 * MathF.Pow(2, -8)));
        Assert.Equal(0x3f81, Bfloat16.Round(1 + MathF.Pow(2, -8) + MathF.Pow(2, -20)));
        Assert.True(float.IsNaN(Bfloat16.Widen(Bfloat16.Round(float.NaN))));
        Assert.Equal(float.PositiveInfinity, Bfloat16.Widen(Bfloat16.Round(float.MaxValue)));
        Assert.Equal(float.NegativeInfinity, Bfloat16.Widen(Bfloat16.Round(float.NegativeInfinity)));
    }

    [Theory]
    [InlineData(WeightFormat.Int8PerRow, 1 / 127.0)]
    [InlineData(WeightFormat.Int8PerBlock, 1 / 127.0)]
    [InlineData(WeightFormat.Int4PerBlock, 1 / 7.0)]
    [InlineData(WeightFormat.Int4PerBlockAsymmetric, 1 / 7.0)]
    public void Numbers_that_a_format_has_come_back(WeightFormat format, double step)
    {
        // Whole steps of a scale that bfloat16 has, with the ends among them.
        int most = (int)Math.Round(1 / step);
        for (int k = 1; k <= 70; k += 23)
        {
            using var matrix = new PackedMatrix(format, k, 5);
            var columns = new float[5][];
            for (int c = 0; c < 5; c++)
            {
                columns[c] = Array.ConvertAll(Draw.Integers(k, 2 * most + 1, c), v => (v - most) * 0.25f);
                for (int b = 0; b < k; b += 32) columns[c][b] = most * 0.25f;
                matrix.SetColumn(0, 7 * c, columns[c]);
            }

            float* panel = (float*)NativeMemory.AlignedAlloc((nuint)(k * 32 * 4), 64);
            matrix.Unpack(0, panel);
            for (int c = 0; c < 5; c++)
            {
                for (int i = 0; i < k; i++) Assert.Equal(columns[c][i], panel[i * 32 + 7 * c]);
            }

            NativeMemory.AlignedFree(panel);
            Assert.Equal(0, matrix.Errors.Error);
        }
    }

    [Theory, InlineData(WeightFormat.Int8PerRow), InlineData(WeightFormat.Int8PerBlock), InlineData(WeightFormat.Int4PerBlock), InlineData(WeightFormat.Int4PerBlockAsymmetric)]
    public void Integer_products_are_exact(WeightFormat format)
    {
        // One block, scales of one: the product is a sum of whole numbers.
        foreach (int rows in Enumerable.Range(1, Tiles.MaxRows))
        {
            foreach (var path in Enum.GetValues<KernelPath>().Where(static p => p <= Tiles.Path))
            {
                int most = PackedMatrix.IsNibbles(format) ? 7 : 127;
                using var matrix = new PackedMatrix(format, 32, 32);
                float[][] w = new float[32][];
                for (int c = 0; c < 32; c++)
                {
                    w[c] = Array.ConvertAll(Draw.Integers(32, 2 * most + 1, c), v => (float)(v - most));
                    w[c][3] = most;
                    matrix.SetColumn(0, c, w[c]);
                }

                float* memory = (float*)NativeMemory.AlignedAlloc((nuint)(4 * IntegerRows.Length(rows, 1, format)), 64), tile = (float*)NativeMemory.AlignedAlloc(4 * 32 * 14, 64);
                var a = new IntegerRows(memory, rows, 1, format);
                float[][] x = new float[rows][];
                for (int r = 0; r < rows; r++)
                {
                    x[r] = Array.ConvertAll(Draw.Integers(32, 255, 100 + r), static v => (float)(v - 127));
                    x[r][5] = -127;
                    fixed (float* p = x[r]) a.Set(r, 0, p, 32);
                }

                IntegerTiles.Multiply(path, a, matrix, 0, tile);
                for (int r = 0; r < rows; r++)
                {
                    for (int c = 0; c < 32; c++) Assert.Equal(x[r].Zip(w[c], static (p, q) => p * q).Sum(), tile[r * 32 + c]);
                }

                NativeMemory.AlignedFree(memory);
                NativeMemory.AlignedFree(tile);
            }
        }
    }

    [Fact]
    public void Zero_points_are_each_blocks_own()
    {
        // Every column and block has numbers 0..15 less a zero point of its own, 0..15, in steps of a quarter: the product is a sum of whole quarters.
        const int blocks = 3, k = blocks * 32 - 5;
        foreach (int rows in Enumerable.Range(1, Tiles.MaxRows))
        {
            foreach (var path in Enum.GetValues<KernelPath>().Where(static p => p <= Tiles.Path))
            {
                using var matrix = new PackedMatrix(WeightFormat.Int4PerBlockAsymmetric, k, 32);
                float[][] w = new float[32][];
                for (int c = 0; c < 32; c++)
                {
                    int[] numbers = Draw.Integers(k, 16, c), zeros = Draw.Integers(blocks, 16, 50 + c);
                    // Both ends of the range are there, so that the zero point is the only one without an error.
                    for (int b = 0; b < blocks; b++) (numbers[b * 32], numbers[b * 32 + 1]) = (0, 15);
                    w[c] = [.. numbers.Select((q, i) => (q - zeros[i / 32]) * 0.25f)];
                    matrix.SetColumn(0, c, w[c]);
                }

                Assert.Equal(0, matrix.Errors.Error);
                float* memory = (float*)NativeMemory.AlignedAlloc((nuint)(4 * IntegerRows.Length(rows, blocks, matrix.Format)), 64), tile = (float*)NativeMemory.AlignedAlloc(4 * 32 * 14, 64);
                var a = new IntegerRows(memory, rows, blocks, matrix.Format);
                float[][] x = new float[rows][];
                for (int r = 0; r < rows; r++)
                {
                    x[r] = Array.ConvertAll(Draw.Integers(k, 255, 100 + r), static v => (float)(v - 127));
                    for (int b = 0; b < blocks; b++) x[r][b * 32 + 5] = 127;
                    fixed (float* p = x[r]) a.Set(r, 0, p, k);
                }

                IntegerTiles.Multiply(path, a, matrix, 0, tile);
                for (int r = 0; r < rows; r++)
                {
                    for (int c = 0; c < 32; c++) Assert.Equal(x[r].Zip(w[c], static (p, q) => p * q).Sum(), tile[r * 32 + c]);
                }

                NativeMemory.AlignedFree(memory);
                NativeMemory.AlignedFree(tile);
            }
        }
    }

    [Fact]
    public void A_zero_point_never_makes_a_block_worse()
    {
        // The blocks without one are among those tried; single precision adds 32 squares in the search, so that candidates within 2^-19 of each other may change places.
        Gen.Select(Gen.Int[1, 32], Draw.Seed, Gen.Double[-40, 40], Gen.Double[-2, 2]).Sample((count, seed, exponent, shift) =>
        {
            float[] row = Array.ConvertAll(Draw.Normal(count, seed), v => (float)((v + shift) * Math.Pow(2, exponent)));
            double with = Error(WeightFormat.Int4PerBlockAsymmetric, row), without = Error(WeightFormat.Int4PerBlock, row);
            Assert.True(with <= without * (1 + 1e-5), $"{with} with, {without} without");
        }, iter: 2000);
    }

    [Fact]
    public void Blocks_of_one_sign_have_half_the_step()
    {
        // 0..1 in fifteen steps instead of seven or eight: the squared error falls to a fourth, less what the search gains for the symmetric form. Uniform numbers: step^2 / 12.
        var random = new Random(5);
        float[] row = [.. Enumerable.Range(0, 32 * 256).Select(_ => random.NextSingle())];
        double with = Error(WeightFormat.Int4PerBlockAsymmetric, row) / row.Length, without = Error(WeightFormat.Int4PerBlock, row) / row.Length;
        Assert.InRange(with, 0.8 / (12 * 15 * 15), 1.0 / (12 * 15 * 15));
        Assert.InRange(without / with, 3, 4.6);
    }

    [Theory, InlineData(WeightFormat.Int8PerRow), InlineData(WeightFormat.Int8PerBlock), InlineData(WeightFormat.Int4PerBlock), InlineData(WeightFormat.Int4PerBlockAsymmetric)]
    public void Extreme_rows_keep_finite_scales_and_their_error(WeightFormat format)
    {
        double step = format is WeightFormat.Int4PerBlock ? 1 / 7.0 : format is WeightFormat.Int4PerBlockAsymmetric ? 2 / 15.0 : 1 / 127.0;
        foreach (double size in new[] { 3.4e38, 1e38, 1e30, 1e19, 1e10, 1, 1e-10, 1e-19, 1e-30, 1e-36 })
        {
            foreach (int seed in Enumerable.Range(0, 20))
            {
                var random = new Random(seed);
                float[] row = [.. Enumerable.Range(0, 45).Select(_ => (float)(size * (2 * random.NextDouble() - 1)))];
                if (seed == 0) row[3] = (float)size;
                if (seed == 1) row.AsSpan().Fill((float)size);
                if (seed == 2) row.AsSpan().Fill((float)-size);
                // A step is half off at most where nothing is clipped; the search clips when that lessens the sum, and a scale is rounded to 8 bits.
                foreach (float difference in Differences(format, row)) Assert.InRange(Math.Abs(difference), 0, 1.5 * step * size);
            }
        }

        // The least numbers have no scale of their own: they are zero or as large as before, never more, and nothing is infinite.
        foreach (float tiny in new[] { float.Epsilon, 1e-44f, 1e-41f, 1e-39f })
            foreach (float difference in Differences(format, [tiny, -tiny, 0, tiny / 2])) Assert.InRange(Math.Abs(difference), 0, 2 * tiny);
        foreach (float constant in new[] { 0f, 1f, -3f, 0.1f, float.MaxValue, -float.MaxValue })
        {
            float[] row = new float[70];
            row.AsSpan().Fill(constant);
            // One number serves all; its scale has 8 bits and at the end of the range cannot be the next larger.
            foreach (float difference in Differences(format, row)) Assert.InRange(Math.Abs(difference), 0, Math.Abs((double)constant) / (Math.Abs(constant) > 1e38f ? 100 : 256));
        }
    }

    [Fact]
    public void Sixteen_columns_at_once_are_those_one_by_one()
    {
        foreach (var format in Enum.GetValues<WeightFormat>())
        {
            foreach (int k in new[] { 1, 5, 15, 16, 17, 31, 32, 33, 48, 100 })
            {
                float[] rows = Draw.Normal(16 * k, k);
                // bfloat16 and single precision hold what is not finite too.
                if (format is WeightFormat.Single or WeightFormat.BFloat16) (rows[0], rows[k], rows[2 * k]) = (float.NaN, float.NegativeInfinity, 3.3e38f);
                using PackedMatrix one = new(format, k, 64), all = new(format, k, 64);
                for (int half = 0; half < 4; half++)
                {
                    int count = half == 3 ? 7 : 16;
                    all.SetHalf(half / 2, half % 2, rows.AsSpan(0, count * k));
                    for (int c = 0; c < count; c++) one.SetColumn(half / 2, half % 2 * 16 + c, rows.AsSpan(c * k, k));
                }

                Assert.Equal(new ReadOnlySpan<byte>(one.Panel(0), (int)one.Bytes).ToArray(), new ReadOnlySpan<byte>(all.Panel(0), (int)all.Bytes).ToArray());
                // Sums in another order.
                var (a, b) = (one.Errors, all.Errors);
                if (double.IsFinite(a.Norm)) Assert.Equal((Math.Round(a.Error, 9), Math.Round(a.Norm, 9), Math.Round(a.WorstRow, 9)), (Math.Round(b.Error, 9), Math.Round(b.Norm, 9), Math.Round(b.WorstRow, 9)));
            }
        }
    }

    private static double Error(WeightFormat format, float[] row)
    {
        using var matrix = new PackedMatrix(format, row.Length, 1);
        matrix.SetColumn(0, 0, row);
        return matrix.Errors.Error;
    }

    // By the public quantiser; the packed matrix must hold the same numbers.
    private static float[] Differences(WeightFormat format, float[] row)
    {
        sbyte[] numbers = new sbyte[row.Length], zeros = new sbyte[WeightQuantizer.ZeroPointCount(format, row.Length)];
        float[] scales = new float[WeightQuantizer.ScaleCount(format, row.Length)];
        WeightQuantizer.Quantize(format, row, numbers, scales, zeros);
        Assert.All(scales, static s => Assert.True(float.IsFinite(s)));
        Assert.All(numbers.Concat(zeros), q => Assert.InRange(q, PackedMatrix.IsNibbles(format) ? -8 : -127, PackedMatrix.IsNibbles(format) ? 7 : 127));
        float[] held = [.. numbers.Select((q, k) => scales[scales.Length == 1 ? 0 : k / 32] * (q - (zeros.Length == 0 ? 0 : zeros[k / 32])))];
        Assert.All(held, static v => Assert.True(float.IsFinite(v)));
        using var matrix = new PackedMatrix(format, row.Length, 1);
        matrix.SetColumn(0, 0, row);
        float* panel = (float*)NativeMemory.AlignedAlloc((nuint)(row.Length * 32 * 4), 64);
        matrix.Unpack(0, panel);
        for (int k = 0; k < row.Length; k++) Assert.Equal(held[k], panel[k * 32]);
        NativeMemory.AlignedFree(panel);
        Assert.True(double.IsFinite(matrix.Errors.Error) && double.IsFinite(matrix.Errors.WorstRow));
        return [.. row.Zip(held, static (a, b) => (float)((double)a - b))];
    }
}
