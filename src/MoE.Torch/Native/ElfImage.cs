using System.Buffers.Binary;
using System.Text;

namespace MoE.Torch.Native;

/// <summary>One version that a library needs of another one (an entry of <c>.gnu.version_r</c>).</summary>
/// <param name="Library">The file name of the library that must offer the version, such as <c>libstdc++.so.6</c>.</param>
/// <param name="Version">The version's name, such as <c>GLIBCXX_3.4.32</c>.</param>
/// <param name="Index">The index by which the symbol version table refers to this need.</param>
/// <param name="Flags">The entry's flags; <see cref="ElfImage.WeakFlag"/> is one of them.</param>
/// <param name="FlagsOffset">Where in the file the 16-bit flags lie.</param>
internal readonly record struct ElfVersionNeed(string Library, string Version, ushort Index, ushort Flags, int FlagsOffset);

/// <summary>
/// Reads from a 64-bit little-endian ELF shared library what the dynamic linker looks at before it accepts the library:
/// needed libraries, needed and offered symbol versions, relocations. The file is not trusted: every offset and count is
/// checked, and anything out of place is an <see cref="InvalidDataException"/>.
/// </summary>
internal sealed class ElfImage
{
    /// <summary>VER_FLG_WEAK: the dynamic linker accepts the library although nobody offers the version.</summary>
    public const ushort WeakFlag = 2;

    // More entries than any real library has; a bound on the work that a made-up file can cause.
    private const int MaxEntries = 1 << 16, MaxName = 4096;
    private const int HeaderSize = 64, SegmentSize = 56, DynamicSize = 16, NeedSize = 16, DefinitionSize = 20;

    private readonly ReadOnlyMemory<byte> _file;
    private readonly string _name;
    private readonly List<(ulong Address, ulong Size, ulong Offset)> _segments = [];
    private readonly Dictionary<long, ulong> _dynamic = [];
    private readonly List<ulong> _neededNames = [];
    private int _dynamicStart, _dynamicEnd;

    private ElfImage(ReadOnlyMemory<byte> file, string name)
    {
        _file = file;
        _name = name;
        ReadHeader();
        Needed = [.. _neededNames.Select(ReadString)];
        VersionNeeds = ReadVersionNeeds();
        OfferedVersions = ReadOfferedVersions();
    }

    private enum Tag : long
    {
        Null = 0, Needed = 1, PltRelSize = 2, StringTable = 5, Rela = 7, RelaSize = 8, StringTableSize = 10, Rel = 17,
        RelSize = 18, PltRelKind = 20, JumpRel = 23,
        VersionSymbols = 0x6ffffff0, VersionDefinitions = 0x6ffffffc, VersionDefinitionCount = 0x6ffffffd,
        VersionNeeds = 0x6ffffffe, VersionNeedCount = 0x6fffffff,
    }

    /// <summary>The file names of the libraries that this one needs, in its order.</summary>
    public IReadOnlyList<string> Needed { get; }

    /// <summary>The versions that this library needs of others.</summary>
    public IReadOnlyList<ElfVersionNeed> VersionNeeds { get; }

    /// <summary>The versions that this library offers to others.</summary>
    public IReadOnlySet<string> OfferedVersions { get; }

    /// <summary>Reads an image.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="name">The name used in messages.</param>
    /// <exception cref="InvalidDataException">The file is not a well-formed 64-bit little-endian ELF library.</exception>
    public static ElfImage Parse(ReadOnlyMemory<byte> file, string name) => new(file, name);

    /// <summary>Whether a relocation refers to a symbol of the version with this index: then the code really uses it.</summary>
    public bool IsUsed(ushort versionIndex)
    {
        if (!_dynamic.TryGetValue((long)Tag.VersionSymbols, out ulong versions))
            return false;
        bool pltHasAddends = _dynamic.GetValueOrDefault((long)Tag.PltRelKind, (ulong)Tag.Rela) == (ulong)Tag.Rela;
        return AnyRelocation(Tag.Rela, Tag.RelaSize, addends: true)
            || AnyRelocation(Tag.Rel, Tag.RelSize, addends: false)
            || AnyRelocation(Tag.JumpRel, Tag.PltRelSize, pltHasAddends);

        bool AnyRelocation(Tag table, Tag size, bool addends)
        {
            if (!_dynamic.TryGetValue((long)table, out ulong address))
                return false;
            ulong bytes = _dynamic.GetValueOrDefault((long)size);
            int entry = addends ? 24 : 16;
            if (bytes % (ulong)entry != 0)
                throw Bad($"a relocation table of {bytes} bytes does not hold whole entries of {entry}");
            int start = OffsetOf(address, bytes, "relocation table");
            for (int at = start; at < start + (int)bytes; at += entry)
            {
                ulong symbol = U64(at + 8) >> 32;
                // Bit 15 marks a hidden symbol and is no part of the index.
                if (symbol != 0 && (U16(OffsetOf(Add(versions, symbol * 2), 2, "symbol version")) & 0x7fff) == versionIndex)
                    return true;
            }
            return false;
        }
    }

    private void ReadHeader()
    {
        ReadOnlySpan<byte> bytes = _file.Span;
        if (bytes.Length < HeaderSize || !bytes[..4].SequenceEqual("\u007fELF"u8))
            throw Bad("it does not start with an ELF header");
        if (bytes[4] != 2 || bytes[5] != 1)
            throw Bad("it is not 64-bit little-endian");

        ulong table = U64(32);
        int entry = U16(54), count = U16(56);
        if (entry != SegmentSize)
            throw Bad($"its program headers have {entry} bytes instead of {SegmentSize}");
        int start = Within(table, (ulong)count * SegmentSize, "program header table");

        ulong previousEnd = 0;
        bool found = false;
        for (int at = start; at < start + count * SegmentSize; at += SegmentSize)
        {
            ulong offset = U64(at + 8), address = U64(at + 16), size = U64(at + 32);
            switch (BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]))
            {
                case 1: // PT_LOAD
                    Within(offset, size, "loadable segment");
                    if (address < previousEnd)
                        throw Bad("its loadable segments overlap or are out of order");
                    previousEnd = Add(address, size);
                    _segments.Add((address, size, offset));
                    break;
                case 2: // PT_DYNAMIC
                    if (found)
                        throw Bad("it has two dynamic sections");
                    found = true;
                    _dynamicStart = Within(offset, size, "dynamic section");
                    _dynamicEnd = _dynamicStart + (int)size;
                    break;
            }
        }
        if (!found)
            throw Bad("it has no dynamic section");
        ReadDynamic();
    }

    private void ReadDynamic()
    {
        for (int at = _dynamicStart; at + DynamicSize <= _dynamicEnd; at += DynamicSize)
        {
            var tag = (Tag)U64(at);
            ulong value = U64(at + 8);
            if (tag == Tag.Null)
                return;
            if (tag != Tag.Needed)
                _dynamic[(long)tag] = value;
            else if (_neededNames.Count < MaxEntries)
                _neededNames.Add(value);
            else
                throw Bad("it needs too many libraries");
        }
        throw Bad("its dynamic section has no end");
    }

    private List<ElfVersionNeed> ReadVersionNeeds()
    {
        List<ElfVersionNeed> needs = [];
        ForEachEntry(Tag.VersionNeeds, Tag.VersionNeedCount, NeedSize, "version need", nextField: 12, (address, at) =>
        {
            string library = ReadString(U32(at + 4));
            int count = U16(at + 2);
            ForEachLink(Add(address, Link(U32(at + 8), NeedSize, "version need")), (ulong)count, NeedSize, "needed version", nextField: 12,
                (_, aux) =>
                {
                    if (needs.Count == MaxEntries)
                        throw Bad("it needs too many versions");
                    if (aux + NeedSize > _dynamicStart && aux < _dynamicEnd || aux < HeaderSize)
                        throw Bad("its version needs overlap its headers");
                    needs.Add(new(library, ReadString(U32(aux + 8)), U16(aux + 6), U16(aux + 4), aux + 4));
                });
        });
        return needs;
    }

    private HashSet<string> ReadOfferedVersions()
    {
        HashSet<string> offered = [];
        // Only the first name of a definition is the version; the others are the versions that it inherits from.
        ForEachEntry(Tag.VersionDefinitions, Tag.VersionDefinitionCount, DefinitionSize, "version definition", nextField: 16, (address, at) =>
        {
            ulong aux = Add(address, Link(U32(at + 12), DefinitionSize, "version definition"));
            offered.Add(ReadString(U32(OffsetOf(aux, 8, "version definition"))));
        });
        return offered;
    }

    private void ForEachEntry(Tag table, Tag count, int size, string what, int nextField, Action<ulong, int> visit)
    {
        if (_dynamic.TryGetValue((long)table, out ulong address))
            ForEachLink(address, _dynamic.GetValueOrDefault((long)count), size, what, nextField, visit);
    }

    private void ForEachLink(ulong address, ulong count, int size, string what, int nextField, Action<ulong, int> visit)
    {
        if (count > MaxEntries)
            throw Bad($"it has {count} entries of kind {what}");
        for (ulong i = 0; i < count; i++)
        {
            int at = OffsetOf(address, (ulong)size, what);
            visit(address, at);
            uint next = U32(at + nextField);
            if (next == 0)
                return;
            address = Add(address, Link(next, size, what));
        }
    }

    // Entries are linked by distance; one shorter than an entry would make two entries overlap.
    private uint Link(uint distance, int size, string what)
        => distance >= size ? distance : throw Bad($"two entries of kind {what} overlap");

    private string ReadString(ulong index)
    {
        if (!_dynamic.TryGetValue((long)Tag.StringTable, out ulong table))
            throw Bad("it has no string table");
        ulong size = _dynamic.GetValueOrDefault((long)Tag.StringTableSize);
        int start = OffsetOf(table, size, "string table");
        if (index >= size)
            throw Bad("a name lies outside the string table");
        int from = start + (int)index;
        ReadOnlySpan<byte> tail = _file.Span[from..Math.Min(start + (int)size, from + MaxName)];
        int length = tail.IndexOf((byte)0);
        return length >= 0 ? Encoding.Latin1.GetString(tail[..length]) : throw Bad("a name has no end");
    }

    private int OffsetOf(ulong address, ulong size, string what)
    {
        ulong end = Add(address, size);
        foreach (var segment in _segments)
            if (address >= segment.Address && end <= segment.Address + segment.Size)
                return (int)(segment.Offset + (address - segment.Address));
        throw Bad($"a {what} lies outside the loaded file");
    }

    private int Within(ulong offset, ulong size, string what)
        => Add(offset, size) <= (ulong)_file.Length ? (int)offset : throw Bad($"a {what} lies outside the file");

    private ulong Add(ulong a, ulong b)
        => a <= ulong.MaxValue - b ? a + b : throw Bad("an address overflows");

    private ushort U16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(_file.Span[at..]);

    private uint U32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(_file.Span[at..]);

    private ulong U64(int at) => BinaryPrimitives.ReadUInt64LittleEndian(_file.Span[at..]);

    private InvalidDataException Bad(string what) => new($"{_name} is not a usable ELF library: {what}.");
}
