using System.Buffers.Binary;
using System.Text;

namespace MoE;

/// <summary>A part of a packed file: a matrix or a vector as the kernels read it, on a boundary of 64 bytes.</summary>
/// <param name="Offset">First byte.</param>
/// <param name="Length">Bytes, without what fills up to the next boundary.</param>
/// <param name="Crc">CRC-32C of the bytes.</param>
/// <param name="Errors">Of a matrix: what packing did to it (<see cref="PackedMatrix.Errors"/>).</param>
internal readonly record struct PackedSection(long Offset, long Length, uint Crc, (double Error, double Norm, double WorstRow) Errors);

/// <summary>
/// A layer's packed weights as a file that is mapped and read in place. Little-endian:
/// 64 bytes: "MoEPackd", version, layout, weight format, activation format, flags (1: with router), bytes of the spec, number of sections, CRC-32C of all bytes before the data but these four, then 64-bit: offset of the data,
/// length of the file, 0. Then the spec as JSON, filled up with zeros to 8 bytes; 32 bytes per section: CRC-32C, 0, and as doubles the squared error, the squared norm and the worst row's relative error of a matrix. Data start
/// at a multiple of 4096. Offsets and lengths of the sections follow from the spec: per expert (the shared one last) first matrix, down matrix, their biases; the shared expert's scalar gate; scorer, its bias, selection bias.
/// </summary>
internal sealed class PackedFile
{
    /// <summary>Version of the header.</summary>
    public const int Version = 1;

    /// <summary>How numbers lie: panels of 32 columns, halves of 16, blocks of 32 inputs, every path the same. Another arrangement needs another number.</summary>
    public const int Layout = 1;

    private const int FixedBytes = 64, TableBytes = 32, CrcAt = 36, Boundary = 64, DataBoundary = 4096;
    private const int LargestSpec = 1 << 20;
    private const uint RouterFlag = 1;

    private static readonly UTF8Encoding s_utf8 = new(false, throwOnInvalidBytes: true);

    private PackedFile(MoELayerSpec spec, ExpertPrecision precision, bool hasRouter, PackedSection[] sections, long dataOffset, long length)
    {
        Spec = spec;
        Precision = precision;
        HasRouter = hasRouter;
        Sections = sections;
        DataOffset = dataOffset;
        Length = length;
    }

    public MoELayerSpec Spec { get; }

    public ExpertPrecision Precision { get; }

    public bool HasRouter { get; }

    /// <summary>In the order of the file. Before it is written, without checksums and errors.</summary>
    public PackedSection[] Sections { get; }

    public long DataOffset { get; }

    public long Length { get; }

    private static ReadOnlySpan<byte> Magic => "MoEPackd"u8;

    /// <summary>Where everything of a layer goes.</summary>
    public static PackedFile Plan(MoELayerSpec spec, ExpertPrecision precision, bool hasRouter)
    {
        var lengths = Lengths(spec, precision, hasRouter).ToArray();
        Int128 at = Up(FixedBytes + Up(s_utf8.GetByteCount(spec.ToJson()), 8) + TableBytes * (Int128)lengths.Length, DataBoundary);
        long offset = (long)at;
        var sections = new PackedSection[lengths.Length];
        for (int i = 0; i < sections.Length; i++)
        {
            sections[i] = new PackedSection(checked((long)at), checked((long)lengths[i]), 0, default);
            at = Up(at + lengths[i], Boundary);
        }

        return new PackedFile(spec, precision, hasRouter, sections, offset, checked((long)at));
    }

    /// <summary>All bytes before the data.</summary>
    public byte[] Header()
    {
        byte[] spec = s_utf8.GetBytes(Spec.ToJson()), header = new byte[DataOffset];
        Magic.CopyTo(header);
        uint[] fields = [Version, Layout, (uint)Precision.Weights, (uint)Precision.Activations, HasRouter ? RouterFlag : 0, (uint)spec.Length, (uint)Sections.Length];
        for (int i = 0; i < fields.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8 + 4 * i), fields[i]);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(40), DataOffset);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(48), Length);
        spec.CopyTo(header, FixedBytes);
        for (int i = 0; i < Sections.Length; i++)
        {
            var entry = header.AsSpan(TableAt(spec.Length) + i * TableBytes);
            BinaryPrimitives.WriteUInt32LittleEndian(entry, Sections[i].Crc);
            BinaryPrimitives.WriteDoubleLittleEndian(entry[8..], Sections[i].Errors.Error);
            BinaryPrimitives.WriteDoubleLittleEndian(entry[16..], Sections[i].Errors.Norm);
            BinaryPrimitives.WriteDoubleLittleEndian(entry[24..], Sections[i].Errors.WorstRow);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(CrcAt), CrcOf(header));
        return header;
    }

    /// <summary>Reads and checks everything before the data, and the length of the file.</summary>
    /// <param name="start">The first bytes of the file: all of them, or as many as a span holds.</param>
    /// <param name="length">Length of the file.</param>
    /// <exception cref="InvalidDataException">Something does not hold.</exception>
    public static PackedFile Parse(ReadOnlySpan<byte> start, long length)
    {
        if (start.Length < FixedBytes) throw new InvalidDataException($"the file has {length} bytes; the header alone has {FixedBytes}");
        if (!start[..8].SequenceEqual(Magic)) throw new InvalidDataException("no packed layer: it does not begin with \"MoEPackd\"");
        uint version = Field(start, 8), layout = Field(start, 12), specBytes = Field(start, 28), sections = Field(start, 32), flags = Field(start, 24);
        if (version != Version) throw new InvalidDataException($"the file has version {version}; this library reads {Version}");
        if (layout != Layout) throw new InvalidDataException($"the weights are packed in layout {layout}; the kernels of this library and processor read {Layout}. Pack the layer again from its weights");
        if (!BitConverter.IsLittleEndian) throw new InvalidDataException("packed weights are little-endian; this processor is not. Pack the layer again from its weights");
        long dataOffset = BinaryPrimitives.ReadInt64LittleEndian(start[40..]), written = BinaryPrimitives.ReadInt64LittleEndian(start[48..]);
        if (written != length) throw new InvalidDataException($"the file has {length} bytes; was written with {written}");
        if (specBytes is 0 or > LargestSpec) throw new InvalidDataException($"the spec has {specBytes} bytes; must have 1..{LargestSpec}");
        Int128 expected = Up(TableAt((int)specBytes) + TableBytes * (Int128)sections, DataBoundary);
        if (dataOffset != expected || dataOffset > start.Length) throw new InvalidDataException($"data begin at {dataOffset}; must begin at {expected}, within the file");
        var header = start[..(int)dataOffset];
        uint crc = CrcOf(header);
        if (crc != Field(start, CrcAt)) throw new InvalidDataException("the checksum of the header does not match");
        if ((flags & ~RouterFlag) != 0) throw new InvalidDataException($"flags are {flags}; this library knows {RouterFlag}");
        MoELayerSpec spec;
        ExpertPrecision precision;
        try
        {
            precision = new ExpertPrecision((WeightFormat)Field(start, 16), (ActivationFormat)Field(start, 20)).Checked();
            spec = MoEFeedForward.Supported(MoELayerSpec.FromJson(s_utf8.GetString(header.Slice(FixedBytes, (int)specBytes))));
        }
        catch (Exception e) when (e is ArgumentException or InvalidDataException)
        {
            throw new InvalidDataException($"the layer cannot be: {e.Message}", e);
        }

        return Sectioned(header, spec, precision, (flags & RouterFlag) != 0, (int)specBytes, (int)sections, length);
    }

    private static PackedFile Sectioned(ReadOnlySpan<byte> header, MoELayerSpec spec, ExpertPrecision precision, bool hasRouter, int specBytes, int count, long length)
    {
        var sections = new List<PackedSection>(count);
        Int128 at = header.Length;
        foreach (var bytes in Lengths(spec, precision, hasRouter))
        {
            if (sections.Count == count || at + bytes > length) throw new InvalidDataException($"the layer needs more than the file's {count} sections and {length} bytes");
            var entry = header.Slice(TableAt(specBytes) + sections.Count * TableBytes, TableBytes);
            var errors = (BinaryPrimitives.ReadDoubleLittleEndian(entry[8..]), BinaryPrimitives.ReadDoubleLittleEndian(entry[16..]), BinaryPrimitives.ReadDoubleLittleEndian(entry[24..]));
            sections.Add(new PackedSection((long)at, (long)bytes, Field(entry, 0), errors));
            at = Up(at + bytes, Boundary);
        }

        if (sections.Count != count || at != length) throw new InvalidDataException($"the layer needs {sections.Count} sections and {at} bytes; the file has {count} and {length}");
        return new PackedFile(spec, precision, hasRouter, [.. sections], header.Length, length);
    }

    /// <summary>Bytes of every section, in order.</summary>
    private static IEnumerable<Int128> Lengths(MoELayerSpec spec, ExpertPrecision precision, bool hasRouter)
    {
        var expert = PackedExpert.Lengths(spec.Expert, precision.Weights, spec.Width, spec.Expert.Width);
        for (int i = 0; i < spec.FeedForwardExperts; i++)
        {
            foreach (var part in expert) yield return part;
        }

        if (spec.Shared is { } shared)
        {
            foreach (var part in PackedExpert.Lengths(spec.Expert, precision.Weights, spec.Width, shared.Width)) yield return part;
            if (shared.SigmoidGate) yield return sizeof(float) * (Int128)spec.Width;
        }

        if (!hasRouter) yield break;
        yield return PackedMatrix.LengthOf(WeightFormat.Single, spec.Width, spec.Router.Experts);
        if (spec.RouterBias) yield return sizeof(float) * (Int128)spec.Router.Experts;
        if (spec.Router.UsesSelectionBias) yield return sizeof(float) * (Int128)spec.Router.Experts;
    }

    private static int TableAt(int specBytes) => FixedBytes + (specBytes + 7) / 8 * 8;

    private static uint Field(ReadOnlySpan<byte> from, int at) => BinaryPrimitives.ReadUInt32LittleEndian(from[at..]);

    private static uint CrcOf(ReadOnlySpan<byte> header) => Crc32C.Of(header[(CrcAt + 4)..], Crc32C.Of(header[..CrcAt]));

    private static Int128 Up(Int128 value, int to) => (value + to - 1) / to * to;
}
