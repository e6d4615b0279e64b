using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MoE;

/// <summary>
/// A block of rows in 8 bits: per 32 numbers a scale and the sum that takes back the offset of the weights, [K / 32][rows], then the numbers themselves, [K / 32][rows][32]. For 8-bit weights they lie as 16-bit numbers, of each four
/// the even ones first: that is how the products take them.
/// </summary>
internal readonly unsafe struct IntegerRows
{
    private readonly WeightFormat _weights;

    /// <param name="memory">As long as <see cref="Length"/> says.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="blocks">Blocks of 32 numbers of a row.</param>
    /// <param name="weights">What they will be multiplied with.</param>
    public IntegerRows(float* memory, int rows, int blocks, WeightFormat weights)
    {
        Rows = rows;
        _weights = weights;
        Scales = memory;
        Sums = (int*)memory + (long)rows * blocks;
        Numbers = (byte*)(memory + 2L * rows * blocks);
    }

    public int Rows { get; }

    public byte* Numbers { get; }

    public float* Scales { get; }

    public int* Sums { get; }

    /// <summary>Bytes of 32 numbers of one row.</summary>
    public int BlockBytes => BytesOf(_weights);

    /// <summary>Floats of memory.</summary>
    public static long Length(int rows, int blocks, WeightFormat weights) => (long)rows * blocks * (2 + BytesOf(weights) / sizeof(float));

    /// <summary>Fills numbers from..from+count-1 of a row; from is the start of a block.</summary>
    public void Set(int row, int from, float* values, int count)
    {
        long block = (long)(from / PackedMatrix.Block) * Rows + row;
        Quantizer.Activations(values, count, Numbers + block * BlockBytes, Rows * BlockBytes, Scales + block, Sums + block, Rows, IntegerTiles.Offset(_weights), wide: !PackedMatrix.IsNibbles(_weights));
    }

    private static int BytesOf(WeightFormat weights) => PackedMatrix.IsNibbles(weights) ? PackedMatrix.Block : 2 * PackedMatrix.Block;
}

/// <summary>Products of 8-bit rows with 8-bit or 4-bit weights.</summary>
internal static unsafe partial class IntegerTiles
{
    // How far ahead in the stream of weights they are fetched.
    private const int Distance = 12 << 10;

    private static readonly delegate*<byte*, float*, int*, nint, byte*, nint, byte*, nint, nint, float*, void>[] s_512Int8 =
        [null, &V512Int8R1, &V512Int8R2, &V512Int8R3, &V512Int8R4, &V512Int8R5, &V512Int8R6, &V512Int8R7];

    private static readonly delegate*<byte*, float*, int*, nint, byte*, nint, byte*, nint, nint, float*, void>[] s_512Int4 =
        [null, &V512Int4R1, &V512Int4R2, &V512Int4R3, &V512Int4R4, &V512Int4R5, &V512Int4R6, &V512Int4R7];

    private static readonly delegate*<byte*, float*, int*, nint, byte*, nint, byte*, nint, nint, float*, void>[] s_512Int4Z =
        [null, &V512Int4ZR1, &V512Int4ZR2, &V512Int4ZR3, &V512Int4ZR4, &V512Int4ZR5, &V512Int4ZR6, &V512Int4ZR7];

    private static readonly delegate*<byte*, float*, int*, nint, byte*, nint, byte*, nint, nint, float*, void>[] s_256Int8 = [null, &V256Int8R1, &V256Int8R2];

    private static readonly delegate*<byte*, float*, int*, nint, byte*, nint, byte*, nint, nint, float*, void>[] s_256Int4 = [null, &V256Int4R1, &V256Int4R2];

    private static readonly delegate*<byte*, float*, int*, nint, byte*, nint, byte*, nint, nint, float*, void>[] s_256Int4Z = [null, &V256Int4ZR1, &V256Int4ZR2];

    /// <summary>What was added to the weights of a format to make them unsigned; 1 where each block of a column has its own: the sums of rows then meet those.</summary>
    public static int Offset(WeightFormat format) => format switch { WeightFormat.Int4PerBlock => 8, WeightFormat.Int4PerBlockAsymmetric => 1, _ => 128 };

    /// <summary>The zero points of 16 columns, 0..15, from 8 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Zeros(byte* from)
    {
        ulong pairs = *(ulong*)from;
        var bytes = Vector128.Create(pairs, pairs >> 4).AsByte() & Vector128.Create((byte)15);
        if (Avx512F.IsSupported) return Avx512F.ConvertToVector512Int32(bytes);
        var (low, high) = Vector128.Widen(bytes);
        var (a, b) = Vector256.Widen(Vector256.Create(low, high));
        return Vector512.Create(a, b).AsInt32();
    }

    // The same, eight columns of a half.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Zeros(byte* from, int half)
    {
        var bytes = Vector128.Create(*(ulong*)from >> 4 * half, 0).AsByte() & Vector128.Create((byte)15);
        return Avx2.ConvertToVector256Int32(bytes);
    }

    /// <summary>c[rows, 32] = rows times the panel.</summary>
    /// <param name="path">The vectors.</param>
    /// <param name="a">1..14 rows of the matrix's K.</param>
    /// <param name="matrix">Of a format with integers.</param>
    /// <param name="panel">Which panel.</param>
    /// <param name="c">[rows, 32], overwritten.</param>
    public static void Multiply(KernelPath path, in IntegerRows a, PackedMatrix matrix, int panel, float* c)
    {
        bool nibbles = PackedMatrix.IsNibbles(matrix.Format), zeros = matrix.Format == WeightFormat.Int4PerBlockAsymmetric;
        var tiles = path == KernelPath.Vector512 && Avx512BW.IsSupported ? zeros ? s_512Int4Z : nibbles ? s_512Int4 : s_512Int8
            : path >= KernelPath.Vector256 && Avx2.IsSupported ? zeros ? s_256Int4Z : nibbles ? s_256Int4 : s_256Int8
            : null;
        int most = tiles is null ? 1 : tiles.Length - 1, parts = (a.Rows + most - 1) / most;
        for (int half = 0; half < 2; half++)
        {
            byte* w = matrix.HalfPanel(panel, half), s = w + matrix.FirstScale;
            for (int p = 0; p < parts; p++)
            {
                int from = a.Rows * p / parts, rows = a.Rows * (p + 1) / parts - from;
                float* to = c + from * Tiles.Columns + half * 16;
                if (tiles is null) Portable(nibbles, zeros, a, from, w, matrix.BlockBytes, s, matrix.ScaleStep, matrix.Blocks, to);
                else tiles[rows](a.Numbers + (long)from * a.BlockBytes, a.Scales + from, a.Sums + from, a.Rows, w, matrix.BlockBytes, s, matrix.ScaleStep, matrix.Blocks, to);
            }
        }
    }

    // One row: four columns to a vector, and of each 32-bit lane one byte after the other.
    [SkipLocalsInit]
    private static void Portable(bool nibbles, bool zeros, in IntegerRows a, int row, byte* w, nint step, byte* s, nint scaleStep, int blocks, float* c)
    {
        Vector128<float>* sums = stackalloc Vector128<float>[4];
        for (int v = 0; v < 4; v++) sums[v] = default;
        for (int b = 0; b < blocks; b++, w += step, s += scaleStep)
        {
            long at = (long)b * a.Rows + row;
            byte* x = a.Numbers + at * a.BlockBytes;
            for (int v = 0; v < 4; v++)
            {
                var sum = Vector128.Create(a.Sums[at]);
                if (zeros)
                {
                    byte* zero = s + 2 * 16 + v % 2 * 4;
                    int shift = v / 2 * 4;
                    sum *= Vector128.Create((zero[0] >> shift) & 15, (zero[1] >> shift) & 15, (zero[2] >> shift) & 15, (zero[3] >> shift) & 15);
                }

                for (int k = 0; k < PackedMatrix.Block; k++)
                {
                    var lanes = Vector128.Load((uint*)(w + (nibbles ? k % 16 / 4 : k / 4) * 64) + 4 * v);
                    int bits = 8 * (k % 4) + (nibbles && k >= 16 ? 4 : 0);
                    // 16-bit numbers: inputs 0, 2, 1, 3 of each four.
                    int number = nibbles ? ((sbyte*)x)[k] : ((short*)x)[(k & ~3) + ((k & 1) << 1) + ((k >> 1) & 1)];
                    sum += (Vector128.ShiftRightLogical(lanes, bits) & Vector128.Create(nibbles ? 15u : 255u)).AsInt32() * number;
                }

                var scale = Vector128.Create(Bfloat16.Widen(((ushort*)s)[4 * v]), Bfloat16.Widen(((ushort*)s)[4 * v + 1]), Bfloat16.Widen(((ushort*)s)[4 * v + 2]), Bfloat16.Widen(((ushort*)s)[4 * v + 3]));
                sums[v] = Vector128.MultiplyAddEstimate(Vector128.ConvertToSingle(sum), scale * a.Scales[at], sums[v]);
            }
        }

        for (int v = 0; v < 4; v++) sums[v].Store(c + 4 * v);
    }
}
