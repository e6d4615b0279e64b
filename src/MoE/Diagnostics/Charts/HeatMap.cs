using System.Globalization;
using System.Xml.Linq;

namespace MoE.Diagnostics;

/// <summary>A matrix as coloured cells: large ones with their values, small ones with the values as tips only.</summary>
internal static class HeatMap
{
    private const double Cell = 46, Height = 34, Left = 84, Top = 28, Gap = 2, Widest = 760, Tallest = 480;
    private const int Large = 16, LongestName = 28;

    /// <summary>Draws shares with their percentages.</summary>
    /// <param name="rows">Names of the rows.</param>
    /// <param name="columns">Names of the columns.</param>
    /// <param name="shares">[rows, columns], each 0..1.</param>
    /// <param name="label">What it shows.</param>
    public static XElement Draw(IReadOnlyList<string> rows, IReadOnlyList<string> columns, double[,] shares, string label) =>
        Draw(rows, columns, shares, label, 0.01, static share => Words($"{100 * share:0.0} %"), static share => share >= 0.005 ? Words($"{100 * share:0}") : "");

    /// <summary>Draws any values that are not negative; NaN leaves a cell out.</summary>
    /// <param name="rows">Names of the rows.</param>
    /// <param name="columns">Names of the columns.</param>
    /// <param name="values">[rows, columns].</param>
    /// <param name="label">What it shows.</param>
    /// <param name="least">The scale reaches at least this value.</param>
    /// <param name="tip">What a pointer over a cell shows.</param>
    /// <param name="inside">What stands in a large cell.</param>
    public static XElement Draw(IReadOnlyList<string> rows, IReadOnlyList<string> columns, double[,] values, string label, double least, Func<double, string> tip, Func<double, string> inside)
    {
        var content = new List<object>();
        double most = values.Cast<double>().Where(static v => !double.IsNaN(v)).Append(least).Max();
        bool large = columns.Count <= Large && rows.Count <= Large;
        double cell = large ? Cell : Math.Clamp(Widest / columns.Count, 4, Cell), height = large ? Height : Math.Clamp(Tallest / rows.Count, 8, Height), gap = large ? Gap : Math.Min(1, cell / 8);
        double left = Math.Max(Left, rows.Select(static r => 8.0 * Math.Min(r.Length, LongestName)).Append(0).Max() + 14);
        // Names that would run into each other are left out.
        int everyColumn = (int)Math.Ceiling(columns.Select(static c => 8.0 * c.Length).Append(1).Max() / cell), everyRow = (int)Math.Ceiling(14 / height);
        for (int c = 0; c < columns.Count; c += everyColumn) content.Add(Svg.Words(left + (c + 0.5) * cell, Top - 9, columns[c], "tick", "middle"));
        for (int r = 0; r < rows.Count; r++)
        {
            double y = Top + r * height;
            if (r % everyRow == 0) content.Add(Svg.Words(left - 10, y + height / 2 + 4, Short(rows[r]), "tick", "end"));
            for (int c = 0; c < columns.Count; c++)
            {
                double value = values[r, c], strength = value / most, x = left + c * cell;
                if (double.IsNaN(value)) continue;
                content.Add(Svg.Make("rect", "heat", ("x", x), ("y", y), ("width", cell - gap), ("height", height - gap), ("rx", large ? 3 : 1), ("fill-opacity", 0.05 + 0.95 * strength))
                    .Tip($"{rows[r]}, {columns[c]}: {tip(value)}"));
                if (large && inside(value) is { Length: > 0 } words)
                    content.Add(Svg.Words(x + (cell - gap) / 2, y + height / 2 + 3.5, words, strength > 0.85 ? "cell strong" : "cell", "middle"));
            }
        }

        return Svg.Drawing(left + columns.Count * cell, Top + rows.Count * height, label, [.. content]);
    }

    private static string Words(FormattableString words) => words.ToString(CultureInfo.InvariantCulture);

    // The end of a layer's name tells it from the others.
    private static string Short(string name) => name.Length <= LongestName ? name : "…" + name[^(LongestName - 1)..];
}
