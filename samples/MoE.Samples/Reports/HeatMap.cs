using System.Xml.Linq;

namespace MoE.Samples.Reports;

/// <summary>A matrix as coloured cells with their values.</summary>
public static class HeatMap
{
    private const double Cell = 46, Height = 34, Left = 84, Top = 28, Gap = 2;

    /// <summary>Draws it.</summary>
    /// <param name="rows">Names of the rows.</param>
    /// <param name="columns">Names of the columns.</param>
    /// <param name="shares">[rows, columns], each 0..1.</param>
    /// <param name="label">What it shows.</param>
    public static XElement Draw(IReadOnlyList<string> rows, IReadOnlyList<string> columns, double[,] shares, string label)
    {
        var content = new List<object>();
        double most = Math.Max(0.01, shares.Cast<double>().Max());
        for (int c = 0; c < columns.Count; c++) content.Add(Svg.Words(Left + (c + 0.5) * Cell, Top - 9, columns[c], "tick", "middle"));
        for (int r = 0; r < rows.Count; r++)
        {
            double y = Top + r * Height;
            content.Add(Svg.Words(Left - 10, y + Height / 2 + 4, rows[r], "tick", "end"));
            for (int c = 0; c < columns.Count; c++)
            {
                double share = shares[r, c], strength = share / most, x = Left + c * Cell;
                content.Add(Svg.Make("rect", "heat", ("x", x), ("y", y), ("width", Cell - Gap), ("height", Height - Gap), ("rx", 3), ("fill-opacity", 0.05 + 0.95 * strength))
                    .Tip($"{rows[r]}, {columns[c]}: {100 * share:0.0} %"));
                if (share >= 0.005) content.Add(Svg.Words(x + (Cell - Gap) / 2, y + Height / 2 + 3.5, $"{100 * share:0}", strength > 0.85 ? "cell strong" : "cell", "middle"));
            }
        }

        return Svg.Drawing(Left + columns.Count * Cell, Top + rows.Count * Height, label, [.. content]);
    }
}
