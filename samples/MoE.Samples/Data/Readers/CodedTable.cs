using System.Globalization;

namespace MoE.Samples.Data.Readers;

/// <summary>A table of words and numbers, each column as codes into its words, in the order of their first row.</summary>
public sealed class CodedTable
{
    private readonly List<int>[] _codes;
    private readonly Dictionary<string, int>[] _known;
    private readonly List<string>[] _words;

    private CodedTable(int columns)
    {
        _codes = [.. Enumerable.Range(0, columns).Select(static _ => new List<int>())];
        _known = [.. Enumerable.Range(0, columns).Select(static _ => new Dictionary<string, int>())];
        _words = [.. Enumerable.Range(0, columns).Select(static _ => new List<string>())];
    }

    /// <summary>Number of columns.</summary>
    public int Columns => _codes.Length;

    /// <summary>Number of rows.</summary>
    public int Rows => _codes[0].Count;

    /// <summary>Reads one.</summary>
    /// <param name="file">Lines of values between commas.</param>
    /// <param name="columns">Values per row.</param>
    /// <param name="header">True if the first line holds names.</param>
    /// <exception cref="InvalidDataException">A row has another number of values, or there is none.</exception>
    public static CodedTable Read(Stream file, int columns, bool header)
    {
        var table = new CodedTable(columns);
        foreach (var (_, values) in Csv.Rows(file, columns).Skip(header ? 1 : 0)) table.Add(values);
        return table.Rows > 0 ? table : throw new InvalidDataException("holds no rows");
    }

    /// <summary>The code of every row in a column.</summary>
    public IReadOnlyList<int> Codes(int column) => _codes[column];

    /// <summary>The words of a column, by code.</summary>
    public IReadOnlyList<string> Words(int column) => _words[column];

    /// <summary>For every row, whether its word fulfils something.</summary>
    public bool[] Where(int column, Func<string, bool> of)
    {
        bool[] holds = [.. _words[column].Select(of)];
        return [.. _codes[column].Select(code => holds[code])];
    }

    /// <summary>A column as numbers.</summary>
    /// <exception cref="InvalidDataException">A word is not a finite number.</exception>
    public double[] Numbers(int column)
    {
        double[] numbers = [.. _words[column].Select(word => double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)
            ? number : throw new InvalidDataException($"column {column} holds {word}; must hold numbers"))];
        return [.. _codes[column].Select(code => numbers[code])];
    }

    private void Add(string[] values)
    {
        for (int c = 0; c < values.Length; c++)
        {
            if (!_known[c].TryGetValue(values[c], out int code))
            {
                _known[c].Add(values[c], code = _words[c].Count);
                _words[c].Add(values[c]);
            }

            _codes[c].Add(code);
        }
    }
}
