using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MoE;

/// <summary>A block of rows in 8 bits: numbers [K / 32][rows][32], and per 32 of them a scale and the sum that takes back the offset of the weights, [K / 32][rows].</summary>
internal readonly unsafe struct IntegerRows
{
    /// <param name="memory">As long as <see cref="Length"/> says.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="blocks">Blocks of 32 numbers of a row.</param>
    public IntegerRows(float* memory, int rows, int blocks)
    {
        Rows = rows;
        Scales = memory;
        Sums = (int*)memory + (long)rows * blocks;
        Numbers = (sbyte*)(memory + 2L * rows * blocks);
    }

    public int Rows { get; }

    public sbyte* Numbers { get; }

    public float* Scales { get; }

    public int* Sums { get; }

    /// <summary>Floats of memory.</summary>
    public static long Length(int rows, int blocks) => (long)rows * blocks * (2 + PackedMatrix.Block / sizeof(float));

    /// <summary>Fills numbers from..from+count-1 of a row; from is the start of a block.</summary>
    public void Set(int row, int from, float* values, int count, int offset)
    {
        long block = (long)(from / PackedMatrix.Block) * Rows + row;
        Quantizer.Activations(values, count, Numbers + block * PackedMatrix.Block, Rows * PackedMatrix.Block, Scales + block, Sums + block, Rows, offset);
    }
}

/// <summary>Products of 8-bit rows with 8-bit or 4-bit weights.</summary>
internal static unsafe partial class IntegerTiles
{
    // How far ahead in the stream of weights they are fetched.
    private const int Distance = 2048;
    private const int MostRows = 6;

    private static readonly delegate*<sbyte*, float*, int*, nint, byte*, nint, byte*, nint, nint, float*, void>[] s_int8 = [null, &Int8R1, &Int8R2, &Int8R3, &Int8R4, &Int8R5, &Int8R6];

    private static readonly delegate*<sbyte*, float*, int*, nint, byte*, nint, byte*, nint, nint, float*, void>[] s_int4 = [null, &Int4R1, &Int4R2, &Int4R3, &Int4R4, &Int4R5, &Int4R6];

    /// <summary>What was added to the weights of a format to make them unsigned.</summary>
    public static int Offset(WeightFormat format) => format == WeightFormat.Int4PerBlock ? 8 : 128;

    /// <summary>c[rows, 32] = rows times the panel.</summary>
    /// <param name="path">The vectors; below 256 bits, and without AVX-VNNI, exact products by 128-bit vectors.</param>
    /// <param name="a">1..14 rows of the matrix's K.</param>
    /// <param name="matrix">Of a format with integers.</param>
    /// <param name="panel">Which panel.</param>
    /// <param name="c">[rows, 32], overwritten.</param>
    public static void Multiply(KernelPath path, in IntegerRows a, PackedMatrix matrix, int panel, float* c)
    {
        bool vnni = AvxVnni.IsSupported && path >= KernelPath.Vector256;
        int parts = (a.Rows + MostRows - 1) / MostRows;
        for (int half = 0; half < 2; half++)
        {
            byte* w = matrix.HalfPanel(panel, half), s = w + matrix.FirstScale;
            if (!vnni)
            {
                for (int r = 0; r < a.Rows; r++) Portable(matrix.Format, a, r, w, matrix.BlockBytes, s, matrix.ScaleStep, matrix.Blocks, c + r * Tiles.Columns + half * 16);
                continue;
            }

            var tiles = matrix.Format == WeightFormat.Int4PerBlock ? s_int4 : s_int8;
            for (int p = 0; p < parts; p++)
            {
                int from = a.Rows * p / parts, rows = a.Rows * (p + 1) / parts - from;
                tiles[rows](a.Numbers + from * PackedMatrix.Block, a.Scales + from, a.Sums + from, a.Rows, w, matrix.BlockBytes, s, matrix.ScaleStep, matrix.Blocks, c + from * Tiles.Columns + half * 16);
            }
        }
    }

    // One row: four columns to a vector, and of each 32-bit lane one byte after the other.
    [SkipLocalsInit]
    private static void Portable(WeightFormat format, in IntegerRows a, int row, byte* w, nint step, byte* s, nint scaleStep, int blocks, float* c)
    {
        bool nibbles = format == WeightFormat.Int4PerBlock;
        Vector128<float>* sums = stackalloc Vector128<float>[4];
        for (int v = 0; v < 4; v++) sums[v] = default;
        for (int b = 0; b < blocks; b++, w += step, s += scaleStep)
        {
            long at = (long)b * a.Rows + row;
            sbyte* x = a.Numbers + at * PackedMatrix.Block;
            for (int v = 0; v < 4; v++)
            {
                var sum = Vector128.Create(a.Sums[at]);
                for (int k = 0; k < PackedMatrix.Block; k++)
                {
                    var lanes = Vector128.Load((uint*)(w + (nibbles ? k % 16 / 4 : k / 4) * 64) + 4 * v);
                    int shift = 8 * (k % 4) + (nibbles && k >= 16 ? 4 : 0);
                    sum += (Vector128.ShiftRightLogical(lanes, shift) & Vector128.Create(nibbles ? 15u : 255u)).AsInt32() * x[k];
                }

                var scale = Vector128.Create(Bfloat16.Widen(((ushort*)s)[4 * v]), Bfloat16.Widen(((ushort*)s)[4 * v + 1]), Bfloat16.Widen(((ushort*)s)[4 * v + 2]), Bfloat16.Widen(((ushort*)s)[4 * v + 3]));
                sums[v] = Vector128.MultiplyAddEstimate(Vector128.ConvertToSingle(sum), scale * a.Scales[at], sums[v]);
            }
        }

        for (int v = 0; v < 4; v++) sums[v].Store(c + 4 * v);
    }
}
