using System.Globalization;
using System.Text;

namespace MoE.Conformance.Runner;

/// <summary>What the run did: every row, and the table of peer, function and engine.</summary>
internal sealed class Report
{
    private static readonly string[] Header = ["peer", "function", "engine", "passed", "failed", "skipped", "values"];

    private readonly Lock _lock = new();
    private readonly List<(Row Row, RowResult Result)> _rows = [];

    public void Add(Row row, RowResult result)
    {
        lock (_lock) _rows.Add((row, result));
    }

    /// <summary>One line about a row.</summary>
    public static string Line(Row row, RowResult result) =>
        $"{result.Outcome.ToString().ToLowerInvariant()} {row.Name}: {result.Values.ToString(CultureInfo.InvariantCulture)} values compared{(result.Message is null ? "" : $"; {result.Message}")}";

    /// <summary>Every row, one line each.</summary>
    public string Rows()
    {
        lock (_lock) return string.Concat(_rows.Select(static r => Line(r.Row, r.Result) + "\n"));
    }

    /// <summary>The table, never cut, and the totals.</summary>
    public string Table()
    {
        lock (_lock)
        {
            var lines = _rows
                .GroupBy(static r => (Peer: r.Row.Golden?.Peer ?? "-", Function: r.Row.Golden?.Function ?? r.Row.Name, r.Row.Engine))
                .OrderBy(static g => g.Key.Peer, StringComparer.Ordinal).ThenBy(static g => g.Key.Function, StringComparer.Ordinal).ThenBy(static g => g.Key.Engine, StringComparer.Ordinal)
                .Select(static g => Cells(g.Key.Peer, g.Key.Function, g.Key.Engine, [.. g]))
                .Prepend(Header)
                .Append(Cells("total", "", "", _rows))
                .ToList();
            int[] widths = [.. Enumerable.Range(0, Header.Length).Select(c => lines.Max(l => l[c].Length))];
            var text = new StringBuilder("Conformance\n");
            foreach (string[] line in lines)
            {
                for (int c = 0; c < line.Length; c++)
                    text.Append(c == 0 ? "" : "  ").Append(c < 3 ? line[c].PadRight(widths[c]) : line[c].PadLeft(widths[c]));
                text.Append('\n');
            }

            return text.ToString();
        }
    }

    private static string[] Cells(string peer, string function, string engine, IReadOnlyList<(Row Row, RowResult Result)> rows) =>
    [
        peer,
        function,
        engine,
        Count(rows, Outcome.Passed),
        Count(rows, Outcome.Failed),
        Count(rows, Outcome.Skipped),
        rows.Sum(static r => r.Result.Values).ToString(CultureInfo.InvariantCulture),
    ];

    private static string Count(IReadOnlyList<(Row Row, RowResult Result)> rows, Outcome outcome) =>
        rows.Count(r => r.Result.Outcome == outcome).ToString(CultureInfo.InvariantCulture);
}
