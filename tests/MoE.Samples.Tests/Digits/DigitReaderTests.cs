using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using MoE.Samples.Data;
using MoE.Samples.Digits;

namespace MoE.Samples.Tests.Digits;

public sealed class DigitReaderTests
{
    private static readonly string Good = string.Join(',', Enumerable.Range(0, 64).Select(static p => p % 17)) + ",7\n";

    [Fact]
    public void The_built_in_digits_are_the_1797_of_the_package()
    {
        var images = DigitImages.Load(new DataFolders(Path.GetTempPath()));
        Assert.Equal(1797, images.Count);
        Assert.Equal(1797 * 64, images.Pixels.Length);
        // Counts per digit of the UCI test part, as its documentation (optdigits.names) gives them.
        Assert.Equal([178, 182, 177, 183, 181, 182, 181, 179, 174, 180], Enumerable.Range(0, 10).Select(d => images.Labels.Count(l => l == d)));
        Assert.Equal(0f, images.Pixels.Min());
        Assert.Equal(1f, images.Pixels.Max());
        // The first line of the file: 0,0,5,13,9,1,0,0,... label 0.
        Assert.Equal([0, 0, 5 / 16f, 13 / 16f, 9 / 16f, 1 / 16f, 0, 0], images.Pixels[..8]);
        Assert.Equal(0, images.Labels[0]);
    }

    [Fact]
    public void The_built_in_file_has_the_hash_of_the_notices()
    {
        using var file = DataCatalogue.Digits.Open!();
        Assert.Equal(DataCatalogue.Digits.Files[0].Sha256, Convert.ToHexStringLower(SHA256.HashData(file)));
    }

    [Fact]
    public void A_line_becomes_pixels_and_a_label()
    {
        var images = DigitReader.Read(Zip(Good + Good.Replace("\n", "\r\n")));
        Assert.Equal([7, 7], images.Labels);
        Assert.Equal(16 / 16f, images.Pixels[16]);
        Assert.Equal(images.Pixels[..64], images.Pixels[64..]);
    }

    public static TheoryData<string, string, string> Bad => new()
    {
        { "empty", "", "no lines" },
        { "an empty line", "\n", "line 1" },
        { "no end of line", Good.TrimEnd(), "line 1 has no end" },
        { "64 values", Good[2..], "line 1 has 64 values" },
        { "66 values", Good.TrimEnd() + ",1\n", "line 1 has more than 65" },
        { "pixel 17", "17" + Good[1..], "line 1, value 1: must be a whole number in 0..16" },
        { "label 10", Good.TrimEnd() + "0\n", "line 1, value 65: must be a whole number in 0..9" },
        { "minus", "-1" + Good[1..], "value 1" },
        { "a fraction", "1.5" + Good[1..], "value 1" },
        { "an empty value", Good[1..], "value 1" },
        { "a blank", " 0" + Good[1..], "value 1" },
        { "leading zero", "00" + Good[1..], "value 1" },
        { "letters", "NaN" + Good[1..], "value 1" },
        { "second line bad", Good + "x\n", "line 2" },
        { "no ends at all", new string('1', 100_000), "line 1 is longer" },
        { "a mark at the start", "\uFEFF" + Good, "value 1" },
    };

    [Theory, MemberData(nameof(Bad))]
    public void A_bad_line_is_refused_by_number(string name, string text, string expected)
    {
        var e = Assert.Throws<InvalidDataException>(() => DigitReader.Read(Zip(text)));
        Assert.True(e.Message.Contains(expected, StringComparison.Ordinal), $"{name}: {e.Message}");
    }

    [Fact]
    public void More_lines_than_any_set_of_digits_has_are_refused()
    {
        var e = Assert.Throws<InvalidDataException>(() => DigitReader.Read(Zip(string.Concat(Enumerable.Repeat(Good, 20_001)))));
        Assert.Contains("20000", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_are_no_gzip_are_refused()
    {
        foreach (byte[] bytes in new byte[][] { [], [1, 2, 3], Encoding.ASCII.GetBytes(Good), [0x1f, 0x8b, 8, 0, 0, 0, 0, 0] })
            Assert.Throws<InvalidDataException>(() => DigitReader.Read(new MemoryStream(bytes)));
    }

    [Fact]
    public void A_cut_or_changed_file_is_refused_or_read_but_never_worse()
    {
        byte[] file = Zip(string.Concat(Enumerable.Repeat(Good, 50))).ToArray();
        var random = new Random(1);
        for (int i = 0; i < 500; i++)
        {
            byte[] changed = i % 2 == 0 ? file[..random.Next(file.Length)] : [.. file];
            if (i % 2 == 1) changed[random.Next(changed.Length)] ^= (byte)(1 << random.Next(8));
            try
            {
                var images = DigitReader.Read(new MemoryStream(changed));
                Assert.All(images.Labels, static l => Assert.InRange(l, 0, 9));
                Assert.All(images.Pixels, static p => Assert.InRange(p, 0, 1));
            }
            catch (InvalidDataException)
            {
            }
        }
    }

    [Fact]
    public void A_damaged_file_in_the_data_folder_is_named()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("digits", "digits.csv.gz");
        File.WriteAllText(path, "junk");
        var e = Assert.Throws<InvalidDataException>(() => DigitImages.Load(new DataFolders(folder.Path)));
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_data_folder_wins_over_what_is_built_in()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("digits", "digits.csv.gz"), Zip(Good).ToArray());
        Assert.Equal(1, DigitImages.Load(new DataFolders(folder.Path)).Count);
    }

    private static MemoryStream Zip(string text)
    {
        var bytes = new MemoryStream();
        using (var zip = new GZipStream(bytes, CompressionLevel.Fastest, leaveOpen: true)) zip.Write(Encoding.UTF8.GetBytes(text));
        bytes.Position = 0;
        return bytes;
    }
}
