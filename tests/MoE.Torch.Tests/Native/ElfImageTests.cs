using System.Buffers.Binary;
using MoE.Torch.Native;

namespace MoE.Torch.Tests.Native;

public class ElfImageTests
{
    private static SyntheticElf Sample(ulong relocationTag = 7) => new()
    {
        Needs = { ("libstdc++.so.6", "GLIBCXX_3.4.30", 0, true), ("libstdc++.so.6", "GLIBCXX_3.4.32", 0, false), ("libc.so.6", "GLIBC_2.34", 2, true) },
        Offers = { "libsample.so", "SAMPLE_1.0" },
        RelocationTag = relocationTag,
    };

    [Fact]
    public void Reads_what_was_written()
    {
        var image = ElfImage.Parse(Sample().Build(), "sample");

        Assert.Equal(["libstdc++.so.6", "libc.so.6"], image.Needed);
        Assert.Equal(["GLIBCXX_3.4.30", "GLIBCXX_3.4.32", "GLIBC_2.34"], image.VersionNeeds.Select(need => need.Version));
        Assert.Equal([0, 0, 2], image.VersionNeeds.Select(need => (int)need.Flags));
        Assert.Equal(["SAMPLE_1.0", "libsample.so"], image.OfferedVersions.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(7)]
    [InlineData(17)]
    [InlineData(23)]
    public void Tells_used_versions_from_unused_ones_in_every_kind_of_relocation_table(ulong tag)
    {
        var image = ElfImage.Parse(Sample(tag).Build(), "sample");

        Assert.Equal([true, false, true], image.VersionNeeds.Select(need => image.IsUsed(need.Index)));
    }

    [Fact]
    public void Refuses_every_truncation()
    {
        byte[] file = Sample().Build();
        for (int length = 0; length < file.Length; length++)
            Assert.Throws<InvalidDataException>(() => ElfImage.Parse(file.AsMemory(0, length), "sample"));
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(1UL)]
    [InlineData(15UL)]
    [InlineData(0x1001UL)]
    [InlineData(0xffffUL)]
    [InlineData(0x7fffffffUL)]
    [InlineData(0xffffffffUL)]
    [InlineData(0x7fffffffffffffffUL)]
    [InlineData(0xffffffffffffffffUL)]
    [InlineData(0xfffffffffffff000UL)]
    public void Survives_any_field_of_any_width_being_replaced(ulong value)
    {
        byte[] good = Sample().Build();
        byte[] wide = BitConverter.GetBytes(value);
        foreach (int width in (int[])[1, 2, 4, 8])
            for (int at = 0; at + width <= good.Length; at++)
            {
                byte[] file = [.. good];
                wide.AsSpan(0, width).CopyTo(file.AsSpan(at));
                try
                {
                    var image = ElfImage.Parse(file, "sample");
                    foreach (var need in image.VersionNeeds)
                    {
                        Assert.InRange(need.FlagsOffset, 64, file.Length - 2);
                        image.IsUsed(need.Index);
                    }
                }
                catch (InvalidDataException e)
                {
                    Assert.StartsWith("sample is not a usable ELF library: ", e.Message);
                }
            }
    }

    [Theory]
    [InlineData("needs", 8, 1u, "overlap")]
    [InlineData("needs", 12, 15u, "overlap")]
    [InlineData("needs", 12, 0x7ffffff0u, "outside the loaded file")]
    [InlineData("needs", 4, 0xffffffu, "outside the string table")]
    [InlineData("offers", 12, 4u, "overlap")]
    [InlineData("offers", 20, 0xffffffu, "outside the string table")]
    public void Names_what_is_wrong(string part, int offset, uint value, string message)
    {
        var elf = Sample();
        byte[] file = elf.Build();
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(elf.Offsets[part] + offset), value);

        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => ElfImage.Parse(file, "sample")).Message);
    }

    [Theory]
    [InlineData(0x6fffffffUL, 0x10000001UL, "entries of kind")]
    [InlineData(5UL, 0xfffffffffffffff0UL, "overflows")]
    [InlineData(10UL, 0x100000UL, "outside the loaded file")]
    public void Names_what_is_wrong_in_the_dynamic_section(ulong tag, ulong value, string message)
    {
        var elf = Sample();
        byte[] file = elf.Build();
        int at = elf.Offsets["dynamic"];
        while (BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at)) != tag)
            at += 16;
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(at + 8), value);

        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => ElfImage.Parse(file, "sample")).Message);
    }

    [Fact]
    public void Version_needs_that_lie_in_the_dynamic_section_are_refused()
    {
        var elf = Sample();
        byte[] file = elf.Build();
        int needs = elf.Offsets["needs"], distance = elf.Offsets["dynamic"] - needs;
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(needs + 8), (uint)distance);

        Assert.Contains("overlap its headers", Assert.Throws<InvalidDataException>(() => ElfImage.Parse(file, "sample")).Message);
    }

    [Fact]
    public void Other_kinds_of_files_are_refused()
    {
        Assert.Throws<InvalidDataException>(() => ElfImage.Parse(File.ReadAllBytes(typeof(ElfImage).Assembly.Location), "MoE.Torch.dll"));
        byte[] file = Sample().Build();
        file[4] = 1;
        Assert.Contains("64-bit", Assert.Throws<InvalidDataException>(() => ElfImage.Parse(file, "sample")).Message);
    }
}
