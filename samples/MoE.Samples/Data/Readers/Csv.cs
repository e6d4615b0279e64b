using System.Text;

namespace MoE.Samples.Data.Readers;

/// <summary>Reads lines of values between commas; a value in quotes may hold commas and doubled quotes (RFC 4180), but no line end.</summary>
public static class Csv
{
    /// <summary>The rows of a file, each with its line number from 1; blanks around values are taken off, empty lines left out.</summary>
    /// <param name="file">The file.</param>
    /// <param name="columns">How many values each row must have.</param>
    /// <exception cref="InvalidDataException">A row has another number of values, or an open quote.</exception>
    public static IEnumerable<(int Line, string[] Values)> Rows(Stream file, int columns)
    {
        using var reader = new StreamReader(file, Encoding.UTF8, detectEncodingFromByteOrderMarks: true, leaveOpen: true);
        for (int line = 1; reader.ReadLine() is { } text; line++)
        {
            if (text.Length == 0) continue;
            string[] values = text.Contains('"') ? Quoted(text, line) : text.Split(',', StringSplitOptions.TrimEntries);
            if (values.Length != columns) throw new InvalidDataException($"line {line} has {values.Length} values; must have {columns}");
            yield return (line, values);
        }
    }

    private static string[] Quoted(string text, int line)
    {
        var values = new List<string>();
        var value = new StringBuilder();
        bool inside = false;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == '"' && inside && i + 1 < text.Length && text[i + 1] == '"') value.Append(text[i++]);
            else if (c == '"') inside = !inside;
            else if (c == ',' && !inside)
            {
                values.Add(value.ToString().Trim());
                value.Clear();
            }
            else value.Append(c);
        }

        if (inside) throw new InvalidDataException($"line {line} has a quote that does not end");
        values.Add(value.ToString().Trim());
        return [.. values];
    }
}
