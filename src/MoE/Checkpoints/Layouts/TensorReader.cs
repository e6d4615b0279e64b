using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MoE.Checkpoints;

/// <summary>
/// The numbers of a tensor of a safetensors file: single, half and bfloat16 as they are; E4M3 with a scale per block of the matrix (DeepSeek-V3: <c>weight_scale_inv</c>, which multiplies); E2M1 with a power of two per 32 numbers
/// of a row (OCP MX; gpt-oss: <c>_blocks</c> and <c>_scales</c>).
/// </summary>
internal sealed class TensorReader : ITensorReader
{
    /// <summary>Numbers that share a scale in the MX formats.</summary>
    public const int MxBlock = 32;

    private static readonly float[] s_e4m3 = [.. Enumerable.Range(0, 256).Select(static b => E4M3((byte)b))];
    private static readonly float[] s_e2m1 = [0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6];

    private readonly SafetensorsFile _file;
    private readonly SafetensorsEntry _entry;
    private readonly float[]? _scales;
    private readonly int _columns, _blockRows, _blockColumns;
    private readonly bool _packed;

    /// <summary>A tensor of numbers that stand for themselves.</summary>
    public TensorReader(SafetensorsFile file, SafetensorsEntry entry) => (_file, _entry) = (file, entry);

    private TensorReader(SafetensorsFile file, SafetensorsEntry entry, float[] scales, bool packed)
        : this(file, entry) => (_scales, _packed) = (scales, packed);

    private TensorReader(SafetensorsFile file, SafetensorsEntry entry, float[] scales, int columns, int blockRows, int blockColumns)
        : this(file, entry, scales, packed: false) => (_columns, _blockRows, _blockColumns) = (columns, blockRows, blockColumns);

    /// <summary>The type of the stored numbers.</summary>
    public SafetensorsType Type => _entry.Type;

    /// <summary>The numbers stand for themselves.</summary>
    public bool IsPlain => _scales is null;

    /// <summary>The file and the tensor.</summary>
    public (SafetensorsFile File, SafetensorsEntry Entry) Source => (_file, _entry);

    /// <summary>True for the types that stand for themselves.</summary>
    public static bool IsPlainType(SafetensorsType type) => type is SafetensorsType.F32 or SafetensorsType.BF16 or SafetensorsType.F16;

    /// <summary>A matrix of E4M3 with a scale per block.</summary>
    public static TensorReader Blocked(SafetensorsFile file, SafetensorsEntry entry, float[] scales, int blockRows, int blockColumns) =>
        new(file, entry, scales, checked((int)entry.Shape[1]), blockRows, blockColumns);

    /// <summary>E2M1 in pairs, the first of a pair in the lower half of its byte.</summary>
    /// <param name="file">Of the blocks.</param>
    /// <param name="blocks">[..., columns / 32, 16] bytes.</param>
    /// <param name="scales">[..., columns / 32], powers of two.</param>
    public static TensorReader Packed(SafetensorsFile file, SafetensorsEntry blocks, float[] scales) => new(file, blocks, scales, packed: true);

    /// <summary>Scales in single precision: floating, or exponents with an excess of 127 (E8M0, also where the file calls them bytes).</summary>
    public static float[] Scales(SafetensorsFile file, SafetensorsEntry entry)
    {
        if (IsPlainType(entry.Type)) return PeftAdapter.ToSingles(file, entry);
        var bytes = file.Bytes(entry);
        var scales = new float[bytes.Length];
        for (int i = 0; i < scales.Length; i++) scales[i] = bytes[i] == 255 ? float.NaN : MathF.ScaleB(1, bytes[i] - 127);
        return scales;
    }

    /// <inheritdoc/>
    public void Read(long start, Span<float> destination)
    {
        if (_packed) ReadPacked(start, destination);
        else if (_scales is not null) ReadBlocked(start, destination);
        else if (_entry.Type == SafetensorsType.F32) MemoryMarshal.Cast<byte, float>(_file.Slice(_entry, start * 4, destination.Length * 4)).CopyTo(destination);
        else if (_entry.Type == SafetensorsType.BF16) Widen(MemoryMarshal.Cast<byte, ushort>(_file.Slice(_entry, start * 2, destination.Length * 2)), destination);
        else
        {
            var halves = MemoryMarshal.Cast<byte, Half>(_file.Slice(_entry, start * 2, destination.Length * 2));
            for (int i = 0; i < halves.Length; i++) destination[i] = (float)halves[i];
        }
    }

    private void ReadBlocked(long start, Span<float> destination)
    {
        var bytes = _file.Slice(_entry, start, destination.Length);
        int perRow = (_columns + _blockColumns - 1) / _blockColumns;
        for (int i = 0; i < bytes.Length;)
        {
            long row = (start + i) / _columns;
            int column = (int)((start + i) % _columns), end = Math.Min(Math.Min((column / _blockColumns + 1) * _blockColumns, _columns) - column + i, bytes.Length);
            float scale = _scales![row / _blockRows * perRow + column / _blockColumns];
            for (; i < end; i++) destination[i] = s_e4m3[bytes[i]] * scale;
        }
    }

    private void ReadPacked(long start, Span<float> destination)
    {
        // Rows are whole blocks, so that every run begins and ends with one.
        var bytes = _file.Slice(_entry, start / 2, destination.Length / 2);
        for (int i = 0; i < bytes.Length; i++)
        {
            float scale = _scales![(start + 2 * i) / MxBlock];
            destination[2 * i] = s_e2m1[bytes[i] & 15] * scale;
            destination[2 * i + 1] = s_e2m1[bytes[i] >> 4] * scale;
        }
    }

    private static void Widen(ReadOnlySpan<ushort> halves, Span<float> destination)
    {
        int i = 0;
        ref ushort from = ref MemoryMarshal.GetReference(halves);
        ref float to = ref MemoryMarshal.GetReference(destination);
        for (; i <= halves.Length - 16; i += 16) Bfloat16.Widen(Vector256.LoadUnsafe(ref from, (nuint)i)).StoreUnsafe(ref to, (nuint)i);
        for (; i < halves.Length; i++) destination[i] = Bfloat16.Widen(halves[i]);
    }

    // OCP 8-bit floating point: 4 bits of exponent with an excess of 7, no infinity, all ones is NaN.
    private static float E4M3(byte b)
    {
        int exponent = b >> 3 & 15, mantissa = b & 7;
        if ((b & 127) == 127) return float.NaN;
        float magnitude = exponent == 0 ? mantissa / 8f * MathF.ScaleB(1, -6) : (1 + mantissa / 8f) * MathF.ScaleB(1, exponent - 7);
        return b < 128 ? magnitude : -magnitude;
    }
}
