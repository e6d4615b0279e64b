using System.Runtime.InteropServices;

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

    [Theory, InlineData(WeightFormat.Int8PerRow), InlineData(WeightFormat.Int8PerBlock), InlineData(WeightFormat.Int4PerBlock)]
    public void Integer_products_are_exact(WeightFormat format)
    {
        // One block, scales of one: the product is a sum of whole numbers.
        foreach (int rows in Enumerable.Range(1, Tiles.MaxRows))
        {
            foreach (var path in Enum.GetValues<KernelPath>().Where(static p => p <= Tiles.Path))
            {
                int most = format == WeightFormat.Int4PerBlock ? 7 : 127;
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
}
