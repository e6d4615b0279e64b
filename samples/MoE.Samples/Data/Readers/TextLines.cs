using System.Text;

namespace MoE.Samples.Data.Readers;

/// <summary>Reads text by lines. Files are not trusted: the length of a line and the number of lines are bounded before anything is kept.</summary>
public static class TextLines
{
    /// <summary>The lines of a UTF-8 text.</summary>
    /// <param name="stream">The text.</param>
    /// <param name="maxLines">More are refused.</param>
    /// <param name="maxLength">Longer lines are refused, in characters.</param>
    /// <exception cref="InvalidDataException">Not UTF-8, or beyond a limit; the message names the line.</exception>
    public static IEnumerable<string> Read(Stream stream, int maxLines, int maxLength)
    {
        using var reader = new StreamReader(stream, new UTF8Encoding(false, throwOnInvalidBytes: true));
        var line = new StringBuilder();
        var buffer = new char[4096];
        int number = 1;
        for (int read; (read = Fill(reader, buffer, number)) > 0;)
        {
            for (int start = 0; start < read;)
            {
                int end = Array.IndexOf(buffer, '\n', start, read - start);
                int stop = end < 0 ? read : end;
                if (line.Length + stop - start > maxLength + 1) throw new InvalidDataException($"line {number} is longer than {maxLength} characters");
                line.Append(buffer, start, stop - start);
                start = stop + 1;
                if (end < 0) continue;
                yield return Take(line, number++, maxLines);
            }
        }

        if (line.Length > 0) yield return Take(line, number, maxLines);
    }

    private static string Take(StringBuilder line, int number, int maxLines)
    {
        if (number > maxLines) throw new InvalidDataException($"more than {maxLines} lines");
        if (line.Length > 0 && line[^1] == '\r') line.Length--;
        string text = line.ToString();
        line.Clear();
        return text;
    }

    private static int Fill(StreamReader reader, char[] buffer, int number)
    {
        try
        {
            return reader.Read(buffer, 0, buffer.Length);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException($"near line {number}: not UTF-8", e);
        }
    }
}
