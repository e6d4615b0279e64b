using System.Buffers.Binary;
using System.Text;

namespace MoE.Torch.Tests.Native;

/// <summary>
/// Builds the smallest ELF library that has what the loader reads. Addresses differ from file offsets by
/// <see cref="Base"/>, so that mixing the two up shows.
/// </summary>
internal sealed class SyntheticElf
{
    public const int Base = 0x1000;

    private readonly List<byte> _strings = [0];
    private readonly List<(ulong Tag, ulong Value)> _dynamic = [];
    private byte[] _image = [];

    /// <summary>What the library needs: one symbol per entry, at symbol index and version index position + 2.</summary>
    public List<(string Library, string Version, ushort Flags, bool Used)> Needs { get; } = [];

    public List<string> Offers { get; } = [];

    /// <summary>The dynamic tag of the relocation table: DT_RELA 7, DT_REL 17 or DT_JMPREL 23.</summary>
    public ulong RelocationTag { get; set; } = 7;

    /// <summary>Where things were put, for tests that damage them.</summary>
    public Dictionary<string, int> Offsets { get; } = [];

    public byte[] Build()
    {
        const int headers = 64 + 2 * 56;
        _image = new byte[headers];
        AddNeeds();
        AddOffers();
        AddRelocations();

        ulong names = Append("strings", [.. _strings]);
        _dynamic.AddRange([(5, names), (10, (ulong)_strings.Count), (0, 0)]);
        byte[] table = new byte[_dynamic.Count * 16];
        for (int i = 0; i < _dynamic.Count; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(table.AsSpan(i * 16), _dynamic[i].Tag);
            BinaryPrimitives.WriteUInt64LittleEndian(table.AsSpan(i * 16 + 8), _dynamic[i].Value);
        }
        Append("dynamic", table);

        "\u007fELF"u8.CopyTo(_image);
        _image[4] = 2;
        _image[5] = 1;
        U64(32, 64);
        U16(54, 56);
        U16(56, 2);
        Segment(64, type: 1, offset: 0, size: (ulong)_image.Length);
        Segment(64 + 56, type: 2, offset: (ulong)Offsets["dynamic"], size: (ulong)table.Length);
        return _image;
    }

    private void AddNeeds()
    {
        if (Needs.Count == 0)
            return;
        // One need with one version each: a valid, if wordy, encoding.
        byte[] table = new byte[Needs.Count * 32];
        for (int i = 0; i < Needs.Count; i++)
        {
            var entry = table.AsSpan(i * 32, 32);
            BinaryPrimitives.WriteUInt16LittleEndian(entry, 1);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], 1);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], Name(Needs[i].Library));
            BinaryPrimitives.WriteUInt32LittleEndian(entry[8..], 16);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[12..], i == Needs.Count - 1 ? 0u : 32u);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[20..], Needs[i].Flags);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[22..], (ushort)(i + 2));
            BinaryPrimitives.WriteUInt32LittleEndian(entry[24..], Name(Needs[i].Version));
        }
        _dynamic.AddRange([(0x6ffffffe, Append("needs", table)), (0x6fffffff, (ulong)Needs.Count)]);
        _dynamic.AddRange(Needs.Select(need => need.Library).Distinct().Select(library => (1ul, (ulong)Name(library))));

        byte[] versions = new byte[(Needs.Count + 2) * 2];
        for (int i = 0; i < Needs.Count; i++)
            BinaryPrimitives.WriteUInt16LittleEndian(versions.AsSpan((i + 2) * 2), (ushort)(0x8000 | i + 2));
        _dynamic.Add((0x6ffffff0, Append("versions", versions)));
    }

    private void AddOffers()
    {
        if (Offers.Count == 0)
            return;
        byte[] table = new byte[Offers.Count * 28];
        for (int i = 0; i < Offers.Count; i++)
        {
            var entry = table.AsSpan(i * 28, 28);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[6..], 1);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[12..], 20);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[16..], i == Offers.Count - 1 ? 0u : 28u);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[20..], Name(Offers[i]));
        }
        _dynamic.AddRange([(0x6ffffffc, Append("offers", table)), (0x6ffffffd, (ulong)Offers.Count)]);
    }

    private void AddRelocations()
    {
        int size = RelocationTag == 17 ? 16 : 24;
        // The first one refers to no symbol, as relative relocations do.
        int[] symbols = [0, .. Enumerable.Range(0, Needs.Count).Where(i => Needs[i].Used).Select(i => i + 2)];
        byte[] table = new byte[symbols.Length * size];
        for (int i = 0; i < symbols.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(table.AsSpan(i * size + 8), (ulong)symbols[i] << 32 | 6);
        ulong address = Append("relocations", table);
        _dynamic.Add((RelocationTag, address));
        _dynamic.Add((RelocationTag switch { 7 => 8ul, 17 => 18ul, _ => 2ul }, (ulong)table.Length));
        if (RelocationTag == 23)
            _dynamic.Add((20, 7));
    }

    private ulong Append(string name, byte[] bytes)
    {
        Offsets[name] = _image.Length;
        _image = [.. _image, .. bytes];
        return (ulong)(Offsets[name] + Base);
    }

    private uint Name(string text)
    {
        uint at = (uint)_strings.Count;
        _strings.AddRange([.. Encoding.ASCII.GetBytes(text), 0]);
        return at;
    }

    private void Segment(int at, uint type, ulong offset, ulong size)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_image.AsSpan(at), type);
        U64(at + 8, offset);
        U64(at + 16, offset + Base);
        U64(at + 32, size);
    }

    private void U16(int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(_image.AsSpan(at), value);

    private void U64(int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(_image.AsSpan(at), value);
}
