using System.Text;
using MoE.Samples.Data.Readers;

namespace MoE.Samples.Tests.Data;

public sealed class ReaderTests
{
    [Fact]
    public void Idx_is_read_with_its_shape()
    {
        var (shape, values) = Idx.Bytes(new MemoryStream([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255]), 2);
        Assert.Equal([2, 3], shape);
        Assert.Equal([1, 2, 3, 4, 5, 255], values);
        Assert.Equal([258, -1], Idx.Shorts(new MemoryStream([0, 0, 11, 1, 0, 0, 0, 2, 1, 2, 255, 255]), 1).Values);
    }

    [Theory]
    [InlineData("", "ends after 0 of 8")]
    [InlineData("0000080200000001", "begins with 00000802")]
    [InlineData("0000080100000002aa", "ends after 1 of 2")]
    [InlineData("0000080100000001aabb", "goes on")]
    [InlineData("00000801ffffffff", "more than")]
    [InlineData("000008017fffffff", "more than")]
    public void Damaged_idx_is_refused(string bytes, string expected) =>
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => Idx.Bytes(new MemoryStream(Convert.FromHexString(bytes)), 1)).Message, StringComparison.Ordinal);

    [Fact]
    public void Csv_keeps_commas_and_quotes_in_quotes()
    {
        var rows = Csv.Rows(Text("a,b\n\n \"x, \"\"y\"\"\", z \n"), 2).ToList();
        Assert.Equal([1, 3], rows.Select(static r => r.Line));
        Assert.Equal(["x, \"y\"", "z"], rows[1].Values);
    }

    [Theory]
    [InlineData("a,b,c", "line 1 has 3 values")]
    [InlineData("a,b\n\"a,b", "line 2 has a quote")]
    public void Damaged_csv_is_refused(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => Csv.Rows(Text(text), 2).ToList()).Message, StringComparison.Ordinal);

    [Fact]
    public void A_table_has_codes_numbers_and_conditions()
    {
        var table = CodedTable.Read(Text("n,w\n1, a\n2.5, b\n1, b\n"), 2, header: true);
        Assert.Equal(3, table.Rows);
        Assert.Equal([0, 1, 1], table.Codes(1));
        Assert.Equal([1, 2.5, 1], table.Numbers(0));
        Assert.Equal([false, true, true], table.Where(1, static w => w == "b"));
        Assert.Throws<InvalidDataException>(() => table.Numbers(1));
        Assert.Throws<InvalidDataException>(() => CodedTable.Read(Text("n,w\n"), 2, header: true));
    }

    private static MemoryStream Text(string text) => new(Encoding.UTF8.GetBytes(text));
}
