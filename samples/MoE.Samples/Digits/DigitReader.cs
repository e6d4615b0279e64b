using System.IO.Compression;

namespace MoE.Samples.Digits;

/// <summary>Reads gzipped lines of 64 pixel counts (0..16) and a label (0..9). The file is not trusted: every length is checked before it is used.</summary>
public static class DigitReader
{
    private const int MaxImages = 20_000;
    private const int MaxLine = 65 * 3;
    private const int FullPixel = 16;

    /// <summary>Reads all images.</summary>
    /// <param name="stream">The gzipped file.</param>
    /// <exception cref="InvalidDataException">Not gzip, or a line is not what it must be; the message names the line.</exception>
    public static DigitImages Read(Stream stream)
    {
        var pixels = new List<float>();
        var labels = new List<int>();
        using var unzipped = new BufferedStream(new GZipStream(stream, CompressionMode.Decompress));
        Span<byte> line = stackalloc byte[MaxLine];
        while (NextLine(unzipped, line, labels.Count + 1) is { } length)
        {
            if (labels.Count == MaxImages) throw new InvalidDataException($"more than {MaxImages} lines");
            ReadLine(line[..length], labels.Count + 1, pixels, labels);
        }

        if (labels.Count == 0) throw new InvalidDataException("no lines");
        return new([.. pixels], [.. labels]);
    }

    // The next line without its end, or null at the end of the file.
    private static int? NextLine(Stream stream, Span<byte> line, int number)
    {
        for (int length = 0; ; length++)
        {
            int next = stream.ReadByte();
            if (next < 0) return length == 0 ? null : throw new InvalidDataException($"line {number} has no end: the file is cut off");
            if (next == '\n') return length > 0 && line[length - 1] == '\r' ? length - 1 : length;
            if (length == line.Length) throw new InvalidDataException($"line {number} is longer than {MaxLine} characters");
            line[length] = (byte)next;
        }
    }

    private static void ReadLine(ReadOnlySpan<byte> line, int number, List<float> pixels, List<int> labels)
    {
        int column = 0;
        foreach (var range in line.Split((byte)','))
        {
            var field = line[range];
            int limit = column < DigitImages.Size ? FullPixel : DigitImages.Classes - 1;
            int value = Value(field);
            if (column > DigitImages.Size) throw new InvalidDataException($"line {number} has more than {DigitImages.Size + 1} values");
            if (value < 0 || value > limit) throw new InvalidDataException($"line {number}, value {column + 1}: must be a whole number in 0..{limit}");
            if (column < DigitImages.Size) pixels.Add(value / (float)FullPixel);
            else labels.Add(value);
            column++;
        }

        if (column != DigitImages.Size + 1) throw new InvalidDataException($"line {number} has {column} values; must have {DigitImages.Size + 1}");
    }

    // One or two digits; -1 for anything else.
    private static int Value(ReadOnlySpan<byte> field) => field switch
    {
        [>= (byte)'0' and <= (byte)'9' and var ones] => ones - '0',
        [>= (byte)'1' and <= (byte)'9' and var tens, >= (byte)'0' and <= (byte)'9' and var ones] => (tens - '0') * 10 + ones - '0',
        _ => -1,
    };
}
