using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MoE;

/// <summary>
/// A weight matrix in panels of 32 columns (outputs), in the order in which the kernels read them. Block formats lie in halves of 16 columns: for each 32 inputs, the numbers of four inputs per column side by side, then 16 scales, then 16 zero points of 4 bits where the format has them (columns 0..7 low, 8..15 high).
/// </summary>
internal sealed unsafe class PackedMatrix : IDisposable
{
    /// <summary>Inputs of a block that shares a scale.</summary>
    public const int Block = 32;

    private const int Half = Tiles.Columns / 2;
    private const int ScaleBytes = Half * sizeof(ushort);
    private const int Int8Bytes = Block * Half;
    private const int Int4Bytes = Block * Half / 2;
    private const int ZeroBytes = Half / 2;

    private readonly AlignedBuffer _buffer;
    private double _error, _norm, _worstRow;

    /// <param name="format">How numbers are held.</param>
    /// <param name="inputs">K, positive.</param>
    /// <param name="columns">Columns; rounded up to panels, whose rest is zero.</param>
    /// <param name="memory">Of <see cref="LengthOf"/> bytes, with the matrix in it; null: memory of its own, to be filled.</param>
    /// <param name="errors">What packing did, where memory is given.</param>
    public PackedMatrix(WeightFormat format, int inputs, int columns, AlignedBuffer? memory = null, (double Error, double Norm, double WorstRow) errors = default)
    {
        Format = format;
        Inputs = inputs;
        Blocks = (inputs + Block - 1) / Block;
        Panels = (columns + Tiles.Columns - 1) / Tiles.Columns;
        PanelBytes = PanelLength(format, inputs);
        long length = checked((long)LengthOf(format, inputs, columns)) / sizeof(float);
        if (memory is not null && memory.Length != length) throw new ArgumentException($"memory has {memory.Length} numbers; must have {length}", nameof(memory));
        _buffer = memory ?? new AlignedBuffer(length);
        (_error, _norm, _worstRow) = errors;
    }

    /// <summary>Bytes of a matrix, a whole number of singles.</summary>
    public static Int128 LengthOf(WeightFormat format, int inputs, long columns) => PanelLength(format, inputs) * (Int128)((columns + Tiles.Columns - 1) / Tiles.Columns);

    /// <summary>A whole matrix in single precision.</summary>
    /// <param name="weight">[N, K].</param>
    /// <param name="inputs">K, positive.</param>
    public static PackedMatrix Of(ReadOnlySpan<float> weight, int inputs)
    {
        int outputs = weight.Length / inputs;
        var matrix = new PackedMatrix(WeightFormat.Single, inputs, outputs);
        for (int n = 0; n < outputs; n++) matrix.SetColumn(n / Tiles.Columns, n % Tiles.Columns, weight.Slice(n * inputs, inputs));
        return matrix;
    }

    public WeightFormat Format { get; }

    /// <summary>K.</summary>
    public int Inputs { get; }

    /// <summary>Blocks of 32 inputs, the last one filled up with zeros.</summary>
    public int Blocks { get; }

    public int Panels { get; }

    public long PanelBytes { get; }

    public long Bytes => _buffer.Length * sizeof(float);

    /// <summary>Sum of squared differences and of squared weights, and the worst column's ratio.</summary>
    public (double Error, double Norm, double WorstRow) Errors => (_error, _norm, _worstRow);

    /// <summary>Bytes of one block of a half panel, its scales among them if they are its own.</summary>
    public int BlockBytes => Format switch { WeightFormat.Int8PerRow => Int8Bytes, WeightFormat.Int8PerBlock => Int8Bytes + ScaleBytes, WeightFormat.Int4PerBlock => Int4Bytes + ScaleBytes, _ => Int4Bytes + ScaleBytes + ZeroBytes };

    /// <summary>Where the scales of a half panel begin, counted from the half.</summary>
    public int FirstScale => Format switch { WeightFormat.Int8PerRow => Blocks * Int8Bytes, WeightFormat.Int8PerBlock => Int8Bytes, _ => Int4Bytes };

    /// <summary>From one block's scales to the next.</summary>
    public int ScaleStep => Format == WeightFormat.Int8PerRow ? 0 : BlockBytes;

    /// <summary>Numbers of a format have 4 bits.</summary>
    public static bool IsNibbles(WeightFormat format) => format is WeightFormat.Int4PerBlock or WeightFormat.Int4PerBlockAsymmetric;

    public byte* Panel(int panel) => (byte*)_buffer.Data + panel * PanelBytes;

    public byte* HalfPanel(int panel, int half) => Panel(panel) + half * (PanelBytes / 2);

    /// <summary>Fills a column.</summary>
    /// <param name="panel">0..Panels-1.</param>
    /// <param name="column">0..31.</param>
    /// <param name="values">[K], finite where the format has scales.</param>
    [SkipLocalsInit]
    public void SetColumn(int panel, int column, ReadOnlySpan<float> values)
    {
        if (Format == WeightFormat.Single)
        {
            Tiles.Column(values, (float*)Panel(panel) + column, Tiles.Columns);
            return;
        }

        double error = 0, norm = 0;
        if (Format == WeightFormat.BFloat16)
        {
            // Of a 32-bit lane j, the low half is column j and the high half column 16 + j.
            ushort* to = (ushort*)Panel(panel) + 2 * (column % Half) + column / Half;
            for (int k = 0; k < values.Length; k++)
            {
                ushort rounded = Bfloat16.Round(values[k]);
                to[(long)k * Tiles.Columns] = rounded;
                Add(ref error, ref norm, values[k], Bfloat16.Widen(rounded));
            }

            Done(error, norm);
            return;
        }

        byte* half = HalfPanel(panel, column / Half);
        int at = column % Half;
        float* block = stackalloc float[Block];
        sbyte* numbers = stackalloc sbyte[Block];
        float rowScale = Format == WeightFormat.Int8PerRow ? Quantizer.Scale8(values) : 0;
        for (int b = 0; b < Blocks; b++)
        {
            int count = Math.Min(Block, values.Length - b * Block);
            new Span<float>(block, Block).Clear();
            values.Slice(b * Block, count).CopyTo(new Span<float>(block, Block));
            float scale = Quantizer.Round(Format, block, rowScale, numbers, out int zero, out double difference);
            ((ushort*)(half + FirstScale + (long)b * ScaleStep))[at] = Bfloat16.Round(scale);
            byte* to = half + (long)b * BlockBytes;
            if (Format == WeightFormat.Int4PerBlockAsymmetric) SetNibble(to + Int4Bytes + ScaleBytes + at % ZeroBytes, zero + 8, high: at >= ZeroBytes);
            // Four inputs of a column are 32 bits: of 4-bit numbers, the low nibbles are inputs 0..15, the high ones 16..31.
            (Vector256.Load(numbers) + Vector256.Create((sbyte)(IsNibbles(Format) ? 8 : -128))).Store(numbers);
            uint* fours = (uint*)numbers;
            if (IsNibbles(Format))
            {
                for (int g = 0; g < 4; g++) ((uint*)to)[g * Half + at] = fours[g] | fours[g + 4] << 4;
            }
            else
            {
                for (int g = 0; g < 8; g++) ((uint*)to)[g * Half + at] = fours[g];
            }

            error += difference;
            norm += Quantizer.Squares(block);
        }

        Done(error, norm);
    }

    /// <summary>Fills the first columns of a half panel.</summary>
    /// <param name="panel">0..Panels-1.</param>
    /// <param name="half">0 or 1.</param>
    /// <param name="rows">[count, K], finite where the format has scales.</param>
    public void SetHalf(int panel, int half, ReadOnlySpan<float> rows)
    {
        int count = rows.Length / Inputs;
        if (count == Half && Avx512F.IsSupported && Format is WeightFormat.Single or WeightFormat.BFloat16)
        {
            fixed (float* from = rows)
            {
                float** all = stackalloc float*[Half];
                for (int r = 0; r < Half; r++) all[r] = from + (long)r * Inputs;
                if (Format == WeightFormat.Single) Transposes.Pack(all, Half, Inputs, (float*)Panel(panel) + half * Half, Tiles.Columns);
                else SetHalves(all, (uint*)Panel(panel), half);
            }

            return;
        }

        for (int c = 0; c < count; c++) SetColumn(panel, half * Half + c, rows.Slice(c * Inputs, Inputs));
    }

    // Sixteen columns of bfloat16 at once: the low or the high halves of sixteen lanes.
    private void SetHalves(float** rows, uint* to, int half)
    {
        float* square = stackalloc float[Half * Half];
        Vector512<double> errorLow = default, errorHigh = default, normLow = default, normHigh = default;
        for (int from = 0; from < Inputs; from += Half)
        {
            int n = Math.Min(Half, Inputs - from);
            if (n == Half) Transposes.Sixteen(rows, Half, from, square, Half);
            for (int r = 0; r < Half && n < Half; r++) Tiles.Column(new ReadOnlySpan<float>(rows[r] + from, n), square + r, Half);
            for (int k = 0; k < n; k++, to += Half)
            {
                var values = Vector512.Load(square + k * Half);
                var bits = values.AsUInt32();
                var upper = Vector512.ShiftRightLogical(bits, 16);
                var rounded = Vector512.ShiftRightLogical(bits + Vector512.Create(0x7fffu) + (upper & Vector512<uint>.One), 16);
                rounded = Vector512.ConditionalSelect(Vector512.Equals(values, values).AsUInt32(), rounded, upper | Vector512.Create(0x40u));
                var both = Vector512.Load(to);
                (half == 0 ? (both & Vector512.Create(0xffff0000u)) | rounded : (both & Vector512.Create(0xffffu)) | Vector512.ShiftLeft(rounded, 16)).Store(to);
                var held = Vector512.ShiftLeft(rounded, 16).AsSingle();
                var (low, high) = Vector512.Widen(values);
                var (heldLow, heldHigh) = Vector512.Widen(held);
                normLow += low * low;
                normHigh += high * high;
                errorLow += (low - heldLow) * (low - heldLow);
                errorHigh += (high - heldHigh) * (high - heldHigh);
            }
        }

        for (int c = 0; c < Half; c++) Done(c < 8 ? errorLow[c] : errorHigh[c - 8], c < 8 ? normLow[c] : normHigh[c - 8]);
    }

    /// <summary>A panel in single precision, [K, 32].</summary>
    [SkipLocalsInit]
    public void Unpack(int panel, float* to)
    {
        if (Format == WeightFormat.BFloat16)
        {
            uint* from = (uint*)Panel(panel);
            for (int k = 0; k < Inputs; k++, from += Half, to += Tiles.Columns)
            {
                var both = Vector512.Load(from);
                Vector512.ShiftLeft(both, 16).AsSingle().Store(to);
                (both & Vector512.Create(0xffff0000u)).AsSingle().Store(to + Half);
            }

            return;
        }

        for (int h = 0; h < 2; h++)
        {
            byte* half = HalfPanel(panel, h);
            for (int b = 0; b < Blocks; b++)
            {
                var scales = Bfloat16.Widen(Vector256.Load((ushort*)(half + FirstScale + (long)b * ScaleStep)));
                var zeros = Format == WeightFormat.Int4PerBlockAsymmetric ? IntegerTiles.Zeros(half + (long)b * BlockBytes + Int4Bytes + ScaleBytes) : Vector512.Create(8);
                int count = Math.Min(Block, Inputs - b * Block);
                uint* from = (uint*)(half + (long)b * BlockBytes);
                float* row = to + (long)b * Block * Tiles.Columns + h * Half;
                for (int k = 0; k < count; k++, row += Tiles.Columns)
                {
                    Vector512<int> q;
                    if (IsNibbles(Format))
                    {
                        var lanes = Vector512.Load(from + k % 16 / 4 * Half);
                        q = (Vector512.ShiftRightLogical(lanes, 8 * (k % 4) + (k < 16 ? 0 : 4)) & Vector512.Create(15u)).AsInt32() - zeros;
                    }
                    else
                    {
                        q = (Vector512.ShiftRightLogical(Vector512.Load(from + k / 4 * Half), 8 * (k % 4)) & Vector512.Create(255u)).AsInt32() - Vector512.Create(128);
                    }

                    (Vector512.ConvertToSingle(q) * scales).Store(row);
                }
            }
        }
    }

    public void Dispose() => _buffer.Dispose();

    private static long PanelLength(WeightFormat format, long inputs)
    {
        long blocks = (inputs + Block - 1) / Block;
        return format switch
        {
            WeightFormat.Single => inputs * Tiles.Columns * sizeof(float),
            WeightFormat.BFloat16 => inputs * Tiles.Columns * sizeof(ushort),
            WeightFormat.Int8PerRow => 2 * (blocks * Int8Bytes + ScaleBytes),
            WeightFormat.Int8PerBlock => 2 * blocks * (Int8Bytes + ScaleBytes),
            WeightFormat.Int4PerBlock => 2 * blocks * (Int4Bytes + ScaleBytes),
            _ => 2 * blocks * (Int4Bytes + ScaleBytes + ZeroBytes),
        };
    }

    private static void SetNibble(byte* pair, int nibble, bool high) => *pair = (byte)(high ? (*pair & 0x0f) | (nibble << 4) : (*pair & 0xf0) | nibble);

    private static void Add(ref double error, ref double norm, float value, float held)
    {
        error += ((double)value - held) * ((double)value - held);
        norm += (double)value * value;
    }

    private void Done(double error, double norm)
    {
        _error += error;
        _norm += norm;
        if (norm > 0) _worstRow = Math.Max(_worstRow, Math.Sqrt(error / norm));
    }
}
