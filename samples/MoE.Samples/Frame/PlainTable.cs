using Spectre.Console;

namespace MoE.Samples.Frame;

/// <summary>Tables without lines, narrow enough for a terminal of 80 columns.</summary>
public static class PlainTable
{
    /// <summary>A table.</summary>
    /// <param name="first">Heading of the first column, which holds words.</param>
    /// <param name="others">Headings of the others, which hold numbers.</param>
    public static Table Make(string first, params IEnumerable<string> others)
    {
        var table = new Table().Border(TableBorder.None);
        table.AddColumn(new TableColumn(Heading(first)) { NoWrap = true });
        foreach (string name in others) table.AddColumn(new TableColumn(Heading(name)) { NoWrap = true, Alignment = Justify.Right });
        foreach (var column in table.Columns) column.Padding = new Padding(0, 0, column == table.Columns[^1] ? 0 : 2, 0);
        return table;
    }

    private static string Heading(string words) => $"[dim]{Markup.Escape(words)}[/]";
}
